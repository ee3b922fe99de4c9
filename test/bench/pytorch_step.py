"""The peer of our benchmarks: the same training step in PyTorch, one step per line `step` on standard input.

Forward, backward, clipping by the global norm and AdamW over the same shapes as ours, in float32 without autocast. Prints one JSON line
{ready, torch, threads, blas} at the start, {ms, peakBytes} for a line `step`, {peakBytes} for `memory`, and ends at `quit`.
--device D: where the model is, cpu or cuda (float32 products, no TF32: torch's default). --first-block K trains blocks K and up, --embeddings 0 freezes the embeddings, --lora R trains LoRA of rank R, --forward only predicts.
Gradients are set to None, not zeroed. AdamW loops over the tensors: at BERT-base shape torch 1.13's foreach form took twice the CPU time
(754 against 337 ms, one thread, least of 10); at toy shapes it is even or a little ahead. --foreach 1 takes it.
"""
import argparse
import ctypes
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

a = argparse.ArgumentParser()
for name, value in dict(layers=12, hidden=768, heads=12, intermediate=3072, vocab=30522, positions=512, batch=8, length=128, threads=2, first_block=0, embeddings=1, lora=0, foreach=0).items():
    a.add_argument("--" + name.replace("_", "-"), type=int, default=value)
a.add_argument("--dropout", type=float, default=0.1)
a.add_argument("--device", default="cpu")
a.add_argument("--forward", action="store_true")
o = a.parse_args()
# OpenBLAS reads its thread count once, while torch loads it; torch.set_num_threads does not reach it.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(o.threads)

import torch
import torch.nn.functional as F

import torch_bert as bert
from peak_memory import peak_bytes

torch.set_num_threads(o.threads)
torch.manual_seed(0)
device = torch.device(o.device)
c = dict(layers=o.layers, hidden=o.hidden, heads=o.heads, intermediate=o.intermediate, vocab=o.vocab, positions=o.positions)
p = bert.initial(c)
if o.lora:
    for l in range(o.layers):
        for m in ("query", "value"):
            n = f"bert.encoder.layer.{l}.attention.self.{m}"
            p[n + ".lora_A.weight"] = torch.randn(o.lora, o.hidden) / o.hidden**0.5
            p[n + ".lora_B.weight"] = torch.zeros(o.hidden, o.lora)
p = {n: t.to(device) for n, t in p.items()}


def trains(name):
    where = bert.place(name)
    if o.lora:
        return where[0] == "classifier" or ("lora_" in name and where[1] >= o.first_block)
    if where[0] == "block":
        return where[1] >= o.first_block
    return where[0] != "embeddings" or o.embeddings == 1


on = [n for n in p if trains(n)]
for n in on:
    p[n].requires_grad_()
decayed = [p[n] for n in on if bert.decays(n)]
others = [p[n] for n in on if not bert.decays(n)]
optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=2e-5, foreach=bool(o.foreach))
ids = torch.randint(0, o.vocab, (o.batch, o.length)).to(device)
mask = torch.ones(o.batch, o.length).to(device)
types = torch.zeros(o.batch, o.length, dtype=torch.long).to(device)
labels = torch.randint(0, 2, (o.batch,)).to(device)


def step():
    if o.forward:
        with torch.no_grad():
            return bert.classify(p, c, ids, mask, types).cpu()
    optimiser.zero_grad(set_to_none=True)
    loss = F.cross_entropy(bert.classify(p, c, ids, mask, types, dropout=o.dropout), labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(decayed + others, 1.0)
    optimiser.step()
    return loss.item()


def blas():
    """The BLAS library in this process with its kernels; Debian's torch takes what the system offers."""
    try:
        with open("/proc/self/maps") as f:
            paths = {line.split()[-1] for line in f if "/" in line}
    except OSError:
        return "unknown"
    found = sorted(path for path in paths if "blas" in path.split("/")[-1] or "libmkl" in path)
    for path in found:
        try:
            name = ctypes.CDLL(path).openblas_get_corename
        except (OSError, AttributeError):
            continue
        name.restype = ctypes.c_char_p
        return f"{path.split('/')[-1]}, {name().decode()} kernels"
    return ", ".join("/".join(path.split("/")[-2:]) for path in found) or "unknown"


def answer(command):
    if command == "memory":
        return {"peakBytes": peak_bytes()}
    if command != "step":
        return {"error": f"'{command}': step, memory or quit"}
    start = time.perf_counter()
    step()
    return {"ms": 1000 * (time.perf_counter() - start), "peakBytes": peak_bytes()}


# A value that comes back (the loss, the logits) waits for the device: nothing else has to.
print(json.dumps({"ready": True, "torch": torch.__version__, "threads": torch.get_num_threads(), "blas": blas(), "device": torch.cuda.get_device_name() if device.type == "cuda" else o.device}), flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    print(json.dumps(answer(line.strip())), flush=True)
