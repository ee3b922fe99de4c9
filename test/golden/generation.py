"""What Hugging Face's `generate` gives (transformers 5.24) for a model whose logits are looked up in a table: greedy, beam search, and the
probabilities that tokens are drawn from. Writes generation.json.

The logits after ids are row (7 * last + 3 * last but one + number of ids) mod rows of the table: a function that JavaScript has too.

    python -P test/golden/generation.py > test/golden/generation.json
"""
import itertools
import json
import sys

import torch
import transformers
from transformers import GenerationMixin, LogitsProcessorList, PretrainedConfig, PreTrainedModel
from transformers.generation import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.modeling_outputs import CausalLMOutput

ROWS, VOCABULARY = 61, 24
torch.manual_seed(3)
table = (torch.randn(ROWS, VOCABULARY) * 1.5).round(decimals=3)


class TableConfig(PretrainedConfig):
    model_type = "table"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.num_hidden_layers, self.is_encoder_decoder = VOCABULARY, 1, False


class Table(PreTrainedModel, GenerationMixin):
    config_class = TableConfig

    def __init__(self, config):
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, **_):
        last = input_ids[:, -1]
        before = input_ids[:, -2] if input_ids.shape[1] > 1 else torch.zeros_like(last)
        row = (7 * last + 3 * before + input_ids.shape[1]) % ROWS
        return CausalLMOutput(logits=table[row][:, None, :])

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}


model = Table(TableConfig()).eval()
PROMPTS = [[1, 2, 3], [5], [9, 17, 4, 11], [20, 8]]


def generate(prompt, eos, new, **options):
    return model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        eos_token_id=eos or None,
        pad_token_id=0,
        max_new_tokens=new,
        do_sample=False,
        use_cache=False,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )


greedy = []
for prompt, eos, penalty in itertools.product(PROMPTS, [[], [6], [6, 13]], [1.0, 1.3]):
    out = generate(prompt, eos, 24, repetition_penalty=penalty)
    greedy.append({"prompt": prompt, "eos": eos, "penalty": penalty, "ids": out.sequences[0, len(prompt) :].tolist()})

beams = []
for prompt, eos, count, length, early in itertools.product(
    PROMPTS, [[], [6], [6, 13]], [2, 4], [-1.0, 0.0, 1.0, 2.0], [False, True, "never"]
):
    out = generate(prompt, eos, 12, num_beams=count, num_return_sequences=count, length_penalty=length, early_stopping=early)
    found = []
    for sequence, score, indices in zip(out.sequences, out.sequences_scores, out.beam_indices):
        tokens = int((indices >= 0).sum())
        found.append({"ids": sequence[len(prompt) : len(prompt) + tokens].tolist(), "score": score.item()})
    beams.append({"prompt": prompt, "eos": eos, "beams": count, "length": length, "early": early, "found": found})

draws = []
for temperature, k, p in [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.0, 5, 1.0), (1.0, 0, 0.8), (1.5, 8, 0.6), (0.5, 50, 0.01)]:
    warpers = [TemperatureLogitsWarper(temperature)] if temperature != 1 else []
    warpers += [TopKLogitsWarper(k)] if k else []
    warpers += [TopPLogitsWarper(p)] if p < 1 else []
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(1.2), *warpers])
    ids = torch.tensor([[3, 7, 3]])
    scores = processors(ids, table[:1].clone())
    draws.append({"temperature": temperature, "k": k, "p": p, "probabilities": scores.softmax(-1)[0].tolist()})

round_all = lambda value: (
    round(value, 6)
    if isinstance(value, float)
    else [round_all(item) for item in value]
    if isinstance(value, list)
    else {key: round_all(item) for key, item in value.items()}
    if isinstance(value, dict)
    else value
)
json.dump(
    round_all(
        {
            "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
            "table": table.double().tolist(),
            "greedy": greedy,
            "beams": beams,
            "draws": draws,
        }
    ),
    sys.stdout,
    separators=(",", ":"),
)
