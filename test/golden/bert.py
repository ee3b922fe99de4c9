"""Golden files of BERT: one batch's logits, loss and gradients, and short runs under every schedule and PEFT method.

Run: /usr/bin/python3 test/golden/bert.py     (writes test/golden/bert/)
"""
import json
import os

import torch
import torch.nn.functional as F

import torch_bert as bert
from tensor_files import save, save_model

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bert")
C = dict(layers=4, hidden=16, heads=2, intermediate=32, vocab=40, positions=24)

g = torch.Generator().manual_seed(11)
batches = []
for lengths in ([7, 5, 9, 3], [4, 8, 6, 8], [10, 2, 5, 7]):
    S = max(lengths)
    ids = torch.randint(5, C["vocab"], (4, S), generator=g)
    mask = torch.tensor([[1 if j < n else 0 for j in range(S)] for n in lengths])
    types = torch.tensor([[1 if n // 2 < j < n else 0 for j in range(S)] for n in lengths])
    batches.append((ids * mask, mask, types, torch.randint(0, 2, (4,), generator=g)))

base = bert.initial(C, spread=0.3)
save_model(os.path.join(HERE, "model"), base, bert.config(C))


def extras(method):
    g = torch.Generator().manual_seed(5)
    p = {}
    for l in range(C["layers"]):
        b = f"bert.encoder.layer.{l}"
        if method == "lora":
            for m in ("query", "value"):
                p[f"{b}.attention.self.{m}.lora_A.weight"] = 0.3 * torch.randn(2, 16, generator=g)
                p[f"{b}.attention.self.{m}.lora_B.weight"] = 0.1 * torch.randn(16, 2, generator=g)
        if method in ("houlsby", "pfeiffer"):
            for m in (("attention.output", "output") if method == "houlsby" else ("output",)):
                p[f"{b}.{m}.adapter.down.weight"] = 0.3 * torch.randn(4, 16, generator=g)
                p[f"{b}.{m}.adapter.down.bias"] = 0.1 * torch.randn(4, generator=g)
                p[f"{b}.{m}.adapter.up.weight"] = 0.3 * torch.randn(16, 4, generator=g)
                p[f"{b}.{m}.adapter.up.bias"] = 0.1 * torch.randn(16, generator=g)
    return p


def method_trains(method, name):
    where = bert.place(name)[0]
    if where == "classifier":
        return True
    if method == "full":
        return True
    if where == "pooler":
        return method == "bitfit-all" and name.endswith("bias")
    if method == "bitfit-all":
        return name.endswith("bias")
    if method == "bitfit-query-intermediate":
        return name.endswith("self.query.bias") or name.endswith("intermediate.dense.bias")
    return "lora_" in name or ".adapter." in name


def stage_trains(schedule, embeddings, stage, T, name):
    where = bert.place(name)
    if where[0] == "block":
        size = C["layers"] // T
        first = {"full": 0, "progressive": (stage - 1) * size, "growing": (T - stage) * size}[schedule]
        return where[1] >= first
    if where[0] == "embeddings":
        if embeddings == "first-stage" and schedule != "full":
            return stage == (T if schedule == "growing" else 1)
        return embeddings != "never"
    return True


def train(method, schedule, embeddings, T, epochs, rate, warmup):
    extra = extras(method)
    p = {n: t.clone() for n, t in {**base, **extra}.items()}
    m = {n: torch.zeros_like(t) for n, t in p.items()}
    v = {n: torch.zeros_like(t) for n, t in p.items()}
    count = {n: 0 for n in p}
    total = epochs * len(batches)
    warm = -(-total * warmup // 1)
    out = {"losses": [], "rates": [], "norms": [], "updated": []}
    for step in range(total):
        epoch = step // len(batches)
        stage = epoch * T // epochs + 1
        on = [n for n in p if method_trains(method, n) and stage_trains(schedule, embeddings, stage, T, n)]
        if step % len(batches) == 0:
            out["updated"].append(sum(p[n].numel() for n in on))
        for n in p:
            p[n] = p[n].detach().requires_grad_(n in on)
        ids, mask, types, labels = batches[step % len(batches)]
        loss = F.cross_entropy(bert.classify(p, C, ids, mask, types, lora_scale=2.0), labels)
        loss.backward()
        # The gradient of a key's bias is exactly 0 (softmax ignores a shift); what autograd leaves is rounding.
        norm = torch.sqrt(sum((p[n].grad.double() ** 2).sum() for n in on)).item()
        clip = min(1.0, 1.0 / (norm + 1e-6))
        lr = rate * (step / max(1, warm) if step < warm else (total - step) / max(1, total - warm))
        out["losses"].append(loss.item()), out["rates"].append(lr), out["norms"].append(norm)
        with torch.no_grad():
            for n in on:
                if n.endswith("key.bias"):
                    continue
                grad = p[n].grad * clip
                count[n] += 1
                m[n] = 0.9 * m[n] + 0.1 * grad
                v[n] = 0.999 * v[n] + 0.001 * grad * grad
                t = count[n]
                w = p[n] * (1 - lr * 0.01) if bert.decays(n) else p[n].clone()
                p[n] = w - lr / (1 - 0.9**t) * m[n] / (v[n].sqrt() / (1 - 0.999**t) ** 0.5 + 1e-8)
    out["final"] = {n: [t.double().sum().item(), t.double().abs().sum().item()] for n, t in p.items() if "key.bias" not in n}
    return out


p = {n: t.clone().requires_grad_() for n, t in base.items()}
ids, mask, types, labels = batches[0]
logits = bert.classify(p, C, ids, mask, types)
loss = F.cross_entropy(logits, labels)
loss.backward()
save(os.path.join(HERE, "gradients.safetensors"), {n: t.grad for n, t in p.items()})
for method in ("lora", "houlsby", "pfeiffer"):
    save(os.path.join(HERE, f"{method}.safetensors"), extras(method))

runs = []
for method, schedule, embeddings, T, warmup in [
    ("full", "full", "always", 2, 0.0),
    ("full", "progressive", "always", 2, 0.0),
    ("full", "progressive", "first-stage", 4, 0.25),
    ("full", "progressive", "never", 2, 0.0),
    ("full", "growing", "always", 2, 0.0),
    ("full", "growing", "first-stage", 2, 0.0),
    ("lora", "progressive", "always", 2, 0.0),
    ("lora", "growing", "always", 2, 0.0),
    ("houlsby", "progressive", "always", 2, 0.0),
    ("pfeiffer", "progressive", "always", 2, 0.1),
    ("bitfit-all", "progressive", "always", 2, 0.0),
    ("bitfit-all", "progressive", "first-stage", 2, 0.0),
    ("bitfit-query-intermediate", "progressive", "always", 2, 0.0),
]:
    epochs = T
    settings = dict(method=method, schedule=schedule, embeddings=embeddings, T=T, epochs=epochs, rate=0.01, warmup=warmup)
    runs.append({**settings, **train(**settings)})

json.dump(
    {
        "versions": {"torch": torch.__version__},
        "batches": [[t.tolist() for t in batch] for batch in batches],
        "logits": logits.tolist(),
        "loss": loss.item(),
        "runs": runs,
    },
    open(os.path.join(HERE, "expected.json"), "w"),
)
