"""BERT in plain PyTorch functions, written from the paper and Hugging Face's semantics: the independent side of our tests and benchmarks.

Parameters are a dict of tensors with Hugging Face's names. Nothing of transformers or peft is used.
"""
import math

import torch
import torch.nn.functional as F


def shapes(c, labels=2):
    """name -> shape for BertForSequenceClassification."""
    h, i = c["hidden"], c["intermediate"]
    s = {
        "bert.embeddings.word_embeddings.weight": (c["vocab"], h),
        "bert.embeddings.position_embeddings.weight": (c["positions"], h),
        "bert.embeddings.token_type_embeddings.weight": (2, h),
        "bert.embeddings.LayerNorm.weight": (h,),
        "bert.embeddings.LayerNorm.bias": (h,),
    }
    for l in range(c["layers"]):
        b = f"bert.encoder.layer.{l}"
        for m, o, n in [
            ("attention.self.query", h, h), ("attention.self.key", h, h), ("attention.self.value", h, h),
            ("attention.output.dense", h, h), ("intermediate.dense", i, h), ("output.dense", h, i),
        ]:
            s[f"{b}.{m}.weight"], s[f"{b}.{m}.bias"] = (o, n), (o,)
        for m in ("attention.output.LayerNorm", "output.LayerNorm"):
            s[f"{b}.{m}.weight"], s[f"{b}.{m}.bias"] = (h,), (h,)
    s["bert.pooler.dense.weight"], s["bert.pooler.dense.bias"] = (h, h), (h,)
    s["classifier.weight"], s["classifier.bias"] = (labels, h), (labels,)
    return s


def initial(c, labels=2, seed=0, spread=0.02):
    g = torch.Generator().manual_seed(seed)
    p = {}
    for name, shape in shapes(c, labels).items():
        if name.endswith("LayerNorm.weight"):
            p[name] = 1 + 0.1 * torch.randn(shape, generator=g)
        elif name.endswith("bias"):
            p[name] = 0.1 * torch.randn(shape, generator=g)
        else:
            p[name] = spread * torch.randn(shape, generator=g)
    return p


def adapter(p, module, x):
    """h + up(gelu(down(h))) where the module has an adapter."""
    if f"{module}.adapter.down.weight" not in p:
        return x
    a = f"{module}.adapter"
    return x + F.linear(F.gelu(F.linear(x, p[f"{a}.down.weight"], p[f"{a}.down.bias"])), p[f"{a}.up.weight"], p[f"{a}.up.bias"])


def linear(p, module, x, scale=1.0):
    y = F.linear(x, p[f"{module}.weight"], p[f"{module}.bias"])
    if f"{module}.lora_A.weight" in p:
        y = y + scale * F.linear(F.linear(x, p[f"{module}.lora_A.weight"]), p[f"{module}.lora_B.weight"])
    return y


def encode(p, c, ids, mask, types, lora_scale=1.0, dropout=0.0):
    h = c["hidden"]
    eps = c.get("eps", 1e-12)
    norm = lambda m, x: F.layer_norm(x, (h,), p[f"{m}.weight"], p[f"{m}.bias"], eps)
    drop = lambda x: F.dropout(x, dropout, training=True) if dropout > 0 else x
    e = "bert.embeddings"
    x = F.embedding(ids, p[f"{e}.word_embeddings.weight"]) + p[f"{e}.position_embeddings.weight"][: ids.shape[1]]
    x = drop(norm(f"{e}.LayerNorm", x + F.embedding(types, p[f"{e}.token_type_embeddings.weight"])))
    bias = (1 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    B, S = ids.shape
    heads, depth = c["heads"], h // c["heads"]
    split = lambda t: t.view(B, S, heads, depth).transpose(1, 2)
    for l in range(c["layers"]):
        b = f"bert.encoder.layer.{l}"
        q, k, v = (split(linear(p, f"{b}.attention.self.{m}", x, lora_scale)) for m in ("query", "key", "value"))
        probabilities = drop(torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(depth) + bias, -1))
        context = (probabilities @ v).transpose(1, 2).reshape(B, S, h)
        out = adapter(p, f"{b}.attention.output", drop(linear(p, f"{b}.attention.output.dense", context, lora_scale)))
        x = norm(f"{b}.attention.output.LayerNorm", out + x)
        inner = F.gelu(linear(p, f"{b}.intermediate.dense", x, lora_scale))
        out = adapter(p, f"{b}.output", drop(linear(p, f"{b}.output.dense", inner, lora_scale)))
        x = norm(f"{b}.output.LayerNorm", out + x)
    return x


def classify(p, c, ids, mask, types, lora_scale=1.0, dropout=0.0):
    x = encode(p, c, ids, mask, types, lora_scale, dropout)
    pooled = torch.tanh(F.linear(x[:, 0], p["bert.pooler.dense.weight"], p["bert.pooler.dense.bias"]))
    if dropout > 0:
        pooled = F.dropout(pooled, dropout, training=True)
    return F.linear(pooled, p["classifier.weight"], p["classifier.bias"])


def place(name):
    """('embeddings',), ('block', l), ('pooler',) or ('classifier',)."""
    if ".encoder.layer." in name:
        return ("block", int(name.split(".layer.")[1].split(".")[0]))
    if "embeddings" in name:
        return ("embeddings",)
    return ("pooler",) if "pooler" in name else ("classifier",)


def decays(name):
    return not (name.endswith("bias") or "LayerNorm" in name)
