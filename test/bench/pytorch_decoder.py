"""The peer of our decoders' benchmarks: the same training step of transformers' own GPT-2, LLaMA or T5, speaking the protocol of pytorch_step.py.

Next tokens of made-up rows without padding, of a T5 of rows of --target tokens: forward, backward, clipping by the global norm, AdamW (PyTorch's default form). --dtype bfloat16:
autocast around the forward pass, parameters and moments in float32. Wants a Python with torch and transformers (PYTHON=...).
"""
import argparse
import json
import os
import sys
import time

a = argparse.ArgumentParser()
for name, value in dict(batch=4, length=256, target=0, threads=2, first_block=0, embeddings=1).items():
    a.add_argument("--" + name.replace("_", "-"), type=int, default=value)
a.add_argument("--decoder", default="gpt2")
a.add_argument("--dtype", default="float32")
a.add_argument("--device", default="cpu")
o = a.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(o.threads)

import torch
import transformers

from peak_memory import peak_bytes

torch.set_num_threads(o.threads)
torch.manual_seed(0)
device = torch.device(o.device)
CONFIGS = {
    "gpt2": lambda: transformers.GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
    "HuggingFaceTB/SmolLM2-135M": lambda: transformers.LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        max_position_embeddings=8192, rms_norm_eps=1e-5, rope_theta=100000.0, tie_word_embeddings=True,
    ),
}
if o.target:
    config = transformers.T5Config(dropout_rate=0, decoder_start_token_id=0)
    model = transformers.T5ForConditionalGeneration(config).to(device).train()
else:
    model = transformers.AutoModelForCausalLM.from_config(CONFIGS[o.decoder]()).to(device).train()


def trains(name):
    parts = name.split(".")
    if o.target and parts[1] == "block":
        return int(parts[2]) + (config.num_layers if parts[0] == "decoder" else 0) >= o.first_block
    if name.startswith("encoder.final"):
        return config.num_layers > o.first_block
    for blocks in ("h", "layers"):
        if blocks in parts:
            return int(parts[parts.index(blocks) + 1]) >= o.first_block
    return o.embeddings == 1 or parts[-2] not in ("wte", "wpe", "embed_tokens", "shared")


for name, p in model.named_parameters():
    p.requires_grad_(trains(name))
on = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
decayed = [p for _, p in on if p.ndim > 1]
others = [p for _, p in on if p.ndim == 1]
optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=2e-5)
ids = torch.randint(0, model.config.vocab_size, (o.batch, o.length)).to(device)
labels = torch.randint(0, model.config.vocab_size, (o.batch, o.target)).to(device) if o.target else ids


def step():
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=o.dtype == "bfloat16"):
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(decayed + others, 1.0)
    optimiser.step()
    return loss.item()


def answer(command):
    if command == "memory":
        return {"peakBytes": peak_bytes()}
    if command != "step":
        return {"error": f"'{command}': step, memory or quit"}
    start = time.perf_counter()
    step()
    return {"ms": 1000 * (time.perf_counter() - start), "peakBytes": peak_bytes()}


print(json.dumps({"ready": True, "torch": torch.__version__, "transformers": transformers.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    print(json.dumps(answer(line.strip())), flush=True)
