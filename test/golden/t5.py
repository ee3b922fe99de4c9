"""Golden files of T5, made by transformers and PEFT themselves: logits, losses, gradients, steps of AdamW and Adafactor, runs in two stages,
texts.

Run: python -P test/golden/t5.py     (transformers 5.24, peft 0.21, torch; -P because peft.py lies beside it; writes test/golden/t5/)
  <name>/model/{config.json,model.safetensors}, gradients.safetensors
  <name>/expected.json: {versions, source, mask, target, logits, loss, steps, adafactor, final, runs, texts}
  buckets.json: buckets of relative positions
  tokenizer/, tokenizer.json: a unigram tokenizer with sentinels, and the ids that it gives
Names: v1_0: ReLU, the output embedding is the word embedding, outputs scaled; v1_1: gated GELU, an output embedding of its own; heads that
together are wider than the model; more blocks in one stack than in the other.
`target` is -100 in padding. `logits` are of the first row. `steps`: losses of four steps of torch.optim.AdamW (rate 0.01, decay 0.01 on
matrices, clipped to 1), so the last one is the loss after three; `adafactor`: the same of transformers' Adafactor with a fixed rate
(scale_parameter, relative_step, warmup_init False; rate 0.01, clipped to 1 as well). `final`: sum and sum of absolute values of each tensor
after the fourth step of AdamW.
`runs`: four steps in two stages by what the parts are cut from (`stacks`): full fine-tuning, LoRA of PEFT, adapters after every sub-layer;
embeddings frozen in the second.
`texts`: what `generate` writes of a row's source, greedy and by beams, without the start token.
"""
import json
import os
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration, T5Tokenizer
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.optimization import Adafactor

# Last, so that peft.py and others beside it hide no package.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from small_peft import Adapter, adapt_output, clean, draw_lora, sums

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "t5")
V, SOURCES, TARGETS = 40, [7, 12, 4, 9], [5, 3, 6, 1]
common = dict(
    vocab_size=V, d_model=16, d_kv=6, d_ff=20, num_heads=4, relative_attention_num_buckets=8, relative_attention_max_distance=10,
    dropout_rate=0.0, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, attn_implementation="eager",
)
CASES = {
    "v1_0": T5Config(**common, num_layers=2, feed_forward_proj="relu"),
    "v1_1": T5Config(**common, num_layers=2, num_decoder_layers=3, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
}

g = torch.Generator().manual_seed(30)
S, T = max(SOURCES), max(TARGETS)
mask = torch.tensor([[1 if j < n else 0 for j in range(S)] for n in SOURCES])
source = torch.randint(2, V, (4, S), generator=g) * mask
target = torch.randint(2, V, (4, T), generator=g)
for i, n in enumerate(TARGETS):
    target[i, n - 1] = 1
    target[i, n:] = -100


def fresh(name, seed):
    torch.manual_seed(seed)
    config = CASES[name]
    model = T5ForConditionalGeneration(config).eval()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        if not config.scale_decoder_outputs:
            model.lm_head.weight = torch.nn.Parameter(0.5 * torch.randn(V, 16, generator=draw))
        for n, p in model.named_parameters():
            if p.ndim == 1:
                p.add_(0.1 * torch.randn(p.shape, generator=draw))
            if "relative_attention_bias" in n:
                p.copy_(torch.randn(p.shape, generator=draw))
    return model


def loss_of(model):
    return model(input_ids=source, attention_mask=mask, labels=target).loss


def decays(name):
    return not (name.endswith("bias") or "layer_norm" in name)


def optimizer(params, kind):
    if kind == "adafactor":
        return Adafactor([p for _, p in params], lr=0.01, scale_parameter=False, relative_step=False, warmup_init=False)
    groups = [{"params": [p for n, p in params if decays(n) is d], "weight_decay": 0.01 * d} for d in (True, False)]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=0.01)


def train(model, names, trains, kind="adamw"):
    """@param trains (step, name) -> whether it does"""
    params = [(n, p) for n, p in model.named_parameters() if n in names]
    optim = optimizer(params, kind)
    losses = []
    for step in range(4):
        for n, p in model.named_parameters():
            p.requires_grad_(n in names and trains(step, n))
            p.grad = None
        loss = loss_of(model)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
        optim.step()
        losses.append(loss.item())
    return losses


def place(name, config):
    """Embeddings, final, or the stack and the block in it."""
    parts = name.replace("base_model.model.", "").split(".")
    if parts[0] == "shared":
        return "embeddings"
    if parts[0] == "encoder" and parts[1] == "final_layer_norm":
        return ("encoder", config.num_layers - 1)
    return (parts[0], int(parts[2])) if parts[1] == "block" else "final"


def upper(where, config, stacks):
    """Whether a block is in the upper of two parts."""
    stack, block = where
    e, d = config.num_layers, config.num_decoder_layers
    if stacks == "decoder":
        return stack == "decoder" and block >= d // 2
    if stacks == "side-by-side":
        return block >= (e if stack == "encoder" else d) // 2
    return block + (e if stack == "decoder" else 0) >= (e + d) // 2


def in_stages(config, stacks):
    def trains(step, name):
        where = place(name, config)
        if where == "embeddings":
            return step < 2
        return where == "final" or step < 2 or upper(where, config, stacks)

    return trains


def with_adapters(model):
    seed = 0
    for stack in (model.encoder, model.decoder):
        for block in stack.block:
            for layer in block.layer:
                layer.adapter = adapter = Adapter(seed)
                seed += 1
                inner = next(m for n, m in layer.named_children() if n in ("SelfAttention", "EncDecAttention", "DenseReluDense"))
                adapt_output(inner, adapter)
    return model


def with_lora(model):
    return draw_lora(peft.get_peft_model(model, peft.LoraConfig(r=2, lora_alpha=4, task_type="SEQ_2_SEQ_LM")))


def write_texts(model):
    # Python's cache takes the decoder to be as deep as the encoder.
    symmetric = model.config.num_layers == model.config.num_decoder_layers
    texts = []
    for row in range(4):
        n = SOURCES[row]
        for options in ({}, {"num_beams": 3, "length_penalty": 1.0}, {"num_beams": 2, "early_stopping": True}, {"eos_token_id": None}):
            out = model.generate(
                source[row : row + 1, :n], attention_mask=mask[row : row + 1, :n], max_new_tokens=8, do_sample=False,
                use_cache=symmetric, **options,
            )
            ids = out[0, 1:].tolist()
            if "eos_token_id" not in options and 1 in ids:
                ids = ids[: ids.index(1) + 1]
            texts.append({"source": source[row, :n].tolist(), "options": options, "ids": ids})
    return texts


shutil.rmtree(HERE, ignore_errors=True)
for index, (name, config) in enumerate(CASES.items()):
    folder = os.path.join(HERE, name)
    model = fresh(name, index)
    model.save_pretrained(os.path.join(folder, "model"))
    os.remove(os.path.join(folder, "model", "generation_config.json"))
    out = model(input_ids=source, attention_mask=mask, labels=target)
    out.loss.backward()
    again = T5ForConditionalGeneration.from_pretrained(os.path.join(folder, "model"), attn_implementation="eager").eval()
    assert abs(loss_of(again).item() - out.loss.item()) < 1e-6, "the saved model is the same"
    save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, os.path.join(folder, "gradients.safetensors"))
    expected = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "source": source.tolist(), "mask": mask.tolist(), "target": target.tolist(),
        "logits": out.logits[0, : TARGETS[0]].tolist(), "loss": out.loss.item(),
        "texts": write_texts(model),
    }
    everything = {n for n, _ in model.named_parameters()}
    expected["steps"] = train(model, everything, lambda step, n: True)
    expected["final"] = sums(model.named_parameters())
    expected["adafactor"] = train(fresh(name, index), everything, lambda step, n: True, "adafactor")
    runs, extras = [], {}
    for method, stacks in (
        ("full", "joined"), ("full", "side-by-side"), ("full", "decoder"), ("lora", "side-by-side"), ("adapter", "joined"),
    ):
        model = fresh(name, index)
        model = {"lora": with_lora, "adapter": with_adapters}.get(method, lambda m: m)(model)
        mark = {"lora": "lora_", "adapter": ".adapter."}.get(method, "")
        names = {n for n, _ in model.named_parameters() if mark in n}
        if mark:
            extras.update({clean(n): p.detach().clone().contiguous() for n, p in model.named_parameters() if n in names})
        losses = train(model, names, in_stages(config, stacks))
        final = sums((clean(n), p) for n, p in model.named_parameters() if n in names)
        runs.append({"method": method, "stacks": stacks, "losses": losses, "final": final})
    save_file(extras, os.path.join(folder, "extras.safetensors"))
    expected["runs"] = runs
    json.dump(expected, open(os.path.join(folder, "expected.json"), "w"))

pieces = ["▁the", "▁a", "▁pub", "is", "▁"] + [chr(97 + i) for i in range(26)]
vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(piece, -1.0 - 0.25 * i) for i, piece in enumerate(pieces)]
vocabulary += [(f"<extra_id_{i}>", 0.0) for i in range(4, -1, -1)]
T5Tokenizer(vocab=vocabulary, extra_ids=5).save_pretrained(os.path.join(HERE, "tokenizer"))
tokenizer = AutoTokenizer.from_pretrained(os.path.join(HERE, "tokenizer"))
TEXTS = ["the pub is a place", "This is <extra_id_0> of the <extra_id_1>", "", "  two  blanks ", "thethe"]
json.dump([{"text": text, "ids": tokenizer(text).input_ids} for text in TEXTS], open(os.path.join(HERE, "tokenizer.json"), "w"))

places = torch.arange(-200, 201)
json.dump(
    [
        {
            "buckets": n, "maxDistance": far, "bidirectional": both,
            "ids": T5Attention._relative_position_bucket(places, both, n, far).tolist(),
        }
        for n, far in ((32, 128), (8, 10), (16, 64), (32, 100))
        for both in (True, False)
    ],
    open(os.path.join(HERE, "buckets.json"), "w"),
)
