"""Golden rows of dirty GLUE files: what Python's csv reader gives, used as the hub's glue.py uses it.

Text mode (universal newlines), DictReader with QUOTE_NONE, rows with a missing value left out; labels of classes by name, or else
int(). Only the byte-order mark is taken off first, which glue.py leaves in the first column's name.
Rows that glue.py stops at (a label that is neither a name nor a whole number) are not made here.

Run: python3 test/golden/glue_rows.py > test/golden/glue_rows.json    (Python 3.11 or newer: older ones refuse NUL)
"""
import csv
import json
import platform
import random
import tempfile

TASKS = {
    "sst2": (["sentence", "label"], ["sentence"], "label", None),
    "qqp": (["id", "qid1", "qid2", "question1", "question2", "is_duplicate"], ["question1", "question2"], "is_duplicate", None),
    "rte": (["index", "sentence1", "sentence2", "label"], ["sentence1", "sentence2"], "label", ["entailment", "not_entailment"]),
    "stsb": (["index", "sentence1", "sentence2", "score"], ["sentence1", "sentence2"], "score", None),
    "cola": (None, [3], 1, None),
}
draw = random.Random(23)
WORDS = ["a", "the", "naïve", '"quoted"', "it's", "日本", "😀", "\u2028", "\x00", "\x85", "\x0b", "\ufeff", "  ", '"', ","]


def text():
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 6)))


def label(task):
    names = TASKS[task][3]
    if names:
        return draw.choice(names)
    return draw.choice(["0", "2.5", "5.000"]) if task == "stsb" else draw.choice(["0", "1"])


def row(task):
    if task == "cola":
        return ["gj04", label(task), draw.choice(["", "*"]), text()]
    columns, texts, target, _ = TASKS[task]
    return [label(task) if c == target else text() if c in texts else str(draw.randint(0, 9)) for c in columns]


def dirty(task):
    """Few enough broken rows for the file to be read; each blemish at a place of its own."""
    rows = ["\t".join(row(task)) for _ in range(60)]
    for blemish in draw.sample(["blank", "blank", "short", "long", "torn", "empty"], 4):
        at = draw.randrange(len(rows))
        whole = row(task)
        if blemish == "blank":
            rows.insert(at, "")
        elif blemish == "short":
            rows.insert(at, "\t".join(whole[: 1 if task == "sst2" else 2]))
        elif blemish == "long":
            rows.insert(at, "\t".join([*whole, "more", "0"]))
        elif blemish == "torn" and task == "qqp":
            rows.insert(at, "\t".join(whole[:4]) + "\r" + "\t".join(whole[4:]))
        elif blemish == "empty" and task in ("sst2", "qqp"):
            rows.insert(at, "\t".join([*whole[:-1], ""]))
    columns = TASKS[task][0]
    end = draw.choice(["\n", "\r\n", "\r"])
    mark = draw.choice(["", "\ufeff"])
    return mark + end.join([*(["\t".join(columns)] if columns else []), *rows]) + draw.choice(["", end, end + end])


def read(task, path):
    columns, texts, target, names = TASKS[task]
    with open(path, encoding="utf-8-sig") as file:
        reader = csv.reader if columns is None else csv.DictReader
        for fields in reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if columns is None and len(fields) < 4:  # glue.py stops with an IndexError
                continue
            value = fields[target]
            if task == "stsb":
                found = None if value is None else float(value)
            elif names and value in names:
                found = names.index(value)
            else:
                found = int(value) if value else None
            example = [*(fields[column] for column in texts), found]
            if None not in example:
                yield example


cases = []
for task in TASKS:
    for _ in range(4):
        content = dirty(task)
        with tempfile.NamedTemporaryFile("wb", suffix=".tsv") as file:
            file.write(content.encode())
            file.flush()
            cases.append({"task": task, "text": content, "rows": list(read(task, file.name))})
print(json.dumps({"python": platform.python_version(), "cases": cases}))
