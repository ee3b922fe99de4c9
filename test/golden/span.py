"""Golden files of the span head: logits, loss and gradients of one batch (HF BertForQuestionAnswering).

Run: /usr/bin/python3 test/golden/span.py     (writes test/golden/span/)
  model/config.json, model/model.safetensors, gradients.safetensors (of `loss`)
  expected.json: {versions, batch: {ids, mask, types, starts, ends}, start_logits, end_logits, loss, gradient_norm,
  loss_with_padding, unpadded, noise}
The loss is the mean of two cross-entropies over the tokens of a row. HF does not mask the logits, so padding takes part in its softmax
(`loss_with_padding`); ours leaves padding out, and the numbers here too: padding is masked before HF's loss. No hidden state of padding then
has a gradient, with or without HF's padding_idx. `unpadded`: each row alone, without padding, where HF's own loss is the same; its mean.
"""
import json
import os

import torch

import torch_bert as bert
from tensor_files import save, save_model

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "span")
C = dict(layers=2, hidden=16, heads=2, intermediate=32, vocab=30, positions=16)

weights = bert.initial(C, spread=0.3, seed=31, head="span")
save_model(os.path.join(HERE, "model"), weights, bert.config(C, "BertForQuestionAnswering"))

g = torch.Generator().manual_seed(32)
lengths = [10, 7, 12, 9]
S = max(lengths)
mask = torch.tensor([[1 if j < n else 0 for j in range(S)] for n in lengths])
ids = torch.randint(5, C["vocab"], (4, S), generator=g) * mask
types = torch.tensor([[1 if 4 <= j < n else 0 for j in range(S)] for n in lengths])
starts, ends = torch.tensor([5, 4, 11, 0]), torch.tensor([7, 4, 11, 0])  # the last has no answer: [CLS]


def run(c, starts, ends, masked=True, rows=slice(None)):
    p = {n: t.clone().requires_grad_() for n, t in weights.items()}
    width = lengths[rows.start] if rows.stop else S
    start_logits, end_logits = bert.spans(p, c, ids[rows, :width], mask[rows, :width], types[rows, :width])
    seen = [x.masked_fill(mask[rows, :width] == 0, -1e9) if masked else x for x in (start_logits, end_logits)]
    loss = bert.span_loss(*seen, starts[rows], ends[rows])
    loss.backward()
    return start_logits, end_logits, loss, {n: t.grad for n, t in p.items()}


start_logits, end_logits, loss, gradients = run(C, starts, ends)
word = "bert.embeddings.word_embeddings.weight"
assert gradients[word][0].abs().max() == 0 and run({**C, "pad": None}, starts, ends)[3][word][0].abs().max() == 0
alone = [run(C, starts, ends, False, slice(i, i + 1))[2].item() for i in range(len(lengths))]
save(os.path.join(HERE, "gradients.safetensors"), gradients)
with open(os.path.join(HERE, "expected.json"), "w") as f:
    json.dump({
        "versions": {"torch": torch.__version__},
        "batch": {"ids": ids.tolist(), "mask": mask.tolist(), "types": types.tolist(), "starts": starts.tolist(), "ends": ends.tolist()},
        "start_logits": start_logits.tolist(), "end_logits": end_logits.tolist(), "loss": loss.item(),
        "gradient_norm": torch.sqrt(sum((t.double() ** 2).sum() for t in gradients.values())).item(),
        "loss_with_padding": run(C, starts, ends, False)[2].item(), "unpadded": sum(alone) / len(alone),
        "noise": [n for n in gradients if n.endswith("key.bias")],
    }, f)
