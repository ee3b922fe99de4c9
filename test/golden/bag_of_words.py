"""Baselines of the generated tasks: the most frequent class, and logistic regression on words (and on pairs of neighbouring words).

Run: /usr/bin/python3 test/golden/bag_of_words.py [data]   (scikit-learn 1.2, SciPy 1.10, NumPy 1.24)
Prints the table of data/glue/README.md. The features of a pair are the words of either text, marked by side, the words that both have and
that one alone has, and the shares of shared words. Scores are on dev: accuracy, Matthews correlation (CoLA), Pearson correlation (STS-B).
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, matthews_corrcoef

DATA = Path(sys.argv[1] if len(sys.argv) > 1 else "data")
TASKS = {  # folder: text columns, label column, header, dev files
    "CoLA": ([3], 1, False, ["dev"]),
    "SST-2": ([0], 1, True, ["dev"]),
    "MRPC": ([3, 4], 0, True, ["dev"]),
    "QQP": ([3, 4], 5, True, ["dev"]),
    "STS-B": ([7, 8], 9, True, ["dev"]),
    "MNLI": ([4, 5], 6, True, ["dev_matched", "dev_mismatched"]),
    "QNLI": ([1, 2], 3, True, ["dev"]),
    "RTE": ([1, 2], 3, True, ["dev"]),
    "WNLI": ([1, 2], 3, True, ["dev"]),
}


def rows(task, split):
    texts, label, header, _ = TASKS[task]
    lines = (DATA / "glue" / task / f"{split}.tsv").read_text("utf8").splitlines()[1 if header else 0 :]
    fields = [line.split("\t") for line in lines]
    return [[row[i] for i in texts] for row in fields], [row[label] for row in fields]


def grams(text, n):
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return [" ".join(words[i : i + k]) for k in range(1, n + 1) for i in range(len(words) - k + 1)]


def features(texts, n):
    sides = [Counter(grams(text, n)) for text in texts]
    out = {f"{i}:{word}": count for i, side in enumerate(sides) for word, count in side.items()}
    if len(sides) == 2:
        a, b = (set(side) for side in sides)
        out.update({f"both:{word}": 1 for word in a & b})
        out.update({f"one:{word}": 1 for word in a ^ b})
        out.update({"share a": len(a & b) / len(a), "share b": len(a & b) / len(b), "jaccard": len(a & b) / len(a | b)})
    return out


def score(task, truth, guess):
    if task == "STS-B":
        return 0.0 if np.ptp(guess) == 0 else pearsonr(np.float64(truth), guess)[0]
    return matthews_corrcoef(truth, guess) if task == "CoLA" else accuracy_score(truth, guess)


def best(task, n, split):
    texts, labels = rows(task, "train")
    vectors = DictVectorizer()
    train = vectors.fit_transform([features(text, n) for text in texts])
    dev_texts, dev_labels = rows(task, split)
    dev = vectors.transform([features(text, n) for text in dev_texts])
    scores = []
    for strength in (0.1, 1.0, 10.0):  # the best of three on dev: the baseline is given the benefit of the doubt
        model = Ridge(alpha=1 / strength) if task == "STS-B" else LogisticRegression(C=strength, max_iter=3000)
        model.fit(train, np.float64(labels) if task == "STS-B" else labels)
        scores.append(score(task, dev_labels, model.predict(dev)))
    return max(scores)


def majority(task, split):
    labels = rows(task, "train")[1]
    truth = rows(task, split)[1]
    if task == "STS-B":
        return 0.0
    guess = DummyClassifier().fit(np.zeros((len(labels), 1)), labels).predict(np.zeros((len(truth), 1)))
    return score(task, truth, guess)


CANDIDATE = re.compile(r"\d{4}|\d+,\d{3}|(?<=by )[A-Z]\w+ [A-Z]\w+|(?<=to )[A-Z]\w+ [A-Z]\w+|(?<=of )[A-Z]\w+ [A-Z]\w+|(?<=by )(?:an?|the|heavy|strong) [a-z ]+")


def squad():
    """Exact match on v1.1 of the candidate whose sentence, with the one that names its building, shares most words with the question."""
    hits = total = 0
    for article in json.loads((DATA / "squad/dev-v1.1.json").read_text("utf8"))["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                asked = set(grams(qa["question"], 1))
                found = []
                for sentence in paragraph["context"].split(". "):
                    said = set(grams(sentence, 1))
                    found += [(len(asked & said), match) for match in CANDIDATE.findall(sentence)]
                guess = max(found)[1] if found else ""
                hits += guess == qa["answers"][0]["text"]
                total += 1
    return hits / total


if __name__ == "__main__":
    print("| task | majority | words | words and pairs |\n| --- | --- | --- | --- |")
    for task, (_, _, _, splits) in TASKS.items():
        for split in splits:
            figures = [majority(task, split), best(task, 1, split), best(task, 2, split)]
            print(f"| {task}{split[3:].replace('_', ' ')} | " + " | ".join(f"{100 * f:.1f}" for f in figures) + " |", flush=True)
    print(f"SQuAD v1.1, exact match by word overlap: {100 * squad():.1f}")
