"""Golden values of the fused pieces: outputs and gradients of sum(output * upstream), PyTorch float32.

Run: /usr/bin/python3 test/golden/fused.py > test/golden/fused.json

Layout: {versions: {torch}, cases: [case], composed: [case]}. A case:
  piece      name of the function in engine/fused.ts; in `composed`, of a piece that the models build from several
  options    epsilon (layerNorm), batch and heads (attention)
  inputs     name -> {shape, data}; row-major; labels and ids are whole numbers
  output     {shape, data}
  upstream   {shape, data}: the loss is sum(output * upstream)
  gradients  name -> data, of the inputs that have one
Numbers are float32 values written as the shortest text of the same float64, so that reading them back loses nothing.

Linear maps are y = x w^T + b. `attention`: q, k, v [batch * length, hidden]; bias is added to the scores (0, or the most negative float32
on padding), mask multiplies the probabilities (0 or 1 / (1 - rate)); output is the context. `attentionScores` is
softmax(q k^T / sqrt(depth) + bias), [batch, heads, length, length]. `crossEntropy` is a sum with weights, `crossEntropyMean` PyTorch's
mean; `geluNew` the tanh form; `mse` the mean; `embeddings` word[ids] + position[0..length) + type[types], without padding_idx.
"""
import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(3)
cases = []
composed = []


def case(piece, function, wrt, options=None, into=cases, **inputs):
    leaves = {n: t.clone().requires_grad_() if n in wrt else t for n, t in inputs.items()}
    output = function(**leaves)
    upstream = torch.randn_like(output)
    (output * upstream).sum().backward()
    flat = lambda t: {"shape": list(t.shape), "data": t.detach().reshape(-1).tolist()}
    into.append({
        "piece": piece, "options": options or {},
        "inputs": {n: flat(t) for n, t in inputs.items()},
        "upstream": flat(upstream), "output": flat(output),
        "gradients": {n: leaves[n].grad.reshape(-1).tolist() for n in wrt},
    })


def attention(q, k, v, bias, mask=None, batch=2, heads=2):
    rows, hidden = q.shape
    split = lambda t: t.view(batch, rows // batch, heads, hidden // heads).transpose(1, 2)
    p = torch.softmax(split(q) @ split(k).transpose(-1, -2) / math.sqrt(hidden // heads) + bias, -1)
    p = p if mask is None else p * mask
    return (p @ split(v)).transpose(1, 2).reshape(rows, hidden)


def cross_entropy(logits, labels, weights):
    return (F.cross_entropy(logits, labels.long(), reduction="none") * weights).sum()


r = torch.randn
case("linear", lambda x, w, b: F.linear(x, w, b), ["x", "w", "b"], x=r(6, 8), w=r(5, 8), b=r(5))
case("layerNorm", lambda x, gamma, beta: F.layer_norm(x, (8,), gamma, beta, 1e-12), ["x", "gamma", "beta"], {"epsilon": 1e-12}, x=2 * r(6, 8) + 1, gamma=r(8), beta=r(8))
case("layerNorm", lambda x, gamma, beta: F.layer_norm(x, (8,), gamma, beta, 1e-2), ["x", "gamma", "beta"], {"epsilon": 1e-2}, x=0.1 * r(6, 8), gamma=r(8), beta=r(8))
case("gelu", lambda x: F.gelu(x), ["x"], x=torch.cat([3 * r(4, 8), torch.tensor([[0.0, -0.0, 5, -5, 8, -8, 12, -12]])]))
bias = torch.zeros(2, 1, 1, 3)
bias[0, 0, 0, 2] = torch.finfo(torch.float32).min
case("attention", lambda **t: attention(**t), ["q", "k", "v"], {"batch": 2, "heads": 2}, q=r(6, 8), k=r(6, 8), v=r(6, 8), bias=bias)
keep = (torch.rand(2, 2, 3, 3) > 0.3).float() / 0.7
case("attention", lambda **t: attention(**t), ["q", "k", "v"], {"batch": 2, "heads": 2}, q=3 * r(6, 8), k=3 * r(6, 8), v=r(6, 8), bias=bias, mask=keep)
case("crossEntropy", cross_entropy, ["logits"], logits=4 * r(5, 7), labels=torch.tensor([0.0, 6, 3, 3, 1]), weights=torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0]))
case("dropout", lambda x, mask: x * mask, ["x"], x=r(4, 8), mask=(torch.rand(4, 8) > 0.1).float() / 0.9)


def attention_scores(q, k, bias, batch=2, heads=2):
    rows, hidden = q.shape
    split = lambda t: t.view(batch, rows // batch, heads, hidden // heads).transpose(1, 2)
    return torch.softmax(split(q) @ split(k).transpose(-1, -2) / math.sqrt(hidden // heads) + bias, -1)


def embeddings(word, position, type, ids, types):
    batch, length = ids.shape
    return F.embedding(ids.long(), word) + position[:length] + F.embedding(types.long(), type)


case("geluNew", lambda x: F.gelu(x, approximate="tanh"), ["x"], into=composed, x=torch.cat([3 * r(4, 8), torch.tensor([[0.0, -0.0, 5, -5, 8, -8, 12, -12]])]))
case("attentionScores", attention_scores, ["q", "k"], {"batch": 2, "heads": 2}, into=composed, q=r(6, 8), k=r(6, 8), bias=bias)
case("crossEntropyMean", lambda logits, labels: F.cross_entropy(logits, labels.long()), ["logits"], into=composed, logits=torch.cat([4 * r(5, 7), 60 * r(1, 7)]), labels=torch.tensor([0.0, 6, 3, 3, 1, 2]))
case("mse", lambda x, target: F.mse_loss(x, target), ["x"], into=composed, x=r(6), target=r(6))
ids, types = torch.tensor([[4.0, 1, 4], [0, 2, 4]]), torch.tensor([[0.0, 1, 1], [0, 0, 1]])
case("embeddings", embeddings, ["word", "position", "type"], into=composed, word=r(5, 8), position=r(4, 8), type=r(2, 8), ids=ids, types=types)
print(json.dumps({"versions": {"torch": torch.__version__}, "cases": cases, "composed": composed}))
