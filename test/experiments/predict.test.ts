/** Predictions of saved models and adapters, whatever their head: the same as evaluation's, in the order of the rows. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readOpenQuestions } from '../../src/datasets/tables/questions.js';
import { createModel } from '../../src/experiments/create-model.js';
import { loadSaved } from '../../src/experiments/evaluate-run.js';
import { predictAnswers } from '../../src/experiments/predict-answers.js';
import { type Prediction, predictTexts } from '../../src/experiments/predict-run.js';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { trainedWith, withTrained } from '../../src/experiments/trained-with.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { BITFIT_DEFAULTS } from '../../src/peft/bitfit.js';
import { loadAdapter } from '../../src/peft/formats.js';
import { type Lora, mergeLora } from '../../src/peft/lora.js';

process.env.PROGTUNING_CACHE = 'off';
const home = await mkdtemp(join(tmpdir(), 'progtuning-predict-'));
const model = join(home, 'model');
const TEXTS = ['the hall is warm', 'the yard is wet', 'the door is shut', 'the hall is shut'];
const THREADS = { threads: 1 };

before(() =>
  createModel({ out: model, layers: 2, hidden: 32, heads: 2, vocabSize: 40, texts: TEXTS, seed: 1 }),
);
after(() => rm(home, { recursive: true }));

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const SETTINGS = {
  schedule: { kind: 'full', stages: 1 },
  epochs: 20,
  batchSize: 4,
  learningRate: 1e-2,
  dropout: 0,
  maxLength: 16,
} as const;

/** Trains on the texts with their labels, all of them evaluated on. */
async function trained(name: string, labels: readonly string[], request: Partial<RunRequest>) {
  const data = join(home, `${name}.csv`);
  const rows = Array.from({ length: 16 }, (_, i) => `${TEXTS[i % 4]},${labels[i % 4]}`);
  await writeFile(data, `text,label\n${rows.join('\n')}\n`);
  const save = join(home, name);
  const columns = { text: 'text', label: 'label' };
  const spec = runSpec({
    ...{ task: 'classification', data, validationFile: data, model, columns },
    ...SETTINGS,
    ...request,
  });
  const record = await run(spec, { ...THREADS, save });
  return { save, record };
}

const said = (request: { model: string; adapter?: string }): Promise<Prediction[]> =>
  all(
    predictTexts(
      { ...request, maxLength: 16 },
      TEXTS.map((text) => [text] as const),
      THREADS,
    ),
  );

const LORA: Lora = { kind: 'lora', rank: 4, alpha: 8, dropout: 0, targets: ['query', 'value'] };

test('adapters of every method over their base; a LoRA merged says the same', async () => {
  const methods = [LORA, BITFIT_DEFAULTS, { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 8 } }];
  for (const [i, method] of methods.entries()) {
    const { save } = await trained(`method-${i}`, ['a', 'b', 'c', 'a'], { method, epochs: 40 });
    const found = await said({ model, adapter: save });
    assert.deepEqual(Object.keys(found[0]?.scores ?? {}), ['a', 'b', 'c']);
    if (i > 0) continue;
    const { model: laid, values } = await loadSaved(model, save, { kind: 'classification', numLabels: 3 });
    const { method: loaded } = await loadAdapter(save, laid.config, laid.head);
    const base = { config: laid.config, head: laid.head, headTraining: 'classifier+pooler' } as const;
    const parameters = mergeLora(base, loaded as Lora, values);
    const merged = join(home, 'merged');
    const specs = modelSpecs(laid.config, laid.head);
    const checkpoint = { config: laid.config, head: laid.head, specs, initialised: [], folder: model };
    await saveCheckpoint(merged, { ...checkpoint, parameters }, { labels: ['a', 'b', 'c'] });
    for (const [row, { label, scores = {} }] of (await said({ model: merged })).entries()) {
      assert.equal(label, found[row]?.label);
      for (const [name, score] of Object.entries(scores))
        assert.ok(Math.abs(score - (found[row]?.scores?.[name] as number)) < 1e-5);
    }
  }
});

test('an adapter keeps what its head is for: several labels, a score', async () => {
  const several = await trained('several', ['a;b', 'b', '', 'a'], {
    ...{ task: 'multi-label', method: LORA, epochs: 60 },
  });
  const found = await said({ model, adapter: several.save });
  assert.ok(found.every(({ label }) => Array.isArray(label)));
  if (several.record.metrics.accuracy === 1)
    assert.deepEqual(
      found.map(({ label }) => label),
      [['a', 'b'], ['b'], [], ['a']],
    );
  const score = await trained('score', ['0.5', '1.5', '2.5', '3.5'], { task: 'regression', method: LORA });
  const scores = await said({ model, adapter: score.save });
  assert.ok(scores.every(({ label, scores }) => typeof label === 'number' && scores === undefined));
  const whole = await trained('whole', ['0.5', '1.5', '2.5', '3.5'], { task: 'regression', epochs: 60 });
  const gaps = (await said({ model: whole.save })).map(({ label }, i) =>
    Math.abs((label as number) - i - 0.5),
  );
  const mae = gaps.reduce((sum, gap) => sum + gap, 0) / 4;
  assert.ok(Math.abs(mae - (whole.record.metrics.mae as number)) < 1e-5);
});

test('rows are as long as in training, and columns those of training, where nobody says otherwise', async () => {
  const { save } = await trained('short', ['a', 'b', 'c', 'a'], { maxLength: 8, epochs: 2 });
  const long = [[`${TEXTS.join(' ')} ${TEXTS[1]}`] as const];
  const scores = async (more: object): Promise<unknown> =>
    (await all(predictTexts({ model: save, ...more }, long, THREADS)))[0]?.scores;
  assert.deepEqual(await scores({}), await scores({ maxLength: 8 }));
  assert.notDeepEqual(await scores({}), await scores({ maxLength: 24 }));
  const { columns } = await trainedWith(save);
  assert.deepEqual(columns, { text: 'text', label: 'label' });
  assert.deepEqual(withTrained({}, columns, ['text', 'text_pair', 'label']), columns);
  assert.deepEqual(withTrained({}, columns, ['text', 'text_pair']), { text: 'text' });
  assert.deepEqual(withTrained({}, columns, ['body']), {});
  assert.deepEqual(withTrained({ text: 'body' }, columns, ['text', 'body']), { text: 'body' });
});

/** Contexts with the place of what is asked for; the last ones ask for nothing that is there. */
function questions(withNone: boolean): object[] {
  const halls = ['hall', 'yard', 'door'].flatMap((what) =>
    ['warm', 'wet', 'shut'].map((how) => ({
      how,
      context: `\u{1F600} the ${what} is ${how} . the ${what} is shut`,
    })),
  );
  return halls.flatMap(({ how, context }, i) => [
    {
      ...{ id: `q${i}`, context, question: 'the is' },
      // Code points, as SQuAD counts: the first character is one.
      answers: { text: [how], answer_start: [[...context].join('').indexOf(how) - 1] },
    },
    ...(withNone
      ? [{ id: `n${i}`, context, question: 'wet wet wet', answers: { text: [], answer_start: [] } }]
      : []),
  ]);
}

for (const withNone of [false, true])
  test(`answers are those that evaluation decodes, each with its place (${withNone ? 'v2.0' : 'v1.1'})`, async () => {
    const data = join(home, `questions-${withNone}.jsonl`);
    const rows = questions(withNone);
    await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
    const save = join(home, `answers-${withNone}`);
    const spec = runSpec({
      ...{ task: 'question-answering', data, validationFile: data, model },
      ...{ ...SETTINGS, maxLength: 24, squad: { docStride: 4 } },
    });
    await run(spec, { ...THREADS, save });
    const wanted = JSON.parse(await readFile(join(save, 'predictions.json'), 'utf8')) as Record<
      string,
      string
    >;
    const nbest = JSON.parse(await readFile(join(save, 'nbest_predictions.json'), 'utf8'));
    const contexts = new Map(
      rows.map((row) => [(row as { id: string }).id, (row as { context: string }).context]),
    );
    const found = await all(predictAnswers({ model: save }, readOpenQuestions({ path: data }), THREADS));
    assert.deepEqual(
      found.map(({ id }) => id),
      [...contexts.keys()],
    );
    for (const { id, answer, start, end, score } of found) {
      assert.equal(answer, wanted[id]);
      if (start !== null && end !== null) assert.equal(contexts.get(id)?.slice(start, end), answer);
      else assert.equal(answer, '');
      const entry = nbest[id].find(({ text }: { text: string }) => text === answer);
      assert.ok(Math.abs(score - entry.probability) < 1e-5);
    }
    if (withNone)
      assert.ok(
        found.some(({ answer }) => answer === ''),
        'no answer is one',
      );
    // SQuAD's own layout, without answers.
    const [{ context, question }] = rows as [{ context: string; question: string }];
    const file = join(home, 'open.json');
    await writeFile(
      file,
      JSON.stringify({ data: [{ paragraphs: [{ context, qas: [{ id: 'x', question }] }] }] }),
    );
    const [first] = await all(predictAnswers({ model: save }, readOpenQuestions({ path: file }), THREADS));
    assert.deepEqual({ ...first, id: 'q0' }, { ...found[0], score: first?.score });
  });

test('a classifier is asked no questions, and questions are no texts; a missing column names those there', async () => {
  await assert.rejects(
    all(predictAnswers({ model: join(home, 'whole') }, [])),
    /is a classifier; use predictTexts/,
  );
  await assert.rejects(all(predictTexts({ model: join(home, 'answers-true') }, [])), /use predictAnswers/);
  const path = join(home, 'bad.csv');
  await writeFile(path, 'q,context\nwhere,there\n');
  await assert.rejects(
    all(readOpenQuestions({ path })),
    /bad\.csv:2: no column 'question'; there are: q, context/,
  );
  const empty = [{ question: ' ', context: 'x' }];
  await assert.rejects(
    all(predictAnswers({ model: join(home, 'answers-true') }, empty)),
    /question 0: .* empty/,
  );
});
