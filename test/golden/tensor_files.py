"""Safetensors files of float32 tensors, written and read here so that the golden scripts need torch alone."""
import json
import os
import struct

import numpy
import torch


def save(path, tensors):
    header, offset = {}, 0
    for name, t in tensors.items():
        n = t.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + n]}
        offset += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.detach().contiguous().numpy().astype("<f4").tobytes())


def save_model(folder, tensors, config):
    """A model's folder: model.safetensors and config.json."""
    os.makedirs(folder, exist_ok=True)
    save(os.path.join(folder, "model.safetensors"), tensors)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)


def load(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        body = f.read()
    tensor = lambda shape, ends: torch.from_numpy(numpy.frombuffer(body[ends[0] : ends[1]], "<f4").copy().reshape(shape))
    return {n: tensor(t["shape"], t["data_offsets"]) for n, t in header.items() if n != "__metadata__"}
