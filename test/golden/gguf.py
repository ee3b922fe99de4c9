"""Stored blocks and their values by PyPI's `gguf` 0.19.0 (llama.cpp's own Python package), and rows of queries reordered as its converter
does. Writes gguf.json: {"types": [{"name", "bytes", "values"}], "permuted": {...}}, bytes and float32 values (little-endian) as base64.

    python -P test/golden/gguf.py > test/golden/gguf.json     # pip install gguf==0.19.0
"""
import base64
import json
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

random = np.random.default_rng(5)
text = lambda array: base64.b64encode(array.tobytes()).decode()


def scales(count):
    """Half-precision scales: ordinary, negative, subnormal, zero and large ones."""
    values = np.concatenate([random.normal(0, 0.01, count - 5), [-0.5, 3e-7, 0.0, -6e-8, 900.0]]).astype(np.float16)
    return values.view(np.uint8).reshape(count, 2)


def blocks(halves, payload, count=16):
    return np.concatenate([scales(count) for _ in range(halves)] + [random.integers(0, 256, (count, payload), dtype=np.uint8)], axis=1)


given = {
    "F32": (T.F32, random.normal(size=(1, 40)).astype(np.float32)),
    "F16": (T.F16, np.concatenate([random.normal(size=35), [6e-8, -3e-5, 0.0, 65504, -65504]]).astype(np.float16)[None]),
    "BF16": (T.BF16, (random.normal(size=(1, 40)).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)),
    "Q8_0": (T.Q8_0, blocks(1, 32)),
    "Q4_0": (T.Q4_0, blocks(1, 16)),
    "Q4_1": (T.Q4_1, blocks(2, 16)),
}
types = []
for name, (kind, data) in given.items():
    values = quants.dequantize(data, kind).astype(np.float32)
    types.append({"name": name, "bytes": text(data), "values": text(values)})

# convert_hf_to_gguf.py, LlamaModel.permute
heads, rows, width = 3, 12, 2
weights = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
permuted = weights.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(weights.shape)
json.dump(
    {
        "versions": {"gguf": "0.19.0", "numpy": np.__version__},
        "types": types,
        "permuted": {"heads": heads, "rows": rows, "given": permuted.ravel().tolist(), "back": weights.ravel().tolist()},
    },
    sys.stdout,
)
