"""Golden files of pre-training: masked words and the next sentence, logits, loss and gradients of one batch (HF BertForPreTraining).

Run: /usr/bin/python3 test/golden/pretraining.py     (writes test/golden/pretraining/)
  model/config.json, model/model.safetensors, gradients.safetensors (of `loss`)
  expected.json: {versions, batch: {ids, types, labels, next}, masked_loss, next_loss, loss, next_logits, gradient_norm, noise}
`labels` [B, S] hold the id that stood there, or -100 for a word that is not predicted. The loss is the sum of two means: over the predicted
words and over the rows. The word embeddings get gradients as inputs and as the decoder.
"""
import json
import os

import torch
import torch.nn.functional as F

import torch_bert as bert
from tensor_files import save, save_model

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pretraining")
C = dict(layers=2, hidden=16, heads=2, intermediate=32, vocab=30, positions=16)

weights = bert.initial(C, spread=0.3, seed=41, head="pretraining")
save_model(os.path.join(HERE, "model"), weights, bert.config(C, "BertForPreTraining"))

g = torch.Generator().manual_seed(42)
B, S = 4, 12
ids = torch.randint(5, C["vocab"], (B, S), generator=g)
types = torch.tensor([[1 if j >= cut else 0 for j in range(S)] for cut in (4, 6, 7, 9)])
labels = torch.full((B, S), -100)
for row, places in enumerate(([1, 5], [3, 8], [10], [2, 9])):
    for at in places:
        labels[row, at] = torch.randint(5, C["vocab"], (1,), generator=g)
following = torch.tensor([0, 1, 1, 0])

p = {n: t.clone().requires_grad_() for n, t in weights.items()}
words, next_logits = bert.pretraining(p, C, ids, torch.ones_like(ids), types)
masked_loss = F.cross_entropy(words.reshape(-1, C["vocab"]), labels.flatten())
next_loss = F.cross_entropy(next_logits, following)
loss = masked_loss + next_loss
loss.backward()
gradients = {n: t.grad for n, t in p.items()}
save(os.path.join(HERE, "gradients.safetensors"), gradients)
with open(os.path.join(HERE, "expected.json"), "w") as f:
    json.dump({
        "versions": {"torch": torch.__version__},
        "batch": {"ids": ids.tolist(), "types": types.tolist(), "labels": labels.tolist(), "next": following.tolist()},
        "masked_loss": masked_loss.item(), "next_loss": next_loss.item(), "loss": loss.item(), "next_logits": next_logits.tolist(),
        "gradient_norm": torch.sqrt(sum((t.double() ** 2).sum() for t in gradients.values())).item(),
        "noise": [n for n in gradients if n.endswith("key.bias")],
    }, f)
