"""Golden files of the PEFT methods over the model of bert.py: forward, gradients, and a short progressive run to its last tensor.

Run: /usr/bin/python3 test/golden/peft.py     (after bert.py; writes test/golden/peft/, without steered.json)
     python3 test/golden/peft_steered.py      (after it; writes test/golden/peft/steered.json)
  expected.json: {versions, settings, noise, methods: {method: {logits, loss, trained, gradient_norm, losses, learning_rates,
    gradient_norms, updated_per_epoch, float64_difference}}}; logits, loss and gradient are of the first batch, everything of the method unfrozen
  <method>.gradients.safetensors   the gradient of every trained tensor for that batch
  <method>.final.safetensors       every trained tensor after the run
Batches: those of bert/expected.json, in order. Initial values: bert/model, and bert/{lora,houlsby,pfeiffer}.safetensors (pfeiffer-relu takes
pfeiffer's); a LoRA B and an adapter's up map start away from 0, so that every gradient is there from the first step.
The run: 2 epochs of 3 batches, T = 2, progressive: all 4 blocks for three steps, the upper 2 for three; linear decay to 0, torch.optim.AdamW
(decay 0.01 except biases and LayerNorm), clipping at 1.0 over what trains. The head that trains is the classifier alone, the pooler is frozen
(BitFit "all" trains the pooler's bias as one of the model's biases, and the embedding LayerNorm's in every stage).

lora                      r 2, alpha 4 on query and value: y + alpha / r B A x; `<module>.lora_A.weight` [r, in], `.lora_B.weight` [out, r]
houlsby                   size 4, GELU, after both sub-layers: h + up(act(down(h))) after dense and dropout, before residual and LayerNorm
pfeiffer, pfeiffer-relu   size 4, GELU or ReLU, after the feed-forward sub-layer
bitfit-all, bitfit-query-intermediate
`noise`: tensors whose gradient is exactly 0 (see finetune.py).
"""
import json
import os

import torch
import torch.nn.functional as F

import torch_bert as bert
from finetune import rate_factor, shape_of
from tensor_files import load, save

torch.set_num_threads(1)
GOLDEN = os.path.dirname(os.path.abspath(__file__))
HERE = os.path.join(GOLDEN, "peft")
SETTINGS = {"epochs": 2, "stages": 2, "lr": 0.01, "weight_decay": 0.01, "max_gradient_norm": 1.0, "rank": 2, "alpha": 4, "size": 4}
METHODS = ["lora", "houlsby", "pfeiffer", "pfeiffer-relu", "bitfit-all", "bitfit-query-intermediate"]

with open(os.path.join(GOLDEN, "bert", "expected.json")) as f:
    earlier = json.load(f)
batches = [[torch.tensor(part) for part in batch] for batch in earlier["batches"]]
base = load(os.path.join(GOLDEN, "bert", "model", "model.safetensors"))


def initial(method):
    if method.startswith("bitfit"):
        return {n: t.clone() for n, t in base.items()}
    return {n: t.clone() for n, t in {**base, **load(os.path.join(GOLDEN, "bert", method.split("-")[0] + ".safetensors"))}.items()}


def method_trains(method, name):
    if name in ("classifier.weight", "classifier.bias"):
        return True
    if method == "bitfit-all":
        return name.endswith(".bias")
    if method == "bitfit-query-intermediate":
        return name.endswith((".attention.self.query.bias", ".intermediate.dense.bias"))
    return name not in base


def logits_and_loss(p, c, batch, loss_of=F.cross_entropy):
    ids, mask, types, labels = batch
    logits = bert.classify(p, c, ids, mask, types, lora_scale=SETTINGS["alpha"] / SETTINGS["rank"])
    return logits, loss_of(logits, labels)


def one_batch(method, c):
    p = {n: t.requires_grad_(method_trains(method, n)) for n, t in initial(method).items()}
    logits, loss = logits_and_loss(p, c, batches[0])
    loss.backward()
    gradients = {n: t.grad for n, t in p.items() if t.requires_grad}
    save(os.path.join(HERE, f"{method}.gradients.safetensors"), gradients)
    norm = torch.sqrt(sum((g.double() ** 2).sum() for g in gradients.values())).item()
    return {"logits": logits.tolist(), "loss": loss.item(), "trained": list(gradients), "gradient_norm": norm}


def run(method, c, dtype=torch.float32, loss_of=F.cross_entropy, factor_of=lambda name: 1.0):
    p = {n: t.to(dtype) for n, t in initial(method).items()}
    ever = [n for n in p if method_trains(method, n)]
    optimiser = torch.optim.AdamW(
        [{"params": [p[n]], "weight_decay": SETTINGS["weight_decay"] if bert.decays(n) else 0.0, "factor": factor_of(n)} for n in ever], lr=SETTINGS["lr"])
    total = SETTINGS["epochs"] * len(batches)
    out = {"losses": [], "learning_rates": [], "gradient_norms": [], "updated_per_epoch": []}
    for step in range(total):
        first = step // len(batches) * (c["layers"] // SETTINGS["stages"])
        for n in ever:
            where = bert.place(n)
            p[n].grad = None
            p[n].requires_grad_(where[0] != "block" or where[1] >= first)
        on = [p[n] for n in ever if p[n].requires_grad]
        _, loss = logits_and_loss(p, c, batches[step % len(batches)], loss_of)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(on, SETTINGS["max_gradient_norm"])
        rate = SETTINGS["lr"] * rate_factor(step, total, 0.0)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        optimiser.step()
        out["losses"].append(loss.item()), out["learning_rates"].append(rate), out["gradient_norms"].append(norm.item())
        if step % len(batches) == 0:
            out["updated_per_epoch"].append(sum(t.numel() for t in on))
    return out, {n: p[n].detach() for n in ever}


def agrees_with_bert_py(method, out):
    """bert.py makes the same run with an AdamW of its own: two optimisers, one answer."""
    for other in earlier["runs"]:
        if (other["method"], other["schedule"], other["T"], other["warmup"], other["embeddings"]) == (method, "progressive", 2, 0.0, "always"):
            assert max(abs(x - y) for x, y in zip(out["losses"], other["losses"], strict=True)) < 2e-6, method


def config_of(method):
    return {**shape_of(os.path.join(GOLDEN, "bert", "model")), "adapter_activation": F.relu if method.endswith("-relu") else F.gelu}


NOISE = [n for n in base if n.endswith("key.bias")]

if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    expected = {}
    for method in METHODS:
        c = config_of(method)
        out, final = run(method, c)
        agrees_with_bert_py(method, out)
        exact_out, exact = run(method, c, torch.float64)
        difference = max((final[n].double() - exact[n]).abs().max().item() for n in final if n not in NOISE)
        assert difference < 1e-4, f"{method} is ill-conditioned: {difference}"
        save(os.path.join(HERE, f"{method}.final.safetensors"), final)
        expected[method] = {**one_batch(method, c), **out, "float64_difference": {"weights": difference}}
    with open(os.path.join(HERE, "expected.json"), "w") as f:
        json.dump({"versions": {"torch": torch.__version__}, "settings": SETTINGS, "noise": NOISE, "methods": expected}, f)
