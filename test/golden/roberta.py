"""Golden files of RoBERTa: one batch's logits, loss and gradients (HF RobertaForSequenceClassification).

Run: /usr/bin/python3 test/golden/roberta.py     (writes test/golden/roberta/)
  model/config.json, model/model.safetensors, gradients.safetensors
  expected.json: {versions, batch: {ids, mask, types, labels}, positions, logits, loss, gradient_norm, noise}
What differs from BERT: position indices count from pad + 1, padding has the index pad itself; one token type; eps 1e-5; the head is
dense, tanh, out_proj on the first token. `noise`: tensors whose gradient is exactly 0 (see finetune.py).
"""
import json
import os

import torch
import torch.nn.functional as F

import torch_bert as bert
from tensor_files import save, save_model

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "roberta")
C = dict(type="roberta", layers=2, hidden=16, heads=2, intermediate=32, vocab=30, positions=14, types=1, eps=1e-5, pad=1)
LABELS = 3

weights = bert.initial(C, labels=LABELS, spread=0.3, seed=21)
save_model(os.path.join(HERE, "model"), weights, bert.config(C, "RobertaForSequenceClassification", bos_token_id=0, eos_token_id=2))

g = torch.Generator().manual_seed(22)
lengths = [7, 12, 4, 9]  # 12 takes the last position there is
S = max(lengths)
mask = torch.tensor([[1 if j < n else 0 for j in range(S)] for n in lengths])
ids = torch.randint(4, C["vocab"], (4, S), generator=g) * mask + C["pad"] * (1 - mask)
ids[:, 0] = 0
types = torch.zeros_like(ids)
labels = torch.tensor([2, 0, 1, 2])

p = {n: t.clone().requires_grad_() for n, t in weights.items()}
logits = bert.classify(p, C, ids, mask, types)
loss = F.cross_entropy(logits, labels)
loss.backward()
save(os.path.join(HERE, "gradients.safetensors"), {n: t.grad for n, t in p.items()})
real = (ids != C["pad"]).long()
with open(os.path.join(HERE, "expected.json"), "w") as f:
    json.dump({
        "versions": {"torch": torch.__version__},
        "batch": {"ids": ids.tolist(), "mask": mask.tolist(), "types": types.tolist(), "labels": labels.tolist()},
        "positions": (real.cumsum(1) * real + C["pad"]).tolist(),
        "logits": logits.tolist(), "loss": loss.item(),
        "gradient_norm": torch.sqrt(sum((t.grad.double() ** 2).sum() for t in p.values())).item(),
        "noise": [n for n in p if n.endswith("key.bias")],
    }, f)
