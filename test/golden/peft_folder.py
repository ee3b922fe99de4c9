"""Golden folders of Hugging Face PEFT itself: LoRA over the model of bert.py, saved by PEFT, with the logits it gives.

Run, after bert.py, roberta.py and span.py, with Python that has peft and transformers (versions are recorded in expected.json):
  python -P test/golden/peft_folder.py     (writes test/golden/peft_folder/; -P: peft.py and statistics.py lie beside this file)
  <case>/adapter_config.json, <case>/adapter_model.safetensors   what `PeftModel.save_pretrained` wrote
  expected.json: {versions, ids, mask, types, cases: {case: logits}}
Cases: `bert` (r 2, alpha 4, query and value, classifier), `bert-pooler` (modules_to_save pooler too), `bert-dense` (the dense maps of the
blocks, r 3, alpha 8), `roberta`, `span` (question answering). A, B and the trained head are drawn here, so that nothing is zero.
PEFT's base_model_name_or_path is replaced by a name without a path.
"""
import json
import os

import peft
import torch
import transformers
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "peft_folder")
torch.set_num_threads(1)
g = torch.Generator().manual_seed(3)
S = 8
ids = torch.randint(5, 30, (3, S), generator=g)
mask = torch.tensor([[1] * n + [0] * (S - n) for n in (8, 5, 3)])
types = torch.zeros_like(ids)

QV = dict(r=2, lora_alpha=4, target_modules=["query", "value"])
DENSE = dict(r=3, lora_alpha=8, target_modules=["attention.output.dense", "intermediate.dense", "output.dense"])
CASES = {
    "bert": ("bert", TaskType.SEQ_CLS, QV),
    "bert-pooler": ("bert", TaskType.SEQ_CLS, dict(QV, modules_to_save=["pooler"])),
    "bert-dense": ("bert", TaskType.SEQ_CLS, DENSE),
    "roberta": ("roberta", TaskType.SEQ_CLS, QV),
    "span": ("span", TaskType.QUESTION_ANS, QV),
}


def case(name, folder, task, options):
    auto = AutoModelForSequenceClassification if task == TaskType.SEQ_CLS else AutoModelForQuestionAnswering
    labels = {"num_labels": 3} if folder == "roberta" else {}
    base = auto.from_pretrained(os.path.join(HERE, folder, "model"), attn_implementation="eager", **labels)
    model = get_peft_model(base, LoraConfig(task_type=task, **options))
    g = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in (p for p in model.parameters() if p.requires_grad):
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=g))
    model.eval()
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
    logits = out.logits if task == TaskType.SEQ_CLS else torch.stack([out.start_logits, out.end_logits])
    path = os.path.join(OUT, name)
    model.save_pretrained(path)
    os.remove(os.path.join(path, "README.md"))
    os.chmod(os.path.join(path, "adapter_model.safetensors"), 0o644)
    config_path = os.path.join(path, "adapter_config.json")
    config = json.load(open(config_path))
    config["base_model_name_or_path"] = "golden/" + folder
    config["target_modules"].sort()  # PEFT keeps a set: any order
    json.dump(config, open(config_path, "w"), indent=2)
    return logits.tolist()


os.makedirs(OUT, exist_ok=True)
expected = {
    "versions": {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__},
    "ids": ids.tolist(),
    "mask": mask.tolist(),
    "types": types.tolist(),
    "cases": {name: case(name, *rest) for name, rest in CASES.items()},
}
json.dump(expected, open(os.path.join(OUT, "expected.json"), "w"))
