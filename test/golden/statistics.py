"""Golden values for test/report/comparison.test.ts, from NumPy, SciPy and statsmodels. Run: python3 test/golden/statistics.py"""
import itertools
import json
import pathlib
import sys

import numpy as np
import scipy
from scipy import special, stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

rng = np.random.default_rng(7)
samples = [rng.normal(80, 2, n).round(3).tolist() for n in (2, 3, 5, 10, 30)] + [[1.0, 1.0, 1.0]]
pairs = [(rng.normal(82, 1, n).round(3).tolist(), rng.normal(81, 1, n).round(3).tolist()) for n in (3, 5)]


def quantile(level, n):
    """As t.ppf((1 + level) / 2, n), but by the inverse incomplete beta function: t.ppf is off by up to 2e-9 in SciPy 1.10."""
    return float(np.sqrt(n * (1 / special.betaincinv(n / 2, 0.5, 1 - level) - 1)))


def summary(values):
    a = np.array(values)
    low, high = stats.t.interval(0.95, len(a) - 1, loc=a.mean(), scale=stats.sem(a)) if a.std() else (a[0], a[0])
    return {"values": values, "mean": a.mean(), "standardDeviation": a.std(ddof=1), "interval": [low, high]}


def paired(a, b):
    """The bootstrap distribution is enumerated (n^n resamples), so no random number is involved."""
    d = np.array(a) - np.array(b)
    means = np.array([np.mean(draw) for draw in itertools.product(d, repeat=len(d))])
    result = stats.ttest_rel(a, b).confidence_interval(0.95) if hasattr(stats.ttest_rel(a, b), "confidence_interval") else None
    student = [result.low, result.high] if result else list(stats.t.interval(0.95, len(d) - 1, loc=d.mean(), scale=stats.sem(d)))
    return {
        "a": a, "b": b, "mean": d.mean(), "student": student,
        "bootstrap": np.quantile(means, [0.025, 0.975], method="median_unbiased").tolist(), "spread": means.std(),
    }


def tost(a, b, margin):
    p, lower, upper = ttost_paired(np.array(a), np.array(b), -margin, margin)
    return {"a": a, "b": b, "margin": margin, "p": float(p), "pLower": float(lower[1]), "pUpper": float(upper[1])}


def power(distance, spread):
    """Pairs for a power of 80 %, by the noncentral t distribution: ours is the usual approximation of it."""
    return {"distance": distance, "spread": spread, "pairs": float(TTestPower().solve_power(effect_size=distance / spread, alpha=0.025, power=0.8, alternative="larger"))}


golden = {
    "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
    "quantiles": [[level, n, quantile(level, n)] for level in (0.5, 0.9, 0.95, 0.99) for n in (1, 2, 3, 4, 5, 9, 10, 29, 100)],
    "summaries": [summary(s) for s in samples],
    "pairs": [paired(a, b) for a, b in pairs],
    "probabilities": [[t, n, float(stats.t.cdf(t, n))] for t in (-4.5, -1.0, 0.0, 0.3, 2.2) for n in (1, 2, 4, 9, 40)],
    "equivalence": [tost(a, b, margin) for a, b in pairs for margin in (0.5, 1.0, 3.0)],
    "power": [power(d, s) for d, s in ((0.9, 0.6), (0.5, 1.0), (1.5, 3.0), (0.2, 0.9), (2.0, 0.3))],
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
