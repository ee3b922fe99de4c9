"""Golden runs with settings that change the loss, the rates or the budget: the tiny BERT and the SST-2 folder of finetune.py.

Run: python3 test/golden/steered.py > test/golden/steered.json   (after finetune.py)

Layout: {versions, settings, noise, runs: [{name, label_smoothing, class_weights, layerwise, max_steps, warmup_steps, accumulation, bias_only,
losses, learning_rates, gradient_norms, stages, final: {name: [sum, sum of absolute values]}, float64_difference}]}.
The loss is `torch.nn.CrossEntropyLoss(weight, label_smoothing)` over all examples of a step, so with accumulation over its batches
together. Layer-wise rates are param groups of `torch.optim.AdamW`: block l of L at decay^(L-l), the embeddings at decay^L. The stages
are progressive, T = 3, embeddings always; under max_steps stage t begins at step ceil((t-1) max_steps / T).
"""
import json
import math

import torch

import torch_bert as bert
from finetune import HERE, SETTINGS, distance, read_folder, trains, worst

T, EPOCHS = 3, 3
RATE = 0.002
BALANCED = "balanced"


def rate_factor(step, total, warm):
    return step / warm if step < warm else (total - step) / (total - warm)


def depth_factor(name, decay, layers):
    where = bert.place(name)
    if where[0] == "embeddings":
        return decay**layers
    return decay ** (layers - 1 - where[1]) if where[0] == "block" else 1.0


def run(weights, c, train, s, dtype=torch.float32):
    p = {n: t.to(dtype, copy=True).requires_grad_() for n, t in weights.items()}
    wants = lambda n: not s["bias_only"] or n.endswith(".bias") or bert.place(n)[0] in ("pooler", "classifier")
    optimiser = torch.optim.AdamW(
        [{"params": [t], "weight_decay": SETTINGS["weight_decay"] if bert.decays(n) else 0.0, "lr": 0.0,
          "factor": depth_factor(n, s["layerwise"], c["layers"])} for n, t in p.items()], lr=RATE)
    weight = s["class_weights"]
    if weight == BALANCED:
        labels = torch.cat([b[3] for b in train])
        counts = torch.bincount(labels, minlength=2)
        weight = (len(labels) / (2 * counts.double())).tolist()
    loss_of = torch.nn.CrossEntropyLoss(
        weight=None if weight is None else torch.tensor(weight, dtype=dtype), label_smoothing=s["label_smoothing"])
    groups = [train[i : i + s["accumulation"]] for i in range(0, len(train), s["accumulation"])]
    total = s["max_steps"] or EPOCHS * len(groups)
    out = {"losses": [], "learning_rates": [], "gradient_norms": [], "stages": []}
    for step in range(total):
        stage = step * T // total + 1
        for n, t in p.items():
            t.grad = None
            t.requires_grad_(wants(n) and trains(n, "progressive", "always", stage, T, c["layers"]))
        logits, labels = [], []
        for ids, mask, types, y in groups[step % len(groups)]:
            logits.append(bert.classify(p, c, ids, mask, types))
            labels.append(y)
        loss = loss_of(torch.cat(logits), torch.cat(labels))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([t for t in p.values() if t.requires_grad], SETTINGS["max_gradient_norm"])
        rate = RATE * rate_factor(step, total, s["warmup_steps"])
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        optimiser.step()
        out["losses"].append(loss.item()), out["learning_rates"].append(rate)
        out["gradient_norms"].append(norm.item()), out["stages"].append(stage)
    return out, {n: t.detach() for n, t in p.items()}


PLAIN = {"label_smoothing": 0.0, "class_weights": None, "layerwise": 1.0, "max_steps": 0, "warmup_steps": 0, "accumulation": 1, "bias_only": False}
CASES = {
    "smoothed": {"label_smoothing": 0.1},
    "weighted": {"class_weights": [0.5, 2.0]},
    "balanced, smoothed, accumulated": {"class_weights": BALANCED, "label_smoothing": 0.2, "accumulation": 2},
    "weighted, accumulated": {"class_weights": [3.0, 1.0], "accumulation": 3},
    "layer-wise": {"layerwise": 0.8},
    "layer-wise, biases alone": {"layerwise": 0.5, "bias_only": True},
    "eight steps, warm-up of two": {"max_steps": 8, "warmup_steps": 2},
    "everything": {"label_smoothing": 0.1, "class_weights": [1.5, 1.0], "layerwise": 0.9, "max_steps": 11, "warmup_steps": 3, "accumulation": 2},
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    weights, c, train, _ = read_folder(HERE, SETTINGS)
    noise = [n for n in weights if n.endswith("key.bias")]
    runs = []
    for name, more in CASES.items():
        s = {**PLAIN, **more}
        out, final = run(weights, c, train, s)
        exact, exact_final = run(weights, c, train, s, torch.float64)
        difference = {"losses": worst(out["losses"], exact["losses"]), "weights": distance(final, exact_final, noise)}
        assert difference["losses"] < 2e-5 and difference["weights"] < 1e-4, f"{name} is ill-conditioned: {difference}"
        sums = {n: [t.double().sum().item(), t.double().abs().sum().item()] for n, t in final.items()}
        runs.append({"name": name, **s, **out, "final": sums, "float64_difference": difference})
    print(json.dumps({"versions": {"torch": torch.__version__}, "settings": {"batch": SETTINGS["batch"], "lr": RATE, "maxlen": SETTINGS["maxlen"]}, "noise": noise, "runs": runs}))
