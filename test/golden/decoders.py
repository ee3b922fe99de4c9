"""Golden files of decoders, made by transformers and PEFT themselves: logits, losses, gradients, AdamW steps, runs in two stages.

Run: python -P test/golden/decoders.py     (transformers 5.24, peft 0.21, torch; -P because peft.py lies beside it; writes test/golden/decoders/)
  <name>/model/{config.json,model.safetensors}, gradients.safetensors
  <name>/expected.json: {versions, ids, mask, first, labels, logits, loss, steps, final, noise, classifier, runs}
Names: gpt2; llama: fewer heads of keys, tied; llama3: untied, with LLaMA 3's rotary scaling and a head size of its own; linear: linear scaling
(logits and loss alone); qwen2: biases of query, key and value.
`first` is the place of each row's first predicted token; `labels` are -100 elsewhere. `logits` are of the first row. `steps`: losses of four
steps of torch.optim.AdamW (rate 0.01, decay 0.01 on matrices, clipped to 1), so the last one is the loss after three. `final`: sum and sum of
absolute values of each tensor after the fourth. `noise`: tensors, or thirds of them, whose gradient is exactly 0 (see finetune.py).
`runs`: four steps in two stages (all blocks, then the upper half) by full fine-tuning, LoRA (of PEFT), adapters and BitFit, embeddings
frozen in the second.
"""
import json
import os
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

# Last, so that peft.py and others beside it hide no package.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from small_peft import Adapter, adapt_output, clean, draw_lora, sums

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "decoders")
V, LENGTHS, FIRST = 24, [7, 10, 4, 9], [0, 3, 0, 5]
common = dict(vocab_size=V, bos_token_id=1, eos_token_id=2, pad_token_id=0, attn_implementation="eager")
llama = dict(
    **common, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=16, initializer_range=0.3,
)
llama3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
CASES = {
    "gpt2": (
        GPT2LMHeadModel,
        GPT2Config(**common, n_embd=16, n_layer=2, n_head=4, n_positions=16, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, initializer_range=0.3),
        "c_attn",
    ),
    "llama": (LlamaForCausalLM, LlamaConfig(**llama, tie_word_embeddings=True), "q_proj"),
    "llama3": (LlamaForCausalLM, LlamaConfig(**{**llama, "head_dim": 6}, rope_parameters=llama3), "q_proj"),
    "linear": (LlamaForCausalLM, LlamaConfig(**llama, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}), None),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**llama, tie_word_embeddings=True), "q_proj"),
}

g = torch.Generator().manual_seed(29)
S = max(LENGTHS)
mask = torch.tensor([[1 if j < n else 0 for j in range(S)] for n in LENGTHS])
ids = torch.randint(3, V, (4, S), generator=g) * mask
labels = torch.tensor([[ids[i, j].item() if max(1, FIRST[i]) <= j < n else -100 for j in range(S)] for i, n in enumerate(LENGTHS)])
classes = torch.tensor([2, 0, 1, 2])


def fresh(kind, config, seed):
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1:
                p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return model


def loss_of(model):
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def decays(name):
    return not (name.endswith("bias") or "norm" in name or ".ln_" in name)


def optimizer(params):
    groups = [{"params": [p for n, p in params if decays(n) is d], "weight_decay": 0.01 * d} for d in (True, False)]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=0.01)


# The key's part of GPT-2's bias: softmax ignores what is added to all scores of a row. Here it is held, as ours holds it.
def hold_noise(model):
    for name, p in model.named_parameters():
        if "c_attn" in name and name.endswith("bias") and p.grad is not None:
            p.grad[16:32] = 0


def norm_of(params):
    return torch.nn.utils.clip_grad_norm_(params, 1.0).item()


def train(model, names, trains):
    """@param trains (step, name) -> whether it does"""
    params = [(n, p) for n, p in model.named_parameters() if n in names]
    optim = optimizer(params)
    losses = []
    for step in range(4):
        for n, p in model.named_parameters():
            p.requires_grad_(n in names and trains(step, n))
            p.grad = None
        loss = loss_of(model)
        loss.backward()
        hold_noise(model)
        norm_of([p for p in model.parameters() if p.grad is not None])
        optim.step()
        losses.append(loss.item())
    return losses


def place(name):
    parts = name.replace("base_model.model.", "").split(".")
    for list_name in ("h", "layers"):
        if list_name in parts:
            return int(parts[parts.index(list_name) + 1])
    return "embeddings" if parts[1] in ("wte", "wpe", "embed_tokens") else "final"


def in_stages(step, name):
    where = place(name)
    if where == "embeddings":
        return step < 2
    return where == "final" or step < 2 or where >= 1


def with_adapters(model):
    blocks = model.transformer.h if hasattr(model, "transformer") else model.model.layers
    for i, block in enumerate(blocks):
        for j, sub in enumerate([block.attn if hasattr(block, "attn") else block.self_attn, block.mlp]):
            sub.adapter = Adapter(10 * i + j)
            adapt_output(sub, sub.adapter)
    return model


def with_lora(model, target):
    return draw_lora(
        peft.get_peft_model(
            model, peft.LoraConfig(r=2, lora_alpha=4, target_modules=[target], task_type="CAUSAL_LM", fan_in_fan_out=target == "c_attn")
        )
    )


def extras_of(model, marks):
    return {clean(n): p.detach().clone().contiguous() for n, p in model.named_parameters() if any(mark in n for mark in marks)}


for index, (name, (kind, config, target)) in enumerate(CASES.items()):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    model = fresh(kind, config, index)
    model.save_pretrained(os.path.join(folder, "model"))
    os.remove(os.path.join(folder, "model", "generation_config.json"))
    out = model(input_ids=ids, attention_mask=mask, labels=labels)
    out.loss.backward()
    expected = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "ids": ids.tolist(), "mask": mask.tolist(), "first": FIRST, "labels": labels.tolist(),
        "logits": out.logits[0, : LENGTHS[0]].tolist(), "loss": out.loss.item(),
    }
    if target:
        hold_noise(model)
        save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, os.path.join(folder, "gradients.safetensors"))
        everything = {n for n, _ in model.named_parameters()}
        expected["steps"] = train(model, everything, lambda step, n: True)
        expected["final"] = sums(model.named_parameters())
        classifier = AutoModelForSequenceClassification.from_pretrained(os.path.join(folder, "model"), num_labels=3, attn_implementation="eager").eval()
        with torch.no_grad():
            classifier.score.weight.copy_(0.5 * torch.randn(3, 16, generator=torch.Generator().manual_seed(3)))
        judged = classifier(input_ids=ids, attention_mask=mask, labels=classes)
        judged.loss.backward()
        expected["classifier"] = {
            "score": classifier.score.weight.flatten().tolist(), "labels": classes.tolist(),
            "logits": judged.logits.tolist(), "loss": judged.loss.item(),
            "gradients": {n: p.grad.double().abs().sum().item() for n, p in classifier.named_parameters() if "c_attn.bias" not in n},
        }
        runs, extras = [], {}
        for method in ("full", "lora", "adapter", "bitfit"):
            model = fresh(kind, config, index)
            if method == "lora":
                model = with_lora(model, target)
            if method == "adapter":
                model = with_adapters(model)
            own = {"lora": ["lora_"], "adapter": [".adapter."]}.get(method)
            if own:
                extras.update(extras_of(model, own))
            names = [n for n, _ in model.named_parameters() if (own is None and method == "full") or (own and any(m in n for m in own)) or (method == "bitfit" and n.endswith(".bias"))]
            if names:
                losses = train(model, set(names), in_stages)
                runs.append({"method": method, "losses": losses, "final": sums((clean(n), p) for n, p in model.named_parameters() if n in names)})
        save_file(extras, os.path.join(folder, "extras.safetensors"))
        expected["runs"] = runs
    json.dump(expected, open(os.path.join(folder, "expected.json"), "w"))
