/** SQuAD runs from text to the files of `run_qa`: learnt, repeatable, scored as the official evaluator scores the written files. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { evaluateSquad } from '../../src/cli/evaluate.js';
import { createModel } from '../../src/experiments/create-model.js';
import { evaluateRun } from '../../src/experiments/evaluate-run.js';
import { type RunEvent, run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { permutation } from '../../src/random.js';

// Windows are made, not found: their progress is looked at.
process.env.PROGTUNING_CACHE = 'off';
const home = await mkdtemp(join(tmpdir(), 'progtuning-squad-run-'));
const model = join(home, 'model');
const COLOURS = ['red', 'blue', 'green', 'white', 'black', 'brown'];
const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six'];
const PLACES = ['rome', 'oslo', 'bern', 'kyiv', 'riga', 'lima'];
const QUESTIONS = ['what colour ?', 'how many ?', 'where ?'];

/** "the house is red . it has two doors . it is in rome ." with a question on each; v2.0 also asks who, which nothing tells. */
function file(paragraphs: number, version: '1.1' | '2.0', step: number): object {
  const make = (p: number): object => {
    const drawn = [COLOURS, NUMBERS, PLACES].map(
      (words, stream) => words[permutation({ seed: 7, stream, step: step + p }, 6)[0] as number] as string,
    );
    const context = `the house is ${drawn[0]} . it has ${drawn[1]} doors . it is in ${drawn[2]} .`;
    const mark = (is_impossible: boolean): object => (version === '2.0' ? { is_impossible } : {});
    const qas = QUESTIONS.map((question, i) => {
      const answers = [{ text: drawn[i], answer_start: context.indexOf(` ${drawn[i]} `) + 1 }];
      return { id: `${step}-${p}-${i}`, question, answers, ...mark(false) };
    });
    const who = { id: `${step}-${p}-3`, question: 'who ?', answers: [], ...mark(true) };
    return { context, qas: version === '2.0' ? [...qas, who] : qas };
  };
  return {
    version,
    data: [{ title: 't', paragraphs: Array.from({ length: paragraphs }, (_, p) => make(p)) }],
  };
}

before(async () => {
  for (const version of ['1.1', '2.0'] as const) {
    await writeFile(join(home, `train-v${version}.json`), JSON.stringify(file(120, version, 0)));
    await writeFile(join(home, `dev-v${version}.json`), JSON.stringify(file(20, version, 10_000)));
  }
  const texts = [JSON.stringify(file(50, '2.0', 0)).replace(/[^a-z .?]/g, ' ')];
  await createModel({ out: model, layers: 2, hidden: 32, heads: 2, vocabSize: 60, texts, seed: 1 });
});
after(() => rm(home, { recursive: true }));

const request = (task: string, more: Partial<RunRequest> = {}): RunRequest => ({
  task,
  data: home,
  model,
  epochs: 6,
  batchSize: 16,
  learningRate: 1e-2,
  dropout: 0,
  schedule: { kind: 'full', stages: 1 },
  maxLength: 48,
  squad: { docStride: 8, nBest: 5, maxAnswerLength: 8 },
  ...more,
});

test('v1.1: learnt; the files score as the record says', async () => {
  const save = join(home, 'v1');
  const events: RunEvent[] = [];
  const record = await run(runSpec(request('squad')), { save, onEvent: (event) => events.push(event) });
  assert.ok((record.metrics.f1 as number) > 90, `F1 ${record.metrics.f1}`);
  const predictions = join(save, 'predictions.json');
  const { scores } = await evaluateSquad({ data: join(home, 'dev-v1.1.json'), predictions });
  for (const name of ['exact', 'f1', 'total']) assert.equal(scores[name], record.metrics[name], name);
  // The windows of its training, which the folder tells; others on request.
  const saved = { task: 'squad', data: home, model: save };
  assert.deepEqual(await evaluateRun(saved), record.metrics);
  const other = await evaluateRun({ ...saved, squad: { maxAnswerLength: 1, nBest: 1 }, maxLength: 24 });
  assert.equal(other.total, 60);
  await assert.rejects(evaluateRun({ ...saved, maxLength: 8 }), /max-length 8, doc-stride 8: two windows/);
  await writeFile(join(save, 'squad_settings.json'), '{"max_seq_length": 48}');
  await assert.rejects(evaluateRun(saved), /squad_settings\.json: doc_stride: .*; mend or remove it/);
  const nbest = JSON.parse(await readFile(join(save, 'nbest_predictions.json'), 'utf8'));
  const answers = JSON.parse(await readFile(predictions, 'utf8'));
  assert.equal(Object.keys(answers).length, 60);
  for (const [id, candidates] of Object.entries<{ text: string; probability: number }[]>(nbest)) {
    assert.equal(candidates[0]?.text, answers[id]);
    assert.ok(candidates.length <= 5);
    assert.ok(Math.abs(candidates.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-6);
  }
  assert.equal(
    JSON.parse(await readFile(join(save, 'config.json'), 'utf8')).architectures[0],
    'BertForQuestionAnswering',
  );
  assert.equal(record.trainExamples, 360);
  assert.ok((record.dataReport.windows as number) > 360, 'some paragraphs need two windows');
  const kinds = new Set(
    events.map((event) => (event.kind === 'tokenising' ? `${event.kind} ${event.split}` : event.kind)),
  );
  assert.deepEqual(
    [...kinds],
    ['tokenising train', 'tokenising dev', 'loaded', 'stage', 'step', 'saved', 'evaluating', 'finished'],
  );
});

test('v2.0: HasAns, NoAns and best thresholds; the same threshold gives the best F1 again', async () => {
  const save = join(home, 'v2');
  const high = { docStride: 8, nullScoreThreshold: 1e6 };
  const record = await run(runSpec(request('squad_v2', { squad: high })), { save });
  const { metrics } = record;
  assert.deepEqual([metrics.total, metrics.HasAns_total, metrics.NoAns_total], [80, 60, 20]);
  assert.equal(metrics.NoAns_exact, 0, 'a high threshold never abstains');
  assert.ok((metrics.best_f1 as number) > (metrics.f1 as number));
  const { scores } = await evaluateSquad({
    data: join(home, 'dev-v2.0.json'),
    predictions: join(save, 'predictions.json'),
    naProb: join(save, 'null_odds.json'),
    naProbThresh: 1e6,
  });
  assert.deepEqual(scores, metrics);
  const again = await run(
    runSpec(
      request('squad_v2', { squad: { ...high, nullScoreThreshold: metrics.best_f1_thresh as number } }),
    ),
  );
  assert.ok(Math.abs((again.metrics.f1 as number) - (metrics.best_f1 as number)) < 1e-9);
});

test('every method and schedule trains on spans; a run repeats bit for bit', async () => {
  const short = { epochs: 2, maxTrainExamples: 48, maxEvalExamples: 6 };
  const losses = new Set<string>();
  for (const method of [{ kind: 'bitfit', terms: 'all' }, { kind: 'full' }] as const)
    for (const kind of ['full', 'progressive', 'growing'] as const) {
      const spec = runSpec(request('squad', { ...short, method, schedule: { kind, stages: 2 } }));
      const [first, second] = [await run(spec), await run(spec, { threads: 1 })];
      assert.deepEqual([first.trainExamples, first.metrics.total], [48, 6]);
      assert.deepEqual(first.steps, second.steps);
      assert.deepEqual(first.metrics, second.metrics);
      losses.add(JSON.stringify(first.steps.map(({ loss }) => loss)));
    }
  assert.ok(losses.size >= 4, 'methods and schedules differ');
});

test('answers that are lost are counted in the record and told', async () => {
  const data = join(home, 'spoiled');
  await mkdir(data);
  const answers = (text: string, start: number): object[] => [{ text, answer_start: start }];
  const context = 'the house is red . it has two doors . it is in rome .';
  const qas = [
    { id: 'good', question: 'what colour ?', answers: answers('red', 13) },
    { id: 'elsewhere', question: 'how many ?', answers: answers('two', 3) },
    { id: 'long', question: 'where ?', answers: answers(context, 0) },
  ];
  const json = JSON.stringify({ version: '1.1', data: [{ title: 't', paragraphs: [{ context, qas }] }] });
  await writeFile(join(data, 'train-v1.1.json'), json);
  await writeFile(join(data, 'dev-v1.1.json'), json);
  const told: string[] = [];
  const spec = runSpec(
    request('squad', { data, epochs: 1, schedule: { stages: 1 }, maxLength: 20, squad: { docStride: 2 } }),
  );
  const record = await run(spec, { onEvent: (event) => event.kind === 'warning' && told.push(event.text) });
  const { misplaced, lost, questions } = record.dataReport;
  assert.deepEqual([misplaced, lost, questions], [1, 1, 2]);
  assert.match(told[0] as string, /1 of 3 questions .*\(elsewhere\); left out of training/);
  assert.match(told[1] as string, /1 answers are in none, 1 questions left out/);
});

test('wrong data and settings: one clear line', async () => {
  const refused = (more: Partial<RunRequest>, message: RegExp, task = 'squad'): Promise<void> =>
    assert.rejects(async () => run(runSpec(request(task, more))), message);
  await refused(
    { data: join(home, 'nowhere') },
    /nowhere.train-v1\.1\.json: no such file; --data names the folder/,
  );
  await refused(
    { maxLength: 32, squad: { docStride: 32 } },
    /max-length 32, doc-stride 32: two windows would share all their tokens; lower --doc-stride/,
  );
  await refused({}, /squad settings are not for task sst2/, 'sst2');
  const data = join(home, 'mixed');
  await mkdir(data);
  await writeFile(join(data, 'train-v1.1.json'), JSON.stringify(file(2, '2.0', 0)));
  await refused({ data }, /it is SQuAD v2\.0; v1\.1 is wanted\. Use task squad_v2/);
});
