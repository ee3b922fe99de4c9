"""Golden folders of Hugging Face PEFT for what LoRA can be told: targets, modules kept whole, ranks, layers, biases, scale.

Run, after bert.py, roberta.py, electra.py and span.py, with Python that has peft and transformers (versions are recorded in expected.json):
  python -P test/golden/peft_variants.py              (writes test/golden/peft_variants/; -P: peft.py and statistics.py lie beside this file)
  python -P test/golden/peft_variants.py --check DIR  (logits of the folders DIR/<case>, written by us, through PEFT: the largest difference)
  <case>/adapter_config.json, <case>/adapter_model.safetensors   what `PeftModel.save_pretrained` wrote
  expected.json: {versions, ids, mask, types, modules: {model: names}, cases: {case: {base, trainable, logits}}, matches}
`trainable` is PEFT's `get_nb_trainable_parameters`. `logits` are those of the folder, read back by PEFT. `modules` are the names of the model's `named_modules`. `matches`: [pattern, name, whether
re.fullmatch matches]. Everything that trains is drawn here, so that nothing is zero. The models are those of the other goldens, 16 wide.
"""
import json
import os
import re
import shutil
import sys

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "peft_variants")
torch.set_num_threads(1)
g = torch.Generator().manual_seed(3)
S = 8
ids = torch.randint(5, 30, (3, S), generator=g)
mask = torch.tensor([[1] * n + [0] * (S - n) for n in (8, 5, 3)])
types = torch.zeros_like(ids)

SEQ, QA = TaskType.SEQ_CLS, TaskType.QUESTION_ANS
QV = ["query", "value"]
CASES = {
    "all-linear": ("bert", SEQ, dict(target_modules="all-linear")),
    "all-linear-no-task": ("bert", None, dict(target_modules="all-linear")),
    "all-linear-roberta": ("roberta", SEQ, dict(target_modules="all-linear")),
    "all-linear-electra": ("electra", SEQ, dict(target_modules="all-linear")),
    # Without the exclusion PEFT 0.21 stops: it would keep the output map whole and put LoRA into it.
    "all-linear-span": ("span", QA, dict(target_modules="all-linear", exclude_modules=["qa_outputs"])),
    "expression": ("bert", SEQ, dict(target_modules=r".*\.layer\.[02]\.(?P<part>attention)\.self\.(query|value)")),
    "pooler": ("bert", SEQ, dict(target_modules=["query", "pooler.dense"])),
    "dense-pooler-whole": ("bert", SEQ, dict(target_modules=["dense"], modules_to_save=["pooler"], bias="all")),
    "layer-norms": ("bert", SEQ, dict(target_modules=QV, modules_to_save=["LayerNorm"])),
    "embeddings": ("bert", SEQ, dict(target_modules=QV, modules_to_save=["bert.embeddings"])),
    "patterns": (
        "bert",
        SEQ,
        dict(
            target_modules=QV + ["intermediate.dense"],
            rank_pattern={"layer.[01].attention.self.query": 3, "query": 1, "^bert.*intermediate.dense": 4},
            alpha_pattern={"value": 7, r"layer\.3\..*": 5},
            use_rslora=True,
        ),
    ),
    "layers": ("bert", SEQ, dict(target_modules=QV, layers_to_transform=[1, 3], layers_pattern="layer")),
    "one-layer": ("bert", SEQ, dict(target_modules=QV + ["bert.encoder.layer.0.output.dense"], layers_to_transform=2)),
    "exclude": ("bert", SEQ, dict(target_modules=["dense", "key"], exclude_modules=["pooler.dense", "layer.1.output.dense"])),
    "exclude-expression": ("bert", SEQ, dict(target_modules=QV, exclude_modules=r".*\.[12]\..*")),
    "bias-all": ("bert", SEQ, dict(target_modules=["query"], bias="all")),
    "bias-all-roberta": ("roberta", SEQ, dict(target_modules=["query"], bias="all")),
    "bias-lora-only": ("bert", SEQ, dict(target_modules=["query", "pooler.dense"], bias="lora_only")),
    "rank-over-width": ("bert", SEQ, dict(target_modules=["key"], rank_pattern={"layer.0.attention.self.key": 20})),
}
PATTERNS = [r".*query", "query", r"(?P<a>b)ert\.(?P=a)?.*", r"\Abert.*\Z", r"[]b]ert.{,40}", r".*layer\.(?:0|1)\.[^.]+\.self\.\w{3,5}", r"(?!bert).*", r"bert(?#no).*key"]
NAMES = ["bert.encoder.layer.%d.attention.self.%s" % (i, n) for i in (0, 1, 10) for n in ("query", "key", "value")] + ["query", "bert.pooler.dense"]


def base_model(folder):
    auto = AutoModelForQuestionAnswering if folder == "span" else AutoModelForSequenceClassification
    labels = {"num_labels": 3} if folder in ("roberta", "electra") else {}
    return auto.from_pretrained(os.path.join(HERE, folder, "model"), attn_implementation="eager", **labels)


def logits_of(model):
    model.eval()
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
    return torch.stack([out.start_logits, out.end_logits]) if hasattr(out, "start_logits") else out.logits


def case(name, folder, task, options):
    model = get_peft_model(base_model(folder), LoraConfig(task_type=task, r=2, lora_alpha=4, **options))
    trainable = model.get_nb_trainable_parameters()[0]
    g = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in (p for p in model.parameters() if p.requires_grad):
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=g))
    path = os.path.join(OUT, name)
    model.save_pretrained(path)
    os.remove(os.path.join(path, "README.md"))
    os.chmod(os.path.join(path, "adapter_model.safetensors"), 0o644)
    config_path = os.path.join(path, "adapter_config.json")
    config = json.load(open(config_path))
    config["base_model_name_or_path"] = "golden/" + folder
    for field in ("target_modules", "exclude_modules"):
        if isinstance(config[field], list):
            config[field].sort()  # PEFT keeps a set: any order
    json.dump(config, open(config_path, "w"), indent=2)
    # Read back: PEFT sorts the keys of rank_pattern and alpha_pattern when it saves, and the first that matches counts.
    logits = logits_of(PeftModel.from_pretrained(base_model(folder), path))
    return {"base": folder, "trainable": trainable, "logits": logits.tolist()}


def check(directory):
    expected = json.load(open(os.path.join(OUT, "expected.json")))
    for name in sorted(os.listdir(directory)):
        wanted = expected["cases"][name]
        model = PeftModel.from_pretrained(base_model(wanted["base"]), os.path.join(directory, name))
        print(name, (logits_of(model) - torch.tensor(wanted["logits"])).abs().max().item())


if "--check" in sys.argv:
    check(sys.argv[2])
    sys.exit()
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
expected = {
    "versions": {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__},
    "ids": ids.tolist(),
    "mask": mask.tolist(),
    "types": types.tolist(),
    "modules": {f: [n for n, _ in base_model(f).named_modules() if n] for f in ("bert", "roberta", "electra", "span")},
    "cases": {name: case(name, *rest) for name, rest in CASES.items()},
    "matches": [[p, n, re.fullmatch(p, n) is not None] for p in PATTERNS for n in NAMES],
}
json.dump(expected, open(os.path.join(OUT, "expected.json"), "w"))
