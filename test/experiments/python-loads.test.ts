/** Python's `transformers` loads what a run saves and gives the same logits. PROGTUNING_PYTHON names an interpreter that has it; without, skipped. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { padBatch } from '../../src/datasets/batches.js';
import { compile } from '../../src/engine/compile.js';
import { createModel } from '../../src/experiments/create-model.js';
import { predictAnswers } from '../../src/experiments/predict-answers.js';
import { predictTexts } from '../../src/experiments/predict-run.js';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { initialise } from '../../src/models/initialise.js';
import type { Parameters } from '../../src/models/parameters.js';
import { loadAdapter, saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS, mergeLora } from '../../src/peft/lora.js';
import { methodAdaptation, methodSpecs } from '../../src/peft/method.js';
import { modelOutputs } from '../../src/training/export-model.js';
import { type Model, paddedInputs, parameterInputs } from '../../src/training/model.js';
import { goldenPath } from '../golden/golden.js';

const python = process.env.PROGTUNING_PYTHON ?? '';
const skip = python === '' ? 'PROGTUNING_PYTHON names no Python with transformers' : false;
const home = await mkdtemp(join(tmpdir(), 'progtuning-python-'));
after(() => rm(home, { recursive: true }));

const TEXTS = ['the hall is warm', 'the yard is wet', 'the door is shut'];

/** Probabilities, scores, or a span's best start and end, of saved folders. */
const SCRIPT = `
import json, sys, torch, transformers
home, texts = sys.argv[1], json.loads(sys.argv[2])
found = {}
for name in ("classification", "multi-label", "regression"):
    folder = f"{home}/{name}"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = model(**tokenizer(texts, return_tensors="pt", padding=True)).logits
    kind = model.config.problem_type
    act = {"single_label_classification": lambda x: x.softmax(-1), "multi_label_classification": torch.sigmoid, "regression": lambda x: x}
    found[name] = {"values": act[kind](logits).tolist(), "labels": [model.config.id2label[i] for i in range(logits.shape[1])]}
folder = f"{home}/question-answering"
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
inputs = tokenizer("the hall", texts[0], return_tensors="pt", return_offsets_mapping=True)
offsets = inputs.pop("offset_mapping")[0]
with torch.no_grad():
    out = model(**inputs)
inside = [i for i, s in enumerate(inputs.token_type_ids[0]) if s == 1][:-1]
best = max(((i, j) for i in inside for j in inside if j >= i), key=lambda p: float(out.start_logits[0, p[0]] + out.end_logits[0, p[1]]))
found["answer"] = [int(offsets[best[0]][0]), int(offsets[best[1]][1])]
print(json.dumps(found))
`;

/** As SCRIPT, of LoRAs over their base model: of ours, and of what PEFT itself draws and saves beside them, as `<name>-theirs`. */
const ADAPTERS = `
import json, sys, peft, torch, transformers
home, texts = sys.argv[1], json.loads(sys.argv[2])
tokenizer = transformers.AutoTokenizer.from_pretrained(f"{home}/model")
act = {"classification": lambda x: x.softmax(-1), "multi-label": torch.sigmoid, "regression": lambda x: x}
inputs = tokenizer(texts, return_tensors="pt", padding=True)
asked = tokenizer("the hall", texts[0], return_tensors="pt", return_offsets_mapping=True)
offsets = asked.pop("offset_mapping")[0]
inside = [i for i, s in enumerate(asked.token_type_ids[0]) if s == 1][:-1]
def values(name, model):
    with torch.no_grad():
        if name != "question-answering":
            return act[name](model.eval()(**inputs).logits).tolist()
        out = model.eval()(**asked)
    best = max(((i, j) for i in inside for j in inside if j >= i), key=lambda p: float(out.start_logits[0, p[0]] + out.end_logits[0, p[1]]))
    return [[int(offsets[best[0]][0]), int(offsets[best[1]][1])]]
found = {}
for name, labels in (("classification", 3), ("multi-label", 3), ("regression", 1), ("question-answering", 2)):
    auto = transformers.AutoModelForQuestionAnswering if name == "question-answering" else transformers.AutoModelForSequenceClassification
    base = lambda: auto.from_pretrained(f"{home}/model", **({} if name == "question-answering" else {"num_labels": labels}))
    found[name] = values(name, peft.PeftModel.from_pretrained(base(), f"{home}/{name}-lora"))
    kind = peft.TaskType.QUESTION_ANS if name == "question-answering" else peft.TaskType.SEQ_CLS
    saved = ["qa_outputs"] if name == "question-answering" else ["classifier", "pooler"]
    theirs = peft.get_peft_model(base(), peft.LoraConfig(task_type=kind, r=2, target_modules=["query", "value"], modules_to_save=saved))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.5 * torch.randn(parameter.shape))
    theirs.save_pretrained(f"{home}/{name}-theirs")
    found[f"{name}-theirs"] = values(name, theirs)
print(json.dumps(found))
`;

/** Logits of the next token: of saved models, and of LoRAs on them. */
const DECODERS = `
import json, sys, peft, torch, transformers
home, ids = sys.argv[1], torch.tensor([json.loads(sys.argv[2])])
found = {}
for name in sys.argv[3:]:
    model = transformers.AutoModelForCausalLM.from_pretrained(f"{home}/{name}").eval()
    with torch.no_grad():
        found[name] = [model(ids).logits.flatten().tolist()]
        found[name].append(peft.PeftModel.from_pretrained(model, f"{home}/{name}-lora").eval()(ids).logits.flatten().tolist())
print(json.dumps(found))
`;

const IDS = [5, 9, 3, 17, 4, 11];

async function nextTokenLogits(model: Model, values: Parameters): Promise<Float32Array> {
  const batch = padBatch([{ inputIds: IDS, tokenTypeIds: IDS.map(() => 0) }], 0);
  const { inputIds, attentionMask, tokenTypeIds } = batch;
  const program = await compile(
    { ...parameterInputs(model.specs), ...paddedInputs(batch) },
    (tensors) => modelOutputs(model, batch, tensors),
    { threads: 1 },
  );
  const feeds = { ...Object.fromEntries(values), inputIds, attentionMask, tokenTypeIds };
  const logits = Float32Array.from((await program.run(feeds)).logits as Float32Array);
  await program.close();
  return logits;
}

test('decoders, and LoRAs on them', { skip }, async () => {
  const names = ['gpt2', 'llama', 'llama3', 'linear', 'qwen2'];
  const head = { kind: 'causal-lm' } as const;
  const ours: Record<string, Float32Array[]> = {};
  for (const name of names) {
    const checkpoint = await loadCheckpoint(goldenPath('decoders', name, 'model'), head, { seed: 0 });
    const { config, specs } = checkpoint;
    const folder = join(home, name);
    await saveCheckpoint(folder, checkpoint);
    const base = { config, head, headTraining: 'classifier' } as const;
    const targets = name === 'gpt2' ? ['c_attn', 'c_proj'] : ['q_proj', 'down_proj'];
    const method = { ...LORA_DEFAULTS, rank: 2, targets };
    const extra = methodSpecs(base, method);
    const drawn = extra.map((spec, i): [string, Float32Array] => [
      spec.name,
      initialise({ ...spec, initialiser: { kind: 'normal', deviation: 0.3 } }, config, i),
    ]);
    const values = new Map([...checkpoint.parameters, ...drawn]);
    await saveAdapter(`${folder}-lora`, { ...base, method, parameters: values, baseModel: folder });
    assert.deepEqual((await loadAdapter(`${folder}-lora`, config, head)).method, method);
    const model = { config, head, specs, adaptation: {} };
    const adapted = { ...model, specs: [...specs, ...extra], adaptation: methodAdaptation(base, method) };
    ours[name] = [
      await nextTokenLogits(model, checkpoint.parameters),
      await nextTokenLogits(adapted, values),
      await nextTokenLogits(model, mergeLora(base, method, values)),
    ];
  }
  const { stdout } = await promisify(execFile)(python, ['-c', DECODERS, home, JSON.stringify(IDS), ...names]);
  const found = JSON.parse(stdout) as Record<string, number[][]>;
  for (const name of names)
    for (const [i, logits] of (ours[name] ?? []).entries()) {
      const wanted = found[name]?.[Math.min(i, 1)] ?? [];
      assert.equal(logits.length, wanted.length);
      assert.ok(
        logits.every((x, at) => Math.abs(x - (wanted[at] as number)) < 1e-4),
        `${name} ${i}`,
      );
    }
});

/** A whole model in a folder of the task's name, and a LoRA in `<task>-lora`. */
async function save(task: string, rows: string, more: Partial<RunRequest>): Promise<void> {
  const data = join(home, `${task}.${task === 'question-answering' ? 'jsonl' : 'csv'}`);
  await writeFile(data, rows);
  const settings = { epochs: 3, batchSize: 4, learningRate: 1e-2, maxLength: 24, validationSplit: 0.3 };
  const request = { task, data, model: join(home, 'model'), ...settings, ...more };
  await run(runSpec(request), { threads: 1, save: join(home, task) });
  const method = { ...LORA_DEFAULTS, rank: 2 };
  await run(runSpec({ ...request, method }), { threads: 1, save: join(home, `${task}-lora`) });
}

/** Labels are given by the model's kind, and scores are Python's. */
async function saysTheSame(
  request: { readonly model: string; readonly adapter?: string },
  wanted: readonly (readonly number[])[],
): Promise<void> {
  let row = 0;
  const texts = TEXTS.map((text) => [text] as const);
  for await (const { label, scores } of predictTexts(request, texts, { threads: 1 })) {
    const ours = scores === undefined ? [label as number] : Object.values(scores);
    assert.equal(ours.length, wanted[row]?.length);
    ours.forEach((value, i) => {
      assert.ok(
        Math.abs(value - (wanted[row]?.[i] as number)) < 1e-4,
        `${JSON.stringify(request)} ${row} ${i}`,
      );
    });
    const best = Object.keys(scores ?? {})[ours.indexOf(Math.max(...ours))];
    if (typeof label === 'string') assert.equal(label, best);
    row++;
  }
  assert.equal(row, TEXTS.length);
}

async function answersTheSame(
  request: { readonly model: string; readonly adapter?: string },
  wanted: readonly number[],
): Promise<void> {
  const asked = [{ question: 'the hall', context: TEXTS[0] as string }];
  for await (const { start, end } of predictAnswers(request, asked, { threads: 1 }))
    assert.deepEqual([start, end], wanted);
}

test('classes, several labels, scores and answers', { skip }, async () => {
  const shape = { layers: 3, hidden: 32, heads: 2, vocabSize: 36, texts: TEXTS, seed: 1 };
  await createModel({ out: join(home, 'model'), ...shape });
  const columns = { text: 'text', label: 'label' };
  const table = (labels: readonly string[]): string =>
    `text,label\n${Array.from({ length: 12 }, (_, i) => `${TEXTS[i % 3]},${labels[i % 3]}`).join('\n')}\n`;
  await save('classification', table(['a', 'b', 'c']), { columns });
  await save('multi-label', table(['a;b', 'b', 'c']), { columns });
  await save('regression', table(['0.5', '1.5', '2.5']), { columns });
  const question = (i: number): string => {
    const context = TEXTS[i % 3] as string;
    const text = context.split(' ').at(-1) as string;
    const answers = { text: [text], answer_start: [context.indexOf(text)] };
    return JSON.stringify({ id: String(i), question: 'the hall', context, answers });
  };
  const squad = { docStride: 4 };
  await save('question-answering', Array.from({ length: 12 }, (_, i) => question(i)).join('\n'), { squad });
  const { stdout } = await promisify(execFile)(python, ['-c', SCRIPT, home, JSON.stringify(TEXTS)]);
  const found = JSON.parse(stdout) as Record<string, { values: number[][]; labels: string[] }> & {
    answer: number[];
  };
  const kinds = ['classification', 'multi-label', 'regression'];
  for (const task of kinds) await saysTheSame({ model: join(home, task) }, found[task]?.values ?? []);
  assert.deepEqual(found.classification?.labels, ['a', 'b', 'c']);
  await answersTheSame({ model: join(home, 'question-answering') }, found.answer);

  const model = join(home, 'model');
  const laid = await promisify(execFile)(python, ['-c', ADAPTERS, home, JSON.stringify(TEXTS)]);
  const overBase = JSON.parse(laid.stdout) as Record<string, number[][]>;
  // What PEFT saves says of several labels nothing: its base model does.
  const several = join(home, 'model-of-several');
  await cp(model, several, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  await writeFile(
    join(several, 'config.json'),
    JSON.stringify({ ...config, problem_type: 'multi_label_classification' }),
  );
  for (const task of kinds)
    for (const whose of ['lora', 'theirs'])
      await saysTheSame(
        { model: task === 'multi-label' ? several : model, adapter: join(home, `${task}-${whose}`) },
        overBase[whose === 'lora' ? task : `${task}-theirs`] ?? [],
      );
  for (const whose of ['lora', 'theirs'])
    await answersTheSame(
      { model, adapter: join(home, `question-answering-${whose}`) },
      overBase[whose === 'lora' ? 'question-answering' : 'question-answering-theirs']?.[0] ?? [],
    );
});
