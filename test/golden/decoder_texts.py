"""What transformers 5.24 writes with the tiny models of decoders.py: greedy and beam search, with its own cache. Writes decoder_texts.json.

    python -P test/golden/decoder_texts.py > test/golden/decoder_texts.json
"""
import json
import sys
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent / "decoders"
texts = []
for name in ("gpt2", "llama", "llama3", "qwen2"):
    model = transformers.AutoModelForCausalLM.from_pretrained(HERE / name / "model", dtype=torch.float32).eval()
    size = model.config.vocab_size
    for prompt in ([3 % size], [(7 * i + 2) % size for i in range(9)]):
        for options in ({}, {"num_beams": 3, "length_penalty": 1.0}, {"num_beams": 2, "early_stopping": True, "eos_token_id": 5}):
            settings = {"eos_token_id": None, **options}
            out = model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=6,
                do_sample=False,
                pad_token_id=0,
                **settings,
            )
            ids = out[0, len(prompt) :].tolist()
            eos = options.get("eos_token_id")
            texts.append({"model": name, "prompt": prompt, "options": options, "ids": ids[: ids.index(eos) + 1] if eos in ids else ids})
json.dump({"versions": {"transformers": transformers.__version__}, "texts": texts}, sys.stdout)
