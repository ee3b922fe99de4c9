"""Golden files of distillation: what a student is off its teacher and the gradients of it, over Hugging Face's own BertForMaskedLM.

Run, with Python that has torch and transformers (versions are recorded in expected.json):
  python -P test/golden/distillation.py     (writes test/golden/distillation/; -P: tokenizer.py and statistics.py lie beside this file)
  teacher/, student/      config.json, model.safetensors
  projection.safetensors  `distillation.projection.weight`, the map of the student's hidden states to the teacher's width
  expected.json           {versions, batch: {ids, masked, labels}, cases: {case: {settings, parts, total}}}
  <case>.safetensors      gradients of `total` by the student's parameters (and the map), those that it depends on
`masked` are the ids with masked words, `labels` [B, S] hold the id that stood there, or -100. Where `logits_weight` is 0 the models read `ids`.

  minilm    MiniLMv2 (Wang et al. 2021), equations 3 and 4: softmax relations of queries, keys and values, relation heads; KL(teacher || student),
            mean over batch, heads and tokens; the three kinds added up
  tinybert  TinyBERT (Jiao et al. 2020), equations 7 to 9: mean squares of attention scores before the softmax and of hidden states; the teacher
            layers spread evenly over the student's
  logits    KL(teacher || student) of the masked words' distributions, mean over the masked words
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
import transformers
from transformers import BertConfig, BertForMaskedLM

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from tensor_files import save, save_model

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "distillation")
g = torch.Generator().manual_seed(61)
V, B, S = 30, 3, 8


def model(layers, hidden, intermediate, seed):
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=V, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=intermediate,
        max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.3,
        attn_implementation="eager")
    made = BertForMaskedLM(config).eval()
    with torch.no_grad():
        for name, p in made.named_parameters():
            if name.endswith("bias"):
                p.copy_(0.2 * torch.randn(p.shape, generator=g))
            elif "LayerNorm" in name:
                p.copy_(1 + 0.1 * torch.randn(p.shape, generator=g))
    return made


def weights(made):
    return {n: p for n, p in made.named_parameters() if n != "cls.predictions.decoder.bias" and n != "cls.predictions.decoder.weight"}


teacher, student = model(3, 24, 40, 1), model(2, 16, 28, 2)
projection = (0.3 * torch.randn((24, 16), generator=g)).requires_grad_()
ids = torch.randint(5, V, (B, S), generator=g)
labels = torch.full((B, S), -100)
masked = ids.clone()
for row, places in enumerate(([1, 5], [3], [2, 6])):
    for at in places:
        labels[row, at] = ids[row, at]
        masked[row, at] = 4


def read(made, tokens):
    """Hidden states, the three vectors of each layer, vocabulary logits."""
    kept = {}
    hooks = []
    for index, layer in enumerate(made.bert.encoder.layer):
        for kind in ("query", "key", "value"):
            keep = lambda _m, _i, out, at=(index, kind): kept.__setitem__(at, out)
            hooks.append(getattr(layer.attention.self, kind).register_forward_hook(keep))
    out = made(tokens, output_hidden_states=True)
    for hook in hooks:
        hook.remove()
    return out.hidden_states, kept, out.logits


def scores(a, b, heads):
    split = lambda x: x.view(B, S, heads, -1).transpose(1, 2)
    a, b = split(a), split(b)
    return a @ b.transpose(-1, -2) / a.shape[-1] ** 0.5


def kl(wanted, own):
    """Mean over all but the last axis of KL(softmax wanted || softmax own)."""
    return F.kl_div(F.log_softmax(own, -1), F.log_softmax(wanted, -1), log_target=True, reduction="none").sum(-1).mean()


def losses(settings):
    tokens = masked if settings["logits_weight"] > 0 else ids
    with torch.no_grad():
        t_states, t_vectors, t_logits = read(teacher, tokens)
    s_states, s_vectors, s_logits = read(student, tokens)
    layer, parts = settings["teacher_layer"], {}
    if settings["method"] == "minilm":
        heads = settings["relation_heads"]
        of = lambda vectors, index, kind: scores(vectors[index, kind], vectors[index, kind], heads)
        parts["relations"] = sum(kl(of(t_vectors, layer - 1, k), of(s_vectors, 1, k)) for k in ("query", "key", "value"))
    elif settings["method"] == "tinybert":
        attention = lambda vectors, index: scores(vectors[index, "query"], vectors[index, "key"], 2)
        total = F.mse_loss(s_states[0] @ projection.T, t_states[0])
        for own, wanted in ((1, round(layer / 2)), (2, layer)):
            total = total + F.mse_loss(s_states[own] @ projection.T, t_states[wanted])
            total = total + F.mse_loss(attention(s_vectors, own - 1), attention(t_vectors, wanted - 1))
        parts["layers"] = total
    if settings["logits_weight"] > 0:
        at = labels >= 0
        parts["logits"] = kl(t_logits[at], s_logits[at])
    total = sum(settings["logits_weight"] * p if n == "logits" else p for n, p in parts.items())
    return parts, total


cases = {
    "minilm": dict(method="minilm", teacher_layer=3, relation_heads=4, logits_weight=0),
    "minilm-lower": dict(method="minilm", teacher_layer=2, relation_heads=8, logits_weight=0.7),
    "tinybert": dict(method="tinybert", teacher_layer=3, relation_heads=1, logits_weight=0),
    "tinybert-logits": dict(method="tinybert", teacher_layer=2, relation_heads=1, logits_weight=0.5),
    "logits": dict(method="logits", teacher_layer=3, relation_heads=1, logits_weight=2),
}
for name, made in (("teacher", teacher), ("student", student)):
    config = dict(made.config.to_dict(), architectures=["BertForMaskedLM"])
    keep = ("model_type", "architectures", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_dropout_prob",
            "attention_probs_dropout_prob", "initializer_range", "pad_token_id")
    save_model(os.path.join(HERE, name), weights(made), {k: config[k] for k in keep})
save(os.path.join(HERE, "projection.safetensors"), {"distillation.projection.weight": projection})
expected = {}
for name, settings in cases.items():
    parameters = dict(weights(student), **{"distillation.projection.weight": projection})
    for p in parameters.values():
        p.grad = None
    parts, total = losses(settings)
    total.backward()
    save(os.path.join(HERE, f"{name}.safetensors"), {n: p.grad for n, p in parameters.items() if p.grad is not None})
    expected[name] = {"settings": settings, "parts": {n: p.item() for n, p in parts.items()}, "total": total.item()}
with open(os.path.join(HERE, "expected.json"), "w") as f:
    json.dump({
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "batch": {"ids": ids.tolist(), "masked": masked.tolist(), "labels": labels.tolist()},
        "cases": expected,
    }, f)
