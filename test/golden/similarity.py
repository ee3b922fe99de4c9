"""Golden values for test/training/similarity.test.ts, from NumPy alone. Run: python3 test/golden/similarity.py"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(11)


def cka(x, y):
    """By features, not by examples as ours: ||Y'X||^2 / (||X'X|| ||Y'Y||) of centred columns (Kornblith et al. 2019, equation 3)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def similarity_loss(x, y):
    """Tung and Mori 2019, equations 1 to 4."""
    g = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x @ x.T, y @ y.T)]
    return np.linalg.norm(g[0] - g[1]) ** 2 / len(x) ** 2


cases = []
for n, p, noise in ((5, 3, 0.1), (8, 12, 1.0), (4, 4, 5.0)):
    a = rng.normal(size=(n, p)).round(4)
    b = (a + noise * rng.normal(size=(n, p))).round(4)
    cases.append({"a": a.tolist(), "b": b.tolist(), "cka": cka(a, b), "loss": similarity_loss(a, b)})
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"numpy": np.__version__, "cases": cases}) + "\n")
