"""BERT in plain PyTorch functions, written from the paper and Hugging Face's semantics: the independent side of our tests and benchmarks.

Parameters are a dict of tensors with Hugging Face's names. Nothing of transformers or peft is used.
A shape `c` is a dict: layers, hidden, heads, intermediate, vocab, positions, and where they differ from BERT's: type ("roberta",
"electra"), embedding, types, eps, pad, adapter_activation.
"""
import math

import torch
import torch.nn.functional as F


def config(c, architecture=None, **more):
    """The config.json that Hugging Face's classes read for the shape; without dropout, so that results repeat."""
    return {
        "model_type": c.get("type", "bert"), **({"architectures": [architecture]} if architecture else {}), "vocab_size": c["vocab"],
        **({"embedding_size": c["embedding"]} if "embedding" in c else {}), "hidden_size": c["hidden"],
        "num_hidden_layers": c["layers"], "num_attention_heads": c["heads"], "intermediate_size": c["intermediate"], "hidden_act": "gelu",
        "max_position_embeddings": c["positions"], "type_vocab_size": c.get("types", 2), "layer_norm_eps": c.get("eps", 1e-12),
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": c.get("pad", 0), **more,
    }


def shapes(c, labels=2, head="classification"):
    """name -> shape for Bert-, Roberta- or ElectraForSequenceClassification, with head "span" ...ForQuestionAnswering, with
    "pretraining" BertForPreTraining (its decoder is tied to the word embeddings)."""
    h, i, m = c["hidden"], c["intermediate"], c.get("type", "bert")
    e = c.get("embedding", h)
    s = {
        f"{m}.embeddings.word_embeddings.weight": (c["vocab"], e),
        f"{m}.embeddings.position_embeddings.weight": (c["positions"], e),
        f"{m}.embeddings.token_type_embeddings.weight": (c.get("types", 2), e),
        f"{m}.embeddings.LayerNorm.weight": (e,),
        f"{m}.embeddings.LayerNorm.bias": (e,),
    }
    if e != h:
        s[f"{m}.embeddings_project.weight"], s[f"{m}.embeddings_project.bias"] = (h, e), (h,)
    for l in range(c["layers"]):
        b = f"{c.get('type', 'bert')}.encoder.layer.{l}"
        for m, o, n in [
            ("attention.self.query", h, h), ("attention.self.key", h, h), ("attention.self.value", h, h),
            ("attention.output.dense", h, h), ("intermediate.dense", i, h), ("output.dense", h, i),
        ]:
            s[f"{b}.{m}.weight"], s[f"{b}.{m}.bias"] = (o, n), (o,)
        for m in ("attention.output.LayerNorm", "output.LayerNorm"):
            s[f"{b}.{m}.weight"], s[f"{b}.{m}.bias"] = (h,), (h,)
    if head == "span":
        s["qa_outputs.weight"], s["qa_outputs.bias"] = (2, h), (2,)
        return s
    if head == "pretraining":
        t = "cls.predictions.transform"
        for m, o, n in (("bert.pooler.dense", h, h), ("cls.seq_relationship", 2, h), (f"{t}.dense", h, h)):
            s[f"{m}.weight"], s[f"{m}.bias"] = (o, n), (o,)
        s[f"{t}.LayerNorm.weight"], s[f"{t}.LayerNorm.bias"] = (h,), (h,)
        s["cls.predictions.bias"] = (c["vocab"],)
        return s
    own = c.get("type", "bert") != "bert"
    inner, outer = ("classifier.dense", "classifier.out_proj") if own else ("bert.pooler.dense", "classifier")
    s[f"{inner}.weight"], s[f"{inner}.bias"] = (h, h), (h,)
    s[f"{outer}.weight"], s[f"{outer}.bias"] = (labels, h), (labels,)
    return s


def initial(c, labels=2, seed=0, spread=0.02, head="classification"):
    g = torch.Generator().manual_seed(seed)
    p = {}
    for name, shape in shapes(c, labels, head).items():
        if name.endswith("LayerNorm.weight"):
            p[name] = 1 + 0.1 * torch.randn(shape, generator=g)
        elif name.endswith("bias"):
            p[name] = 0.1 * torch.randn(shape, generator=g)
        else:
            p[name] = spread * torch.randn(shape, generator=g)
    return p


def adapter(p, module, x, activation=F.gelu):
    """h + up(activation(down(h))) where the module has an adapter."""
    if f"{module}.adapter.down.weight" not in p:
        return x
    a = f"{module}.adapter"
    return x + F.linear(activation(F.linear(x, p[f"{a}.down.weight"], p[f"{a}.down.bias"])), p[f"{a}.up.weight"], p[f"{a}.up.bias"])


def linear(p, module, x, scale=1.0):
    y = F.linear(x, p[f"{module}.weight"], p[f"{module}.bias"])
    if f"{module}.lora_A.weight" in p:
        y = y + scale * F.linear(F.linear(x, p[f"{module}.lora_A.weight"]), p[f"{module}.lora_B.weight"])
    return y


def encode(p, c, ids, mask, types, lora_scale=1.0, dropout=0.0):
    h = c["hidden"]
    eps = c.get("eps", 1e-12)
    norm = lambda m, x: F.layer_norm(x, x.shape[-1:], p[f"{m}.weight"], p[f"{m}.bias"], eps)
    drop = lambda x: F.dropout(x, dropout, training=True) if dropout > 0 else x
    model, pad = c.get("type", "bert"), c.get("pad", 0)
    activation = c.get("adapter_activation", F.gelu)
    e = f"{model}.embeddings"
    # HF gives nn.Embedding a padding_idx: that row is looked up as any other, but gets no gradient.
    x = F.embedding(ids, p[f"{e}.word_embeddings.weight"], padding_idx=pad)
    if model == "roberta":
        real = (ids != pad).long()
        x = x + F.embedding(real.cumsum(1) * real + pad, p[f"{e}.position_embeddings.weight"], padding_idx=pad)
    else:
        x = x + p[f"{e}.position_embeddings.weight"][: ids.shape[1]]
    x = drop(norm(f"{e}.LayerNorm", x + F.embedding(types, p[f"{e}.token_type_embeddings.weight"])))
    if f"{model}.embeddings_project.weight" in p:
        x = F.linear(x, p[f"{model}.embeddings_project.weight"], p[f"{model}.embeddings_project.bias"])
    bias = (1 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    B, S = ids.shape
    heads, depth = c["heads"], h // c["heads"]
    split = lambda t: t.view(B, S, heads, depth).transpose(1, 2)
    for l in range(c["layers"]):
        b = f"{model}.encoder.layer.{l}"
        q, k, v = (split(linear(p, f"{b}.attention.self.{m}", x, lora_scale)) for m in ("query", "key", "value"))
        probabilities = drop(torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(depth) + bias, -1))
        context = (probabilities @ v).transpose(1, 2).reshape(B, S, h)
        out = adapter(p, f"{b}.attention.output", drop(linear(p, f"{b}.attention.output.dense", context, lora_scale)), activation)
        x = norm(f"{b}.attention.output.LayerNorm", out + x)
        inner = F.gelu(linear(p, f"{b}.intermediate.dense", x, lora_scale))
        out = adapter(p, f"{b}.output", drop(linear(p, f"{b}.output.dense", inner, lora_scale)), activation)
        x = norm(f"{b}.output.LayerNorm", out + x)
    return x


def classify(p, c, ids, mask, types, lora_scale=1.0, dropout=0.0):
    x = encode(p, c, ids, mask, types, lora_scale, dropout)
    if c.get("type", "bert") != "bert":
        drop = lambda t: F.dropout(t, dropout, training=True) if dropout > 0 else t
        activation = F.gelu if c["type"] == "electra" else torch.tanh
        inner = activation(F.linear(drop(x[:, 0]), p["classifier.dense.weight"], p["classifier.dense.bias"]))
        return F.linear(drop(inner), p["classifier.out_proj.weight"], p["classifier.out_proj.bias"])
    pooled = torch.tanh(F.linear(x[:, 0], p["bert.pooler.dense.weight"], p["bert.pooler.dense.bias"]))
    if dropout > 0:
        pooled = F.dropout(pooled, dropout, training=True)
    return F.linear(pooled, p["classifier.weight"], p["classifier.bias"])


def pretraining(p, c, ids, mask, types):
    """Vocabulary logits [B, S, V] and next-sentence logits [B, 2] (BertForPreTraining)."""
    x = encode(p, c, ids, mask, types)
    t = "cls.predictions.transform"
    inner = F.gelu(linear(p, f"{t}.dense", x))
    inner = F.layer_norm(inner, inner.shape[-1:], p[f"{t}.LayerNorm.weight"], p[f"{t}.LayerNorm.bias"], c.get("eps", 1e-12))
    words = F.linear(inner, p["bert.embeddings.word_embeddings.weight"], p["cls.predictions.bias"])
    return words, linear(p, "cls.seq_relationship", torch.tanh(linear(p, "bert.pooler.dense", x[:, 0])))


def spans(p, c, ids, mask, types):
    """Start and end logits [B, S] each (BertForQuestionAnswering: no mask on the logits, padding takes part in the softmax)."""
    return F.linear(encode(p, c, ids, mask, types), p["qa_outputs.weight"], p["qa_outputs.bias"]).unbind(-1)


def span_loss(start_logits, end_logits, starts, ends):
    """HF: positions are clamped to the row's length; one that lies there or beyond is ignored."""
    ignored = start_logits.shape[1]
    of = lambda logits, labels: F.cross_entropy(logits, labels.clamp(0, ignored), ignore_index=ignored)
    return (of(start_logits, starts) + of(end_logits, ends)) / 2


def place(name):
    """('embeddings',), ('block', l), ('pooler',) or ('classifier',)."""
    if ".encoder.layer." in name:
        return ("block", int(name.split(".layer.")[1].split(".")[0]))
    if "embeddings" in name:
        return ("embeddings",)
    return ("pooler",) if "pooler" in name or name.startswith("classifier.dense") else ("classifier",)


def decays(name):
    return not (name.endswith("bias") or "LayerNorm" in name)
