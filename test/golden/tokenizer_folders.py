"""Golden ids, token types and offsets of tokenizer folders, as Hugging Face's Python library gives them: `AutoTokenizer.from_pretrained`.

Each folder is a way in which vocabulary, `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` meet in
the wild, and contradict each other. The lines are drawn from FRAGMENTS by a generator that the test repeats; per folder the result is one hash
for each CHUNK lines, and the first lines in full. Each folder takes its own SHARE of the lines, from START_STEP lines further on than the last.

Run, with a Python that has `pip install transformers==5.24.0`: python -P test/golden/tokenizer_folders.py > test/golden/tokenizer_folders.json
To see what a chunk holds: python -P test/golden/tokenizer_folders.py FOLDER CHUNK
"""
import hashlib
import json
import os
import pathlib
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import tokenizers
import transformers

LINES, SHARE, START_STEP, CHUNK, WHOLE = 4000, 1000, 150, 50, 4

FRAGMENTS = [
    # words, known, in pieces, unknown, too long
    "the", "The", "film", "Film", "FILM", "unbelievable", "unbelievably", "walking", "Paris", "paris", "quixotic", "x" * 101, "y" * 99, "a", "I",
    "don't", "U.S.A.", "e.g.", "3.14", "1,000", "12-12", "100%", "$5", "#tag", "@name", "a_b", "C++", "https://a.b/c?d=e", "...", "!!!", "--",
    # accents, composed and not, ligatures, cases that change length
    "café", "cafe\u0301", "naïve", "Zoë", "ÀÉÎ", "ä", "A\u0308", "ǅ", "İ", "ı", "ẞ", "ß", "ﬁ", "ŉ", "Ω", "Å", "ñ", "n\u0303", "o\u0302\u0323", "ệ",
    "Σίσυφος", "ΣΑΣ", "Ёлка", "ёлка", "й", "и\u0306", "Æon", "œuvre", "ø", "đ",
    # scripts
    "日本", "日本語", "東京", "x日本y", "か", "が", "か\u3099", "カ", "ｶﾞ", "한국어", "ᄒ\u1161ᆫ", "中文，标点。", "𠮷", "㐀", "豈", "שלום", "שָׁלוֹם", "مرحبا", "مُحَمَّد",
    "\u202bאבג\u202c", "नमस्ते", "ไทย", "ก\u0e33", "አማርኛ", "ᏣᎳᎩ", "Ꮳ", "ꭰ", "ქართული", "ᲥᲐ",
    # emoji, symbols, other planes
    "😀", "👍🏽", "👩‍👩‍👧", "🇫🇷", "❤️", "☃", "©", "™", "∑", "≠", "𝒜𝓑", "𝔘", "①", "Ⅳ", "½", "Ｆｕｌｌ", "\U000e0041", "\ue000", "\U0010fffd",
    # white space, control and invisible characters
    "\t", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000", "\u200b",
    "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\x00", "\x01", "\x7f", "\x80", "\x9f", "\ufffd", "\ufffe", "\ufe0f", "a\u200bb",
    "a\u00adb", "a\x00b", "a\x85b", "a\u2028b", "in\ufeffside",
    # special, unused and added tokens, whole, in other case, within words
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[mask]", "[unused1]", "##ing", "##", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "<cls>", "<MASK>",
    "[E1]", "[/E1]", "[e1]", "word[E1]word", "[E1][/E1]", "[E2]", "x[E2]", " [E2] ", "Marker", "marker", "premarkerpost", "Mårker", "née", "NÉE",
    "<extra>", "x<extra>y", "[IMG]", "new_tok", "New_Tok", "日本[E1]日本", "e\u0301[E1]\u0301",
]
GLUE = ["", "", " ", " ", " ", "  ", "-", "\u0301"]


def lines():
    state = 20250123
    def draw(n):
        nonlocal state
        state = state * 48271 % 2147483647
        return state % n
    for _ in range(LINES):
        text = ""
        for _ in range(draw(14)):
            text += GLUE[draw(len(GLUE))] + FRAGMENTS[draw(len(FRAGMENTS))]
        yield text


LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDPIECE = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *LETTERS.upper()[:26], *("##" + x for x in LETTERS),
             *"ÀÉÎäåëéèñößøđœæıïöωσςλтйёеλкаи", *("##" + x for x in "éèäëïöñßσςυφοка"), *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "日", "本", "日本", "##本", "語", "東", "京",
             "東京", "か", "が", "カ", "中", "文", "，", "。", "한국어", "##ᆫ", "ש", "##ל", "שלום", "م", "##ر", "न", "##म", "😀", "👍", "❤", "©", "∑", "≠", "①", "½",
             "the", "The", "film", "Film", "FILM", "un", "##believ", "##able", "##ably", "walk", "##ing", "##s", "Paris", "paris", "cafe", "café", "naive", "zoe", "word",
             "marker", "Marker", "née", "nee", "[E0]", "new", "_", "tok", "mask", "extra", "##\u0301", "\u0301", "\u200d", "\u00ad", "\ufffd", "\u2060"]
MODEL = {"bert": {"model_type": "bert"}, "electra": {"model_type": "electra"}, "roberta": {"model_type": "roberta"}}


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def byte_level():
    """A byte-level BPE learnt from the lines: vocab.json and merges.txt."""
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    learner.train_from_iterator(list(lines()), tokenizers.trainers.BpeTrainer(vocab_size=600, special_tokens=special, show_progress=False,
                                initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(learner.to_str())["model"]
    return model["vocab"], [list(pair) for pair in model["merges"]]


def ids_of(vocabulary):
    return {word: i for i, word in enumerate(vocabulary)}


# In files, {"$": NAME} stands for a vocabulary by name, so that none is written twice.
def wordpiece_json(lower=True, strip=None, cjk=True, added=(), chars=100, frame=True):
    ids = ids_of(WORDPIECE)
    special = [{"id": ids[x], **token(x)} for x in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]]
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    template = {"type": "TemplateProcessing", "single": single,
                "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                "special_tokens": {x: {"id": x, "ids": [ids[x]], "tokens": [x]} for x in ["[CLS]", "[SEP]"]}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [*special, *added],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": cjk, "strip_accents": strip, "lowercase": lower},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template if frame else None,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": chars, "vocab": {"$": "wordpiece"}}}


def byte_level_json(ids, prefix=False, trim=True, added=(), frame=True):
    special = [{"id": ids[x], **token(x, normalized=x != "<mask>", lstrip=x == "<mask>")} for x in ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]]
    level = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": True}
    frame = {"type": "RobertaProcessing", "sep": ["</s>", ids["</s>"]], "cls": ["<s>", ids["<s>"]], "trim_offsets": trim, "add_prefix_space": prefix} if frame else None
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [*special, *added], "normalizer": None, "pre_tokenizer": level,
            "post_processor": frame, "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                      "byte_fallback": False, "vocab": {"$": "bytes"}, "merges": {"$": "merges"}}}


def folders(byte_ids):
    n, bert, roberta = len(WORDPIECE), MODEL["bert"], MODEL["roberta"]
    vocab = {"vocab.txt": {"$": "lines"}}
    bpe = {"vocab.json": {"$": "bytes"}, "merges.txt": {"$": "merge lines"}}
    config = lambda **settings: {"tokenizer_config.json": settings}
    markers = {"added_tokens.json": {"[E1]": n, "[/E1]": n + 1}}
    flags = {str(n): token("[E1]", lstrip=True, rstrip=True), str(n + 1): token("[E2]", single_word=True), str(n + 2): token("Marker", normalized=True, special=False),
             str(n + 3): token("née", normalized=True, special=False, single_word=True), str(n + 4): token("new_tok", normalized=False, special=False)}
    cls = lambda name, **settings: config(tokenizer_class=name, **settings)
    yield "bert/vocab", bert, vocab
    yield "bert/cased", bert, vocab | config(do_lower_case=False)
    yield "bert/accents-kept", bert, vocab | cls("BertTokenizer", do_lower_case=True, strip_accents=False)
    yield "bert/cased-accents-stripped", bert, vocab | cls("BertTokenizerFast", do_lower_case=False, strip_accents=True, model_max_length=512)
    yield "bert/cjk-whole", bert, vocab | config(tokenize_chinese_chars=False)
    yield "bert/json-lower-config-cased", bert, vocab | {"tokenizer.json": wordpiece_json()} | config(do_lower_case=False)
    yield "bert/json-cased-no-config", bert, {"tokenizer.json": wordpiece_json(lower=False, strip=False, cjk=False)}
    yield "bert/json-alone", bert, {"tokenizer.json": wordpiece_json(lower=False, cjk=False, chars=6)} | cls("PreTrainedTokenizerFast", do_lower_case=True)
    yield "bert/json-alone-no-frame", bert, {"tokenizer.json": wordpiece_json(frame=False)} | cls("TokenizersBackend")
    yield "bert/json-alone-decoder", bert, {"tokenizer.json": wordpiece_json(added=[{"id": n, **token("[E1]")}])} | cls("PreTrainedTokenizerFast", added_tokens_decoder=flags, cls_token="[CLS]", sep_token="[SEP]")
    yield "bert/json-alone-extra", bert, {"tokenizer.json": wordpiece_json()} | markers | cls("PreTrainedTokenizerFast", additional_special_tokens=["[E2]", "<extra>"], pad_token="[PAD]")
    yield "bert/class-of-model", bert | {"tokenizer_class": "BertTokenizerFast"}, {"tokenizer.json": wordpiece_json(lower=False, chars=6)}
    yield "bert/unknown-class", bert, {"tokenizer.json": wordpiece_json(lower=False)} | cls("HomeMadeTokenizer", do_lower_case=True)
    yield "bert/byte-level-json", bert, {"tokenizer.json": byte_level_json(byte_ids)} | cls("BertTokenizer", unk_token="<unk>", cls_token="<s>", sep_token="</s>", pad_token="<pad>", mask_token="<mask>")
    yield "bert/added", bert, vocab | markers
    yield "bert/added-json", bert, vocab | markers | {"tokenizer.json": wordpiece_json()}
    yield "bert/added-gaps", bert, vocab | {"added_tokens.json": {"[E2]": n + 7, "[E1]": n + 3, "Marker": n + 1, "film": 3}}
    yield "bert/added-special", bert, vocab | markers | {"special_tokens_map.json": {"additional_special_tokens": ["[E1]", "[E2]"], "cls_token": "[CLS]", "mask_token": token("[MASK]", lstrip=True)}}
    yield "bert/added-special-config", bert, vocab | markers | config(additional_special_tokens=["[E1]", "<extra>"], mask_token=token("[MASK]", lstrip=True) | {"__type": "AddedToken"})
    yield "bert/decoder", bert, vocab | markers | config(do_lower_case=True, added_tokens_decoder=flags, additional_special_tokens=["[IMG]"])
    yield "bert/decoder-cased", bert, vocab | config(do_lower_case=False, added_tokens_decoder=flags, extra_special_tokens=["[IMG]", "[E1]"])
    yield "bert/roles", bert, vocab | config(image_token="[IMG]", extra_special_tokens={"begin": "[E1]", "end": "[/E1]"})
    yield "bert/extra-in-map", bert, vocab | {"special_tokens_map.json": {"extra_special_tokens": ["<extra>", {"content": "[E2]", "single_word": True}]}} | config(extra_special_tokens=["[E1]"])
    yield "bert/own-specials", bert, vocab | config(cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="film", mask_token="<mask>")
    yield "bert/own-specials-map", bert, vocab | {"special_tokens_map.json": {"cls_token": "[unused1]", "sep_token": token("Marker", normalized=True)}} | config(cls_token="<s>", do_lower_case=False)
    yield "bert/bos-eos", bert, vocab | config(bos_token="<s>", eos_token="</s>", add_bos_token=True, do_lower_case=True)
    yield "bert/odd-lines", bert, {"vocab.txt": {"$": "odd lines"}} | config(do_lower_case=False)
    yield "bert/no-model-type", {}, {"tokenizer.json": wordpiece_json(lower=False)} | vocab
    yield "electra/vocab", MODEL["electra"], vocab | config(do_lower_case=True, strip_accents=False)
    yield "electra/class", MODEL["electra"], vocab | {"tokenizer.json": wordpiece_json(lower=False)} | cls("ElectraTokenizerFast", model_max_length=512)
    yield "bert/distil", bert, vocab | {"tokenizer.json": wordpiece_json()} | cls("DistilBertTokenizer", do_lower_case=False)
    yield "roberta/vocab-merges", roberta, bpe
    yield "roberta/prefix", roberta, bpe | cls("RobertaTokenizer", add_prefix_space=True)
    yield "roberta/json", roberta, {"tokenizer.json": byte_level_json(byte_ids)} | config(model_max_length=512)
    yield "roberta/json-conflict", roberta, bpe | {"tokenizer.json": byte_level_json(byte_ids, prefix=True, trim=False)} | cls("RobertaTokenizerFast", trim_offsets=True)
    yield "roberta/untrimmed", roberta, {"tokenizer.json": byte_level_json(byte_ids)} | cls("RobertaTokenizer", add_prefix_space=True, trim_offsets=False, mask_token=token("<mask>", lstrip=True) | {"__type": "AddedToken"})
    yield "roberta/added", roberta, bpe | {"added_tokens.json": {"[E1]": len(byte_ids), "née": len(byte_ids) + 1}, "special_tokens_map.json": {"additional_special_tokens": ["[E1]"], "mask_token": token("<mask>", lstrip=True)}}
    yield "roberta/json-alone", roberta, {"tokenizer.json": byte_level_json(byte_ids, prefix=True, trim=False)} | cls("PreTrainedTokenizerFast", add_prefix_space=False, bos_token="<s>")
    yield "roberta/json-alone-no-frame", roberta, {"tokenizer.json": byte_level_json(byte_ids, frame=False)} | cls("PreTrainedTokenizerFast")
    yield "roberta/wordpiece", roberta, vocab | cls("BertTokenizer")
    yield "bert/bart-class", bert, bpe | cls("BartTokenizer")


def written(value, named):
    if isinstance(value, dict):
        return named[value["$"]] if set(value) == {"$"} else {key: written(item, named) for key, item in value.items()}
    return [written(item, named) for item in value] if isinstance(value, list) else value


def encoded(tokenizer, first, second):
    single = tokenizer(first, return_token_type_ids=True)
    pair = tokenizer(first, second, return_token_type_ids=True)
    bare = tokenizer(first, add_special_tokens=False, return_offsets_mapping=True)
    for i in range(len(first)):
        yield [single["input_ids"][i], single["token_type_ids"][i], pair["input_ids"][i], pair["token_type_ids"][i],
               [place for offsets in bare["offset_mapping"][i] for place in offsets]]


def digest(rows):
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()[:10]


def main():
    byte_ids, merges = byte_level()
    odd = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2028", "a", "film \t", "b\r", "\x85", "##b", "a", "日本\u3000", "The", "\ufeff", "c\x1f", "word", "##s"]) + "\n"
    named = {"wordpiece": ids_of(WORDPIECE), "lines": "\n".join(WORDPIECE) + "\n", "odd lines": odd, "bytes": byte_ids, "merges": merges,
             "merge lines": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)}
    every = list(lines())
    golden = []
    with tempfile.TemporaryDirectory() as home:
        for name, model, files in folders(byte_ids):
            folder = pathlib.Path(home) / name
            folder.mkdir(parents=True)
            for path, content in {"config.json": model, **files}.items():
                full = written(content, named)
                (folder / path).write_text(full if isinstance(full, str) else json.dumps(full), encoding="utf-8", newline="")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            start = len(golden) * START_STEP
            first, second = ([every[(start + i + shift) % LINES] for i in range(SHARE)] for shift in (0, 1))
            rows = list(encoded(tokenizer, first, second))
            chunks = [rows[i:i + CHUNK] for i in range(0, SHARE, CHUNK)]
            if sys.argv[1:2] == [name]:
                at = int(sys.argv[2]) * CHUNK
                for text, row in zip(first[at:], chunks[int(sys.argv[2])]):
                    print(json.dumps(text, ensure_ascii=False), json.dumps(row))
            golden.append({"name": name, "class": type(tokenizer).__name__, "size": len(tokenizer), "files": {"config.json": model, **files},
                           "rows": rows[:WHOLE], "chunks": "".join(digest(chunk) for chunk in chunks)})
    if len(sys.argv) == 1:
        versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
        print(json.dumps({"versions": versions, "lines": LINES, "share": SHARE, "startStep": START_STEP, "chunk": CHUNK, "fragments": FRAGMENTS, "glue": GLUE,
                          "wordpiece": WORDPIECE, "oddLines": odd, "bytes": byte_ids, "merges": merges, "folders": golden}, separators=(",", ":")))


main()
