"""Scores of made-up texts by the field's own programs: sacrebleu; e2e-metrics' `pymteval.py` (BLEU, NIST); coco-caption (PyPI `pycocoevalcap`:
ROUGE-L, CIDEr, and the Penn Treebank tokens of Stanford's tokenizer, which needs Java). Writes generation_metrics.json.

    python -P test/golden/generation_metrics.py E2E_METRICS > test/golden/generation_metrics.json
    # pip install sacrebleu pycocoevalcap; E2E_METRICS: a checkout of github.com/tuetschek/e2e-metrics
"""
import contextlib
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
import sacrebleu
from metrics.pymteval import BLEUScore, NISTScore
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

RESTAURANTS = [
    (
        "The Copper Kettle is a family-friendly pub in the city centre near Café Rouge.",
        [
            "The Copper Kettle is a family friendly pub near Café Rouge, in the city center.",
            "In the city centre, near Café Rouge, there's a pub for families: The Copper Kettle.",
        ],
    ),
    ("Blue Door serves cheap food.", ["Blue Door serves cheap food.", "Cheap food? It's served at Blue Door!"]),
    (
        "Zanzibar, priced at £20-25, isn't kid-friendly and has a 3 out of 5 rating.",
        [
            "Zanzibar costs £20-25. It is not kid-friendly, and is rated 3 out of 5.",
            "With a 3/5 rating, Zanzibar (a £20-25 restaurant) doesn't welcome children.",
            "Customers rate Zanzibar 3 out of 5; prices are £20-25.",
        ],
    ),
    ("A coffee shop", ["The Willow is a coffee shop by the riverside with 1,200 seats & \"low\" prices."]),
    (
        "The colour of Mr. Hale's theatre cannot be grey, they'll say...",
        ["Mr. Hale's theater can't be gray, they'd say.", "They will say that Mr. Hale's theatre is not gray."],
    ),
    ("", ["Nothing was said of it."]),
    (
        "Adare Manor, at a length of 3,000.5 metres, is 15.85% of U.S. Route 2's.",
        ["Adare Manor is 3000.5 m long - 15.85 % of U.S. Route 2."],
    ),
]
SHORT = [("one two three four", ["one two five four"]), ("six", ["seven"])]
SAME = [(text, [text, other]) for text, (other, *_) in RESTAURANTS if text]
TEXTS = [
    *[text for pair in RESTAURANTS for text in (pair[0], *pair[1])],
    "He won't, she'd've gone; I'm gonna say \"hi\" -- don't you?",
    "The 1990s' rock'n'roll and/or '90s jazz, e.g. at 10:30 p.m. (ca. 5 km/h).",
    "Madrid–Barajas — T4: “quoted” ‘single’ text… 50€ or $5.50, 1/2 or ½.",
    "It's on St. Mary's St. The end.",
]


def score(pairs):
    predictions = [text for text, _ in pairs]
    references = [list(texts) for _, texts in pairs]
    most = max(len(texts) for texts in references)
    streams = [[texts[i] if i < len(texts) else None for texts in references] for i in range(most)]
    bleu, nist = BLEUScore(), NISTScore()
    for text, texts in pairs:
        bleu.append(text, texts)
        nist.append(text, texts)
    tokens = PTBTokenizer()
    as_captions = lambda lists: {i: [{"caption": text} for text in texts] for i, texts in enumerate(lists)}
    known = tokens.tokenize(as_captions(references))
    said = tokens.tokenize(as_captions([[text] for text in predictions]))
    return {
        "predictions": predictions,
        "references": references,
        "sacrebleu": sacrebleu.corpus_bleu(predictions, streams).score,
        "sacrebleu_lowercase": sacrebleu.corpus_bleu(predictions, streams, lowercase=True).score,
        "e2e_bleu": bleu.score(),
        "nist": nist.score(),
        "rouge_l": float(Rouge().compute_score(known, said)[0]),
        "cider": float(Cider().compute_score(known, said)[0]),
    }


with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
    corpora = [score(pairs) for pairs in (RESTAURANTS, [pair for pair in RESTAURANTS if pair[0]], SHORT, SAME)]
    tokens = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(TEXTS)})
json.dump(
    {
        "versions": {"sacrebleu": sacrebleu.__version__},
        "corpora": corpora,
        "tokens": [[text, tokens[i][0]] for i, text in enumerate(TEXTS)],
    },
    sys.stdout,
    ensure_ascii=False,
    indent=1,
)
