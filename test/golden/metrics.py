"""Golden values of GLUE's metrics: scikit-learn and SciPy on random and degenerate inputs.

Run: /usr/bin/python3 test/golden/metrics.py > test/golden/metrics.json
"""
import json
import warnings

import numpy
import scipy
import scipy.stats
import sklearn
import sklearn.metrics

warnings.simplefilter("ignore")
random = numpy.random.RandomState(7)


def number(x):
    return None if numpy.isnan(x) else float(x)


def classes(predictions, labels):
    metrics = {
        "accuracy": number(sklearn.metrics.accuracy_score(labels, predictions)),
        "matthews_correlation": number(sklearn.metrics.matthews_corrcoef(labels, predictions)),
    }
    if max(*predictions, *labels) <= 1:
        metrics["f1"] = number(sklearn.metrics.f1_score(labels, predictions, zero_division=0))
    return {"predictions": predictions, "labels": labels, "metrics": metrics}


def scores(predictions, labels):
    metrics = {
        "pearson": number(scipy.stats.pearsonr(predictions, labels)[0]),
        "spearmanr": number(scipy.stats.spearmanr(predictions, labels)[0]),
    }
    return {"predictions": predictions, "labels": labels, "metrics": metrics}


cases = [
    classes([1, 1, 1, 1], [1, 0, 1, 1]),
    classes([0, 0, 0, 0], [1, 0, 1, 1]),
    classes([0, 0, 0], [0, 0, 0]),
    classes([1, 1, 1], [1, 1, 1]),
    classes([0, 1, 0, 1], [1, 0, 1, 0]),
    classes([0, 1, 2, 2, 1], [0, 2, 2, 1, 1]),
    classes([2, 2, 2], [0, 1, 2]),
    scores([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]),
    scores([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
    scores([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]),
    scores([1.0, 1.0, 2.0, 2.0, 5.0], [0.0, 1.0, 1.0, 3.0, 3.0]),
    scores([1e8 + 1, 1e8 + 2, 1e8 + 4], [1.0, 2.0, 3.0]),
]
for size in (2, 7, 100, 1043):
    for kinds in (2, 3):
        labels = random.randint(0, kinds, size)
        noisy = numpy.where(random.rand(size) < 0.7, labels, random.randint(0, kinds, size))
        cases.append(classes(noisy.tolist(), labels.tolist()))
    labels = numpy.round(random.rand(size) * 5 * 4) / 4
    cases.append(scores((labels + random.randn(size)).tolist(), labels.tolist()))

versions = {"numpy": numpy.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
print(json.dumps({"versions": versions, "cases": cases}))
