"""Golden ids of BERT's tokenizer from `vocab.txt` alone, its options, and truncation of texts and pairs.

Hugging Face's own `BertWordPieceTokenizer`. Release 0.22.2 on purpose: from 0.23 on the library stops tokenising at the length limit before it
compares the two texts of a pair, so that the odd token of a tie goes to the other text (huggingface/tokenizers#1990).

Run, with a Python that has `pip install tokenizers==0.22.2`: python test/golden/tokenizer.py > test/golden/tokenizer.json
"""
import itertools
import json
import pathlib
import tempfile

import tokenizers

letters = "abcdefghijklmnopqrstuvwxyz"
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + x for x in letters), "A", "Z", "É", "é",
              "##é", "日", "本", "日本", ".", ",", "!", "'", "-", "film", "the", "##ing", "un", "##believ", "##able", "Film", "1", "##2"]
texts = ["The film is unbelievable!", "Zoé's naïve café, ÀÉÎ", "日本 x日本y", "[MASK] and [SEP] in text", "a\tb\u00a0c\u200bd\u0000e\r\nf",
         "", " ", "😀 x", "12-12", "ǅ İ ẞ ﬁ", "e\u0301 n\u0303", "x" * 101, "y" * 100]
options = [
    {},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
    {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True},
]
lengths = [3, 4, 5, 6, 7, 8, 11, 12]
words = [0, 1, 2, 3, 4, 5, 7, 8, 12, 13]


def load(path, given):
    return tokenizers.BertWordPieceTokenizer(
        str(path), lowercase=given.get("do_lower_case", True), strip_accents=given.get("strip_accents"),
        handle_chinese_chars=given.get("tokenize_chinese_chars", True))


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "vocab.txt"
    path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    plain = [{"options": given, "ids": [load(path, given).encode(text).ids for text in texts]} for given in options]
    tokenizer, truncated = load(path, {}), []
    for length in lengths:
        tokenizer.enable_truncation(length, strategy="longest_first")
        pairs = [tokenizer.encode(" ".join("a" * a), " ".join("b" * b)) for a, b in itertools.product(words, words)]
        singles = [tokenizer.encode(" ".join("a" * a)) for a in words]
        truncated.append({"maxLength": length, "singles": [e.ids for e in singles], "pairs": [e.ids for e in pairs],
                          "types": [e.type_ids for e in pairs]})

print(json.dumps({"versions": {"tokenizers": tokenizers.__version__}, "vocabulary": vocabulary, "texts": texts, "plain": plain,
                  "words": words, "truncated": truncated}, separators=(",", ":")))
