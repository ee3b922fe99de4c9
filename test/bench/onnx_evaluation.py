"""A peer of evaluation: onnxruntime's own Python package on the exported model, one whole set a line `step`.

--folder holds `onnx/model.onnx`; --lengths FILE the batches as JSON, a list of token counts each, in the order of the data: every batch is
padded to its longest row. Prints {ready, onnxruntime} at the start; {ms, peakBytes} for a line `step`; ends at `quit`.
"""
import argparse
import json
import sys
import time

import numpy as np
import onnxruntime

from peak_memory import peak_bytes

a = argparse.ArgumentParser()
a.add_argument("--folder", required=True)
a.add_argument("--lengths", required=True)
a.add_argument("--vocab", type=int, required=True)
a.add_argument("--threads", type=int, default=2)
o = a.parse_args()

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = o.threads
session = onnxruntime.InferenceSession(f"{o.folder}/onnx/model.onnx", options, providers=["CPUExecutionProvider"])
generator = np.random.default_rng(0)


def padded(lengths):
    longest = max(lengths)
    mask = (np.arange(longest)[None, :] < np.array(lengths)[:, None]).astype(np.int64)
    ids = generator.integers(5, o.vocab, mask.shape) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}


with open(o.lengths) as f:
    batches = [padded(lengths) for lengths in json.load(f)]

print(json.dumps({"ready": True, "onnxruntime": onnxruntime.__version__}), flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    start = time.perf_counter()
    for batch in batches:
        session.run(None, batch)
    print(json.dumps({"ms": 1000 * (time.perf_counter() - start), "peakBytes": peak_bytes()}), flush=True)
