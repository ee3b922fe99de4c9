"""Reference values for SQuAD span decoding, written from the published description of run_qa's post-processing.

Run: /usr/bin/python3 test/golden/squad_spans.py   (numpy; writes squad_spans.json beside it)
"""

import json
import pathlib
import random
import sys

import numpy as np

HEAD = 4  # positions before the context: [CLS] question question [SEP]


def decode(context, windows, n_best, max_length, with_null, threshold):
    """windows: (offsets or None per row position, start, end); scores are float32."""
    found, null = [], None
    for offsets, start, end in windows:
        cls = start[0] + end[0]
        if null is None or cls < null["score"]:
            null = {"range": (0, 0), "score": cls, "start_logit": start[0], "end_logit": end[0]}
        best = lambda scores: np.argsort(scores, kind="stable")[::-1][:n_best].tolist()
        for i in best(start):
            for j in best(end):
                inside = i < len(offsets) and j < len(offsets) and offsets[i] and offsets[j]
                if inside and i <= j < i + max_length:
                    found.append({"range": (offsets[i][0], offsets[j][1]), "score": start[i] + end[j],
                                  "start_logit": start[i], "end_logit": end[j]})
    if with_null:
        found.append(null)
    found = sorted(found, key=lambda c: -c["score"])[:n_best]
    if with_null and all(c["range"] != (0, 0) for c in found):
        found.append(null)
    for c in found:
        c["text"] = context[c["range"][0]:c["range"][1]]
    if not found or (len(found) == 1 and found[0]["text"] == ""):
        found.insert(0, {"text": "empty", "start_logit": np.float32(0), "end_logit": np.float32(0), "score": np.float32(0)})
    weights = np.exp(np.array([c["score"] for c in found], np.float64) - max(c["score"] for c in found))
    nbest = [{"start_logit": float(c["start_logit"]), "end_logit": float(c["end_logit"]), "text": c["text"],
              "probability": float(w / weights.sum())} for c, w in zip(found, weights)]
    if not with_null:
        return found[0]["text"], nbest, None
    first = next(c for c in found if c["text"])
    odds = null["score"] - first["start_logit"] - first["end_logit"]
    return ("" if odds > threshold else first["text"]), nbest, float(odds)


def make_question(rng, n):
    words = ["".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 5))) for _ in range(rng.randint(1, 40))]
    context, spans = " ".join(words), []
    at = 0
    for w in words:
        spans.append((at, at + len(w)))
        at += len(w) + 1
    windows, start = [], 0
    while True:
        piece = spans[start:start + 16]
        length = HEAD + len(piece) + 1 + rng.choice([0, 0, 3])  # separator, then padding
        coarse = n % 3 == 0  # many equal scores
        draw = lambda: [float(np.float32(rng.randint(-3, 3) if coarse else rng.gauss(0, 3))) for _ in range(length)]
        window = {"offsets": [x for pair in piece for x in pair], "start": draw(), "end": draw()}
        if n % 7 == 0:  # no valid candidate: all starts behind all ends
            window["start"][:] = [9.0 if i == length - 1 else -9.0 - i for i in range(length)]
        if n % 5 == 0:
            window["start"][0] += 8.0
        windows.append(window)
        if start + 16 >= len(spans):
            return {"id": f"q{n}", "context": context, "windows": windows}
        start += 11


def main():
    rng = random.Random(7)
    questions = [make_question(rng, n) for n in range(22)]
    settings = [
        {"nBest": 20, "maxAnswerLength": 30, "withNoAnswer": False, "nullScoreDiffThreshold": 0.0},
        {"nBest": 20, "maxAnswerLength": 30, "withNoAnswer": True, "nullScoreDiffThreshold": 0.0},
        {"nBest": 3, "maxAnswerLength": 2, "withNoAnswer": False, "nullScoreDiffThreshold": 0.0},
        {"nBest": 3, "maxAnswerLength": 2, "withNoAnswer": True, "nullScoreDiffThreshold": 1.5},
        {"nBest": 1, "maxAnswerLength": 1, "withNoAnswer": True, "nullScoreDiffThreshold": -2.0},
    ]
    cases = []
    for s in settings:
        answers = []
        for q in questions:
            windows = [
                (
                    [None] * HEAD + [tuple(w["offsets"][i:i + 2]) for i in range(0, len(w["offsets"]), 2)],
                    np.array(w["start"], np.float32),
                    np.array(w["end"], np.float32),
                )
                for w in q["windows"]
            ]
            text, nbest, odds = decode(q["context"], windows, *s.values())
            answers.append({"text": text, "nbest": nbest, "odds": odds})
        cases.append({"options": s, "answers": answers})
    made = f"Python {sys.version.split()[0]}, numpy {np.__version__}"
    out = {"made_with": made, "contextStart": HEAD, "questions": questions, "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")


main()
