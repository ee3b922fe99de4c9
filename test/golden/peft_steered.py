"""Golden runs of PEFT methods with settings that change the loss or the rates: the progressive run of peft.py, steered.

Run: python3 test/golden/peft_steered.py     (after peft.py; writes test/golden/peft/steered.json)

Layout: {versions, runs: [{method, label_smoothing, class_weights, layerwise, losses, learning_rates, gradient_norms,
final: {name: [sum, sum of absolute values]}, float64_difference}]}; the settings are those of peft/expected.json.
The loss is `torch.nn.CrossEntropyLoss(weight, label_smoothing)`. Layer-wise rates are param groups of `torch.optim.AdamW`: what a method
trains in block l of L learns at decay^(L-l), the embeddings' biases at decay^L, the head at all of it.
"""
import json
import os

import torch

from peft import HERE, NOISE, config_of, run
from steered import depth_factor, worst

CASES = [
    {"label_smoothing": 0.1, "class_weights": [0.5, 2.0], "layerwise": 1.0},
    {"label_smoothing": 0.0, "class_weights": None, "layerwise": 0.6},
    {"label_smoothing": 0.2, "class_weights": [3.0, 1.0], "layerwise": 0.8},
]
runs = []
for method in ("lora", "houlsby", "bitfit-all"):
    c = config_of(method)
    for s in CASES:
        def steered(dtype):
            weight = None if s["class_weights"] is None else torch.tensor(s["class_weights"], dtype=dtype)
            loss_of = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=s["label_smoothing"])
            return run(method, c, dtype, loss_of, lambda n: depth_factor(n, s["layerwise"], c["layers"]))

        out, final = steered(torch.float32)
        exact_out, exact = steered(torch.float64)
        difference = {
            "losses": worst(out["losses"], exact_out["losses"]),
            "weights": max((final[n].double() - exact[n]).abs().max().item() for n in final if n not in NOISE),
        }
        assert difference["losses"] < 2e-5 and difference["weights"] < 1e-4, f"{method} {s} is ill-conditioned: {difference}"
        sums = {n: [t.double().sum().item(), t.double().abs().sum().item()] for n, t in final.items() if n not in NOISE}
        numbers = {key: out[key] for key in ("losses", "learning_rates", "gradient_norms")}
        runs.append({"method": method, **s, **numbers, "final": sums, "float64_difference": difference})
with open(os.path.join(HERE, "steered.json"), "w") as f:
    json.dump({"versions": {"torch": torch.__version__}, "runs": runs}, f)
