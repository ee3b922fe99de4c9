"""Reference values for SQuAD scoring, written from the published definition of the evaluators (not their code).

Run: /usr/bin/python3 test/golden/squad_metrics.py   (standard library only; writes squad_metrics.json beside it)
"""

import collections
import json
import math
import pathlib
import random
import re
import string
import sys
import unicodedata

PIECES = [
    "the", "The", "THE", "a", "A", "an", "An", "ana", "theatre", "athe", "the-end", "a.b", "U.S.A.", "(a)", "'the'",
    "caf\u00e9", "CAF\u00c9", "cafe\u0301", "a\u0301", "\u0301a", "an\u0308", "the\u2019s", "the\u2013a", "\u201cthe\u201d", "\u00bfa?", "\u3000the\u3000",
    "x\u00a0the\u2009y", "a\u200bthe", "\ufeffthe", "the\x1ca", "b\x1db", "\x85the", "na\u00efve", "\u0130stanbul", "\u039f\u0394\u039f\u03a3", "\u03a3",
    "\u03a3\u03a3", "stra\u00dfe", "STRASSE", "\ufb01n", "\u65e5\u672c\u8a9e", "\u65e5the\u672c", "the\u65e5", "\U0001f600", "\U0001f600the", "the\U0001d400", "\u00b2a", "a\u00b2",
    "\u2160the", "the_", "_a_", "1,000", "$5", "5%", "10\u00b0C", "\u20ac5", "a&b", "~a~", "`an`", "\\the\\", "^a", "{the}", "", " ", "\t",
    "\u202fthe", "\u180ethe", "\u1680a\u1680", "\u2028an\u2029", "\u0e01\u0e31a", "\u093f\u0915an", "no", "No", "4", "four", "four four", "Dr. the Who",
]


def normalize(text):
    lowered = text.lower()
    no_punctuation = "".join(c for c in lowered if c not in string.punctuation)
    no_articles = re.sub(r"\b(a|an|the)\b", " ", no_punctuation)
    return " ".join(no_articles.split())


def f1(gold, predicted, version):
    g, p = normalize(gold).split(), normalize(predicted).split()
    if version == 2 and (not g or not p):
        return float(g == p)
    common = sum((collections.Counter(g) & collections.Counter(p)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(p), common / len(g)
    return 2 * precision * recall / (precision + recall)


def exact(gold, predicted):
    return float(normalize(gold) == normalize(predicted))


def mean(rows, key):
    return 100.0 * math.fsum(row[key] for row in rows) / len(rows)


def score_v1(references, predictions):
    rows = []
    for r in references:
        p = predictions.get(r["id"])
        golds = r["answers"]
        rows.append(
            {"exact": 0.0, "f1": 0.0}
            if p is None
            else {"exact": max(exact(g, p) for g in golds), "f1": max(f1(g, p, 1) for g in golds)}
        )
    return {"exact": mean(rows, "exact"), "f1": mean(rows, "f1"), "total": len(rows)}


def score_v2(references, predictions, na_probs=None, threshold=1.0):
    rows = {}
    for r in references:
        golds = [g for g in r["answers"] if normalize(g)] or [""]
        p = predictions[r["id"]]
        rows[r["id"]] = {
            "has": bool(r["answers"]),
            "exact": max(exact(g, p) for g in golds),
            "f1": max(f1(g, p, 2) for g in golds),
        }
    final = {}
    for i, row in rows.items():
        final[i] = dict(row)
        if na_probs is not None and na_probs[i] > threshold:
            final[i]["exact"] = final[i]["f1"] = float(not row["has"])
    out = {"exact": mean(final.values(), "exact"), "f1": mean(final.values(), "f1"), "total": len(final)}
    for name, wanted in (("HasAns", True), ("NoAns", False)):
        part = [row for row in final.values() if row["has"] is wanted]
        if part:
            out.update({f"{name}_exact": mean(part, "exact"), f"{name}_f1": mean(part, "f1"), f"{name}_total": len(part)})
    if na_probs is not None:
        for key in ("exact", "f1"):
            best = now = sum(not row["has"] for row in rows.values())
            at = 0.0
            for i in sorted(na_probs, key=na_probs.get):
                if i not in rows:
                    continue
                if rows[i]["has"]:
                    now += rows[i][key]
                elif predictions[i]:
                    now -= 1
                if now > best:
                    best, at = now, na_probs[i]
            out[f"best_{key}"] = 100.0 * best / len(rows)
            out[f"best_{key}_thresh"] = at
    return out


def text(rng):
    return rng.choice([" ", " ", "\u00a0", "-"]).join(rng.choice(PIECES) for _ in range(rng.randint(0, 5)))


def near(rng, gold):
    """A prediction that often agrees: the gold text, changed a little."""
    kind = rng.randrange(5)
    if kind == 0:
        return gold.upper()
    if kind == 1:
        return "the " + gold + "!"
    if kind == 2:
        return gold + " " + rng.choice(PIECES)
    return gold if kind == 3 else text(rng)


def main():
    rng = random.Random(20240611)
    strings = PIECES + [text(rng) for _ in range(300)]
    references, predictions, na_probs = [], {}, {}
    for n in range(400):
        golds = [text(rng) for _ in range(rng.randint(1, 4))]
        has = rng.random() < 0.6
        i = f"q{n:04d}"
        references.append({"id": i, "answers": golds if has else []})
        predictions[i] = near(rng, golds[0]) if rng.random() < 0.7 else ""
        na_probs[i] = round(rng.random() * (0.5 if has else 1.2), 2)
    na_probs["not-asked"] = 0.3
    predictions["not-asked"] = "extra"
    answered = [r for r in references if r["answers"]]
    some = {i: p for i, p in predictions.items() if not i.endswith("7")}
    out = {
        "made_with": f"Python {sys.version.split()[0]}, Unicode {unicodedata.unidata_version}",
        "normalized": [[s, normalize(s)] for s in strings],
        "references": references,
        "predictions": predictions,
        "na_probs": na_probs,
        "v1": score_v1(answered, predictions),
        "v1_missing": score_v1(answered, some),
        "v2": score_v2(references, predictions),
        "v2_na": score_v2(references, predictions, na_probs),
        "v2_na_threshold": score_v2(references, predictions, na_probs, 0.4),
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, indent=0) + "\n")


main()
