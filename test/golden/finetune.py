"""Golden files of whole fine-tuning runs from text: an SST-2 folder, the tiny BERT of bert.py, every schedule, with and without warm-up.

Run: /usr/bin/python3 test/golden/finetune.py                    (after bert.py; adds to test/golden/bert/)
     /usr/bin/python3 test/golden/finetune.py --check FOLDER...  (compares this code with other reference folders of the same layout)

Writes into test/golden/bert/:
  model/vocab.txt, model/tokenizer_config.json   a lower-case WordPiece vocabulary
  SST-2/train.tsv, SST-2/dev.tsv                 18 and 8 rows: the last batch is short, one row is cut at the maximum length
  finetune.json                                  {versions, settings, train_ids, dev_ids, dev_logits_before, noise, runs}
  finetune.safetensors                           the weights after the run whose `saved` is true
A run: schedule, embeddings, warmup_ratio, losses, learning_rates, gradient_norms (before clipping), updated_per_epoch,
dev_logits_after, dev_accuracy_after, final (name -> [sum, sum of absolute values], in float64), saved, and float64_difference: how far
losses and weights lie from the same run in float64. That is what rounding alone does: no tolerance below it means anything.

`noise` names tensors whose gradient is exactly 0 (softmax ignores the key's bias). Autograd leaves rounding there, which AdamW
scales up to steps as large as the learning rate, in any direction: a test must leave them out or allow the sum of the learning rates.
The optimiser is torch.optim.AdamW, one for the whole run; a frozen tensor has no gradient, so torch skips it and keeps its state.
"""
import json
import math
import os
import sys
import unicodedata

import torch
import torch.nn.functional as F

import torch_bert as bert
from tensor_files import load, save

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bert")
SETTINGS = {"epochs": 3, "stages": 3, "batch": 4, "lr": 0.005, "maxlen": 12, "weight_decay": 0.01, "max_gradient_norm": 1.0}
VOCABULARY = """[PAD] [UNK] [CLS] [SEP] [MASK] the a film plot actor scene story is was and but not this very good bad fine warm
dull cold cafe play watch un ##s ##ly ##er ##est ##ing ##n t , . ! '""".split()
TRAIN = [
    ("the film is good", 1), ("a dull plot and a cold actor", 0), ("Films was very very GOOD !", 1), ("bad", 0),
    ("this story isn't fine .", 0), ("warm , fine and good", 1), ("the scene was dull but the actor was warm , and the story was fine", 1),
    ("not good", 0), ("a café scene , warmest", 1), ("watching the plot : dully", 0), ("the coldest zebra", 0), ("this is not bad", 1),
    ("very fine actors", 1), ("unplaying", 0), ('the "bad" film', 0), ("good", 1), ("a story", 1), ("was this a plot ?", 0),
]
DEV = [
    ("the story is warm", 1), ("a cold scene", 0), ("not very good !", 0), ("fine films", 1), ("this actor was dull", 0),
    ("the plot isn't bad", 1), ("a good cafe", 1), ("bad acting", 0),
]


def words(text):
    """BERT's basic tokenizer: lower case, no accents, punctuation apart."""
    text = "".join(ch for ch in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(ch) != "Mn")
    mark = lambda ch: (ord(ch) < 128 and not ch.isalnum() and not ch.isspace()) or unicodedata.category(ch)[0] == "P"
    return "".join(f" {ch} " if mark(ch) else ch for ch in text).split()


def word_pieces(word, ids):
    """Longest match first; a word with an unknown rest is one [UNK]."""
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in ids), None)
        if end is None:
            return [ids["[UNK]"]]
        pieces.append(ids[prefix + word[start:end]])
        start = end
    return pieces


def encode(text, ids, maxlen):
    inner = [piece for word in words(text) for piece in word_pieces(word, ids)]
    return [ids["[CLS]"], *inner[: maxlen - 2], ids["[SEP]"]]


def read_rows(path):
    with open(path, encoding="utf-8") as f:
        return [(text, int(label)) for text, label in (line.rstrip("\n").split("\t") for line in f.readlines()[1:])]


def batches(rows, size):
    """rows: (ids, label). Batches in file order, padded to their longest row."""
    out = []
    for i in range(0, len(rows), size):
        part = rows[i : i + size]
        length = max(len(ids) for ids, _ in part)
        ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in part])
        mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in part])
        out.append((ids, mask, torch.zeros_like(ids), torch.tensor([label for _, label in part])))
    return out


def trains(name, schedule, embeddings, stage, stages, layers):
    """Parts of floor(L / T) blocks, the remainder in the top part; pooler and classifier always train."""
    where = bert.place(name)
    if schedule == "full" or where[0] in ("pooler", "classifier"):
        return True
    size = layers // stages
    if where[0] == "block":
        return where[1] >= size * (stage - 1 if schedule == "progressive" else stages - stage)
    return embeddings == "always" or (embeddings == "first-stage" and stage == (1 if schedule == "progressive" else stages))


def rate_factor(step, total, warmup_ratio):
    warm = math.ceil(total * warmup_ratio)
    return step / warm if step < warm else (total - step) / (total - warm)


def predict(p, c, data):
    with torch.no_grad():
        return torch.cat([bert.classify(p, c, ids, mask, types) for ids, mask, types, _ in data])


def finetune(weights, c, train, dev, s, dtype=torch.float32):
    p = {n: t.to(dtype, copy=True).requires_grad_() for n, t in weights.items()}
    groups = [{"params": [p[n] for n in p if bert.decays(n) == d], "weight_decay": s["weight_decay"] if d else 0.0} for d in (True, False)]
    optimiser = torch.optim.AdamW(groups, lr=s["lr"])
    total = s["epochs"] * len(train)
    out = {"losses": [], "learning_rates": [], "gradient_norms": [], "updated_per_epoch": []}
    for step in range(total):
        stage = step // len(train) * s["stages"] // s["epochs"] + 1
        for n, t in p.items():
            t.grad = None
            t.requires_grad_(trains(n, s["schedule"], s["embeddings"], stage, s["stages"], c["layers"]))
        on = [t for t in p.values() if t.requires_grad]
        ids, mask, types, labels = train[step % len(train)]
        loss = F.cross_entropy(bert.classify(p, c, ids, mask, types), labels)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(on, s["max_gradient_norm"])
        rate = s["lr"] * rate_factor(step, total, s["warmup_ratio"])
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        out["losses"].append(loss.item()), out["learning_rates"].append(rate), out["gradient_norms"].append(norm.item())
        if step % len(train) == 0:
            out["updated_per_epoch"].append(sum(t.numel() for t in on))
    logits = predict(p, c, dev)
    out["dev_logits_after"] = logits.tolist()
    out["dev_accuracy_after"] = (logits.argmax(1) == torch.cat([b[3] for b in dev])).double().mean().item()
    return out, {n: t.detach() for n, t in p.items()}


def worst(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def distance(a, b, noise=()):
    return max((a[n].double() - b[n].double()).abs().max().item() for n in a if n not in noise)


def shape_of(folder):
    with open(os.path.join(folder, "config.json")) as f:
        g = json.load(f)
    return {
        "layers": g["num_hidden_layers"], "hidden": g["hidden_size"], "heads": g["num_attention_heads"],
        "intermediate": g["intermediate_size"], "eps": g["layer_norm_eps"],
    }


def read_folder(folder, s):
    """A folder with model/ and SST-2/ -> weights, shape, training and dev batches."""
    with open(os.path.join(folder, "model", "vocab.txt"), encoding="utf-8") as f:
        ids = {token: i for i, token in enumerate(f.read().split("\n")[:-1])}
    split = lambda name: [(encode(text, ids, s["maxlen"]), label) for text, label in read_rows(os.path.join(folder, "SST-2", name))]
    data = (batches(split(name), s["batch"]) for name in ("train.tsv", "dev.tsv"))
    return load(os.path.join(folder, "model", "model.safetensors")), shape_of(os.path.join(folder, "model")), *data


def check(folder):
    with open(os.path.join(folder, "expected", "expected.json")) as f:
        wanted = json.load(f)
    s = {"stages": wanted["settings"]["epochs"], "warmup_ratio": 0.0, **{k: SETTINGS[k] for k in ("weight_decay", "max_gradient_norm")}, **wanted["settings"]}
    s["embeddings"] = {"first": "first-stage"}.get(s["embeddings"], s["embeddings"])
    weights, c, train, dev = read_folder(folder, s)
    out, final = finetune(weights, c, train, dev, s)
    saved = load(os.path.join(folder, "expected", "model.safetensors"))
    noise = [n for n in final if n.endswith("key.bias")]
    assert out["updated_per_epoch"] == wanted["updated_per_epoch"]
    for key in ("losses", "learning_rates", "gradient_norms"):
        print(f"{os.path.basename(folder)} {key}: {worst(out[key], wanted[key]):.1e}")
    print(f"{os.path.basename(folder)} weights: {distance(final, saved, noise):.1e}, key biases {distance({n: final[n] for n in noise}, saved):.1e}")


def write_text_files():
    os.makedirs(os.path.join(HERE, "SST-2"), exist_ok=True)
    with open(os.path.join(HERE, "model", "vocab.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(VOCABULARY) + "\n")
    with open(os.path.join(HERE, "model", "tokenizer_config.json"), "w") as f:
        json.dump({"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 24}, f)
    for name, rows in (("train.tsv", TRAIN), ("dev.tsv", DEV)):
        with open(os.path.join(HERE, "SST-2", name), "w", encoding="utf-8") as f:
            f.write("sentence\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))


def write_golden():
    write_text_files()
    weights, c, train, dev = read_folder(HERE, SETTINGS)
    noise = [n for n in weights if n.endswith("key.bias")]
    runs = []
    for schedule, embeddings in (("full", "always"), ("progressive", "always"), ("progressive", "first-stage"), ("growing", "always")):
        for warmup_ratio in (0.0, 0.1):
            s = {**SETTINGS, "schedule": schedule, "embeddings": embeddings, "warmup_ratio": warmup_ratio}
            out, final = finetune(weights, c, train, dev, s)
            exact, exact_final = finetune(weights, c, train, dev, s, torch.float64)
            difference = {"losses": worst(out["losses"], exact["losses"]), "weights": distance(final, exact_final, noise)}
            assert difference["losses"] < 2e-5 and difference["weights"] < 1e-4, f"{schedule} is ill-conditioned: {difference}"
            sums = {n: [t.double().sum().item(), t.double().abs().sum().item()] for n, t in final.items()}
            saved = (schedule, embeddings, warmup_ratio) == ("progressive", "always", 0.0)
            if saved:
                save(os.path.join(HERE, "finetune.safetensors"), final)
            named = {"schedule": schedule, "embeddings": embeddings, "warmup_ratio": warmup_ratio}
            runs.append({**named, **out, "final": sums, "saved": saved, "float64_difference": difference})
    rows = lambda data: [[i for i, m in zip(ids, mask) if m] for b in data for ids, mask in zip(b[0].tolist(), b[1].tolist())]
    with open(os.path.join(HERE, "finetune.json"), "w") as f:
        json.dump({
            "versions": {"torch": torch.__version__}, "settings": SETTINGS, "train_ids": rows(train), "dev_ids": rows(dev),
            "dev_logits_before": predict(weights, c, dev).tolist(), "noise": noise, "runs": runs,
        }, f)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--check"]:
        for folder in sys.argv[2:]:
            check(folder.rstrip("/"))
    else:
        write_golden()
