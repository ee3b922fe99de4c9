"""The peer of our task rows: whole epochs of a Hugging Face BERT in PyTorch, on batches of real lengths, one epoch a line `step`.

`BertForSequenceClassification` (attention by SDPA) as HF's Trainer runs it: each batch padded to its longest row, forward, backward,
clipping by the global norm, fused AdamW, dropout 0.1. --lengths FILE holds the batches as JSON, a list of token counts each.
--evaluate 1: forward only, without dropout. --autocast bfloat16 runs products in bfloat16 over float32 weights. Prints one JSON line {ready, torch, transformers} at the start, with
--ceilings 1 also {float32, bfloat16}: its products of square matrices in GFLOP/s; {ms, peakBytes} for a line `step`; ends at `quit`.
"""
import argparse
import json
import os
import sys
import time

a = argparse.ArgumentParser()
for name, value in dict(layers=12, hidden=768, heads=12, intermediate=3072, vocab=30522, threads=2).items():
    a.add_argument("--" + name, type=int, default=value)
a.add_argument("--lengths", required=True)
a.add_argument("--autocast", default="")
a.add_argument("--ceilings", type=int, default=0)
a.add_argument("--evaluate", type=int, default=0)
o = a.parse_args()
os.environ["OMP_NUM_THREADS"] = str(o.threads)
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

from peak_memory import peak_bytes

torch.set_num_threads(o.threads)
torch.manual_seed(0)


def gflops(dtype, n):
    """The best of six products of n x n matrices."""
    x = torch.randn(n, n).to(dtype)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        x @ x
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9


ceilings = {}
if o.ceilings:
    ceilings["float32"] = gflops(torch.float32, 2048)
    # A processor without bfloat16 units takes seconds for a small product already, minutes for a large one.
    small = gflops(torch.bfloat16, 256)
    ceilings["bfloat16"] = gflops(torch.bfloat16, 2048) if small > 50 else small
config = transformers.BertConfig(vocab_size=o.vocab, hidden_size=o.hidden, num_hidden_layers=o.layers, num_attention_heads=o.heads, intermediate_size=o.intermediate, num_labels=2)
model = transformers.BertForSequenceClassification._from_config(config, attn_implementation="sdpa")
model.train()
decayed = [p for n, p in model.named_parameters() if p.dim() > 1]
others = [p for n, p in model.named_parameters() if p.dim() <= 1]
optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=2e-5, fused=True)
generator = torch.Generator().manual_seed(0)


def padded(lengths):
    longest = max(lengths)
    mask = torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    ids = torch.randint(5, o.vocab, mask.shape, generator=generator) * mask
    return dict(input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(mask), labels=torch.randint(0, 2, (len(lengths),), generator=generator))


with open(o.lengths) as f:
    batches = [padded(lengths) for lengths in json.load(f)]


def epoch():
    for batch in batches:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=o.autocast == "bfloat16"):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return loss.item()


@torch.inference_mode()
def evaluation():
    model.eval()
    for batch in batches:
        model(**batch)


print(json.dumps({"ready": True, "torch": torch.__version__, "transformers": transformers.__version__, **ceilings}), flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    start = time.perf_counter()
    evaluation() if o.evaluate else epoch()
    print(json.dumps({"ms": 1000 * (time.perf_counter() - start), "peakBytes": peak_bytes()}), flush=True)
