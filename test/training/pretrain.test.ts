/** Pre-training: a run cut off anywhere goes on bit for bit, a longer run goes on from before the decay, gradients add up. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openCorpus } from '../../src/datasets/corpus.js';
import { type MaskedBatch, maskedBatches, maskingVocabulary } from '../../src/datasets/masking.js';
import { newModelConfig } from '../../src/experiments/create-model.js';
import { runPretraining } from '../../src/experiments/pretrain-run.js';
import type { PretrainOptions, PretrainRecord, PretrainSpec } from '../../src/experiments/pretrain-spec.js';
import { continuedFrom } from '../../src/experiments/pretrain-start.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { readHead } from '../../src/models/config-file.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { uniform } from '../../src/random.js';
import { modelCard, pretrainingFigure } from '../../src/report/model-card.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { learningRateFactor } from '../../src/training/learning-rate.js';
import { maskedLmObjective } from '../../src/training/masked-lm.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';

const SPEC: PretrainSpec = {
  layers: 2,
  hidden: 32,
  heads: 2,
  vocabSize: 40,
  length: 16,
  batchSize: 4,
  accumulation: 2,
  totalSteps: 24,
  maskProbability: 0.15,
  wholeWords: true,
  heldOutShare: 0.1,
  learningRate: 5e-3,
  learningRateSchedule: { kind: 'warmup_stable_decay', warmupRatio: 0, warmupSteps: 3, decayRatio: 0.25 },
  weightDecay: 0.01,
  maxGradientNorm: 1,
  dropout: 0.1,
  seed: 5,
  initialisation: 'random',
};

let home: string;
let text: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-pretrain-'));
  text = join(home, 'text.txt');
  const words = ['the', 'cat', 'dog', 'sat', 'ran', 'mat', 'red', 'park', 'saw', 'a'];
  const draws = uniform({ seed: 1, stream: 9, step: 0 }, 120 * 12);
  const documents = Array.from({ length: 120 }, (_, d) =>
    Array.from({ length: 12 }, (_, w) => words[Math.floor((draws[d * 12 + w] as number) * 10)]).join(' '),
  );
  await writeFile(text, `${documents.join('\n\n')}\n`);
});

after(() => rm(home, { recursive: true }));

const options = (name: string, more: Partial<PretrainOptions> = {}): PretrainOptions => ({
  out: join(home, name),
  text: [text],
  evalSteps: 7,
  evalRows: 4,
  saveSteps: 4,
  dtype: 'F32',
  keepSnapshot: false,
  threads: 1,
  ...more,
});

const weights = (name: string): Promise<Buffer> => readFile(join(home, name, 'model.safetensors'));

/** Runs until `stop` steps of this session are done, then again and again. */
async function runInPieces(
  spec: PretrainSpec,
  name: string,
  stops: readonly number[],
): Promise<PretrainRecord> {
  for (const stop of stops) {
    let steps = 0;
    const given = options(name, {
      onEvent: ({ kind }) => {
        if (kind === 'step') steps++;
      },
      stopped: () => steps >= stop,
    });
    assert.equal(await runPretraining(spec, given), undefined, 'an interrupted run has no record');
  }
  return (await runPretraining(spec, options(name))) as PretrainRecord;
}

/** What must not depend on interruptions. */
const curve = ({ losses, heldOut, finalHeldOut }: PretrainRecord) => ({ losses, heldOut, finalHeldOut });

test('an interrupted run gives the same losses and weights, bit for bit', async () => {
  const whole = (await runPretraining(SPEC, options('whole'))) as PretrainRecord;
  const pieces = await runInPieces(SPEC, 'pieces', [1, 6, 3, 10]);
  assert.deepEqual(curve(pieces), curve(whole));
  assert.ok((await weights('pieces')).equals(await weights('whole')));
  const [first, last] = [whole.losses[0], whole.losses.at(-1)];
  assert.ok((last?.loss as number) < (first?.loss as number), 'the loss falls');
  assert.equal(whole.heldOut.length, 4);
});

test('from counts: interrupted or not, the same; counted once, and lower than at random', async () => {
  const counted: PretrainSpec = { ...SPEC, hidden: 16, initialisation: 'cooccurrence' };
  const whole = (await runPretraining(counted, options('counted'))) as PretrainRecord;
  const pieces = await runInPieces(counted, 'counted-pieces', [2, 5]);
  assert.deepEqual(curve(pieces), curve(whole));
  assert.ok((await weights('counted-pieces')).equals(await weights('counted')));
  const random = (await runPretraining(
    { ...counted, initialisation: 'random' },
    options('random'),
  )) as PretrainRecord;
  assert.ok((whole.losses[0]?.loss as number) < (random.losses[0]?.loss as number));
});

test('a run killed between snapshots repeats what was lost', async () => {
  const given = options('killed', {
    onEvent: (event) => {
      if (event.kind === 'step' && event.step === 9) throw new Error('killed');
    },
  });
  await assert.rejects(runPretraining(SPEC, given), /killed/);
  const steps: number[] = [];
  await runPretraining(
    SPEC,
    options('killed', { onEvent: (event) => event.kind === 'step' && steps.push(event.step) }),
  );
  assert.equal(steps[0], 8, 'goes on from the snapshot at step 8');
  assert.ok((await weights('killed')).equals(await weights('whole')));
});

test('a longer run goes on from before the decay, and is the run that was long from the start', async () => {
  const long = { ...SPEC, totalSteps: 32 };
  await runPretraining(SPEC, options('grown', { keepSnapshot: true }));
  const steps: number[] = [];
  await runPretraining(
    long,
    options('grown', { onEvent: (event) => event.kind === 'step' && steps.push(event.step) }),
  );
  assert.equal(steps[0], 18);
  await runPretraining(long, options('long'));
  assert.ok((await weights('grown')).equals(await weights('long')));
});

test('a run may go on from a finished model: lower from its first step, its runs told one after the other', async () => {
  const model = join(home, 'whole');
  const spec: PretrainSpec = { ...SPEC, ...(await continuedFrom(model)), seed: 6 };
  const more = (await runPretraining(spec, options('more', { model }))) as PretrainRecord;
  const whole = JSON.parse(await readFile(join(model, 'pretraining.json'), 'utf8')) as PretrainRecord;
  assert.ok((more.losses[0]?.loss as number) < (whole.losses[0]?.loss as number) - 0.3);
  assert.deepEqual(
    more.former.map(({ tokensSeen }) => tokensSeen),
    [whole.tokensSeen],
  );
  const tokens = SPEC.batchSize * SPEC.accumulation * SPEC.length * SPEC.totalSteps;
  const heldOut = pretrainingFigure(more, 'more').data[1] as unknown as { x: number[] };
  assert.equal(heldOut.x.at(-1), (2 * tokens) / 1e6);
  const again = await runPretraining(
    { ...SPEC, ...(await continuedFrom(join(home, 'more'))) },
    options('again', { model: join(home, 'more') }),
  );
  assert.equal(again?.former.length, 2);
});

test('a snapshot of other settings is refused by what differs; overwrite begins anew', async () => {
  const given = options('other', {
    onEvent: (event) => {
      if (event.kind === 'step' && event.step === 5) throw new Error('killed');
    },
  });
  await assert.rejects(runPretraining(SPEC, given), /killed/);
  const other = { ...SPEC, learningRate: 4e-3 };
  await assert.rejects(
    runPretraining(other, options('other')),
    /unfinished run with other settings \(learningRate 0\.005 -> 0\.004\); .*--overwrite/,
  );
  let first: number | undefined;
  await runPretraining(
    other,
    options('other', {
      overwrite: true,
      onEvent: (event) => {
        if (event.kind === 'step') first ??= event.step;
      },
    }),
  );
  assert.equal(first, 0);
});

test('what is written is a checkpoint for any head, in either precision', async () => {
  const loaded = await loadCheckpoint(
    join(home, 'whole'),
    { kind: 'classification', numLabels: 3 },
    { seed: 0 },
  );
  assert.ok('hiddenDropoutProb' in loaded.config);
  assert.equal(loaded.config.hiddenDropoutProb, 0.1);
  assert.deepEqual(loaded.initialised, [
    'bert.pooler.dense.weight',
    'bert.pooler.dense.bias',
    'classifier.weight',
    'classifier.bias',
  ]);
  await runPretraining(SPEC, options('half', { dtype: 'F16' }));
  assert.ok((await weights('half')).length < 0.6 * (await weights('whole')).length);
  const half = await loadCheckpoint(join(home, 'half'), { kind: 'masked-lm' }, { seed: 0 });
  assert.deepEqual(half.initialised, []);
});

test('next sentences: interrupted or not, the same; the pooler is in the file; a model without one goes on with one', async () => {
  const spec: PretrainSpec = { ...SPEC, nextSentence: true };
  const whole = (await runPretraining(spec, options('next'))) as PretrainRecord;
  const pieces = await runInPieces(spec, 'next-pieces', [1, 6, 10]);
  assert.deepEqual(curve(pieces), curve(whole));
  assert.ok((await weights('next-pieces')).equals(await weights('next')));
  const accuracy = whole.finalHeldOut.nextSentenceAccuracy as number;
  assert.ok(accuracy >= 0 && accuracy <= 1);
  assert.deepEqual(await readHead(join(home, 'next')), { kind: 'masked-lm', nextSentence: true });
  const head = { kind: 'classification', numLabels: 3 } as const;
  const loaded = await loadCheckpoint(join(home, 'next'), head, { seed: 0 });
  assert.deepEqual(loaded.initialised, ['classifier.weight', 'classifier.bias']);
  const model = join(home, 'whole');
  const more = { ...spec, ...(await continuedFrom(model)) };
  const record = (await runPretraining(more, options('next-more', { model }))) as PretrainRecord;
  assert.match(modelCard(record, { name: 'next-more' }, 'loss.svg'), /next sentence told right: [0-9.]+ %/);
});

test('gradients of batches added up are those of one batch', async () => {
  const config = { ...newModelConfig(2, 32, 2, 40), hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
  await runPretraining(SPEC, options('kept', { keepSnapshot: true }));
  const corpus = await openCorpus(join(home, 'kept/unfinished/corpus'));
  const vocabulary = maskingVocabulary(await loadTokenizer(join(home, 'kept')));
  const batchAt = maskedBatches(corpus.train, vocabulary, {
    ...{ seed: 1, rows: 4, probability: 0.2, wholeWords: true },
  });
  const [a, b] = [batchAt(0), batchAt(1)];
  const shift = a.rows * a.length;
  const both: MaskedBatch = {
    inputIds: Int32Array.of(...a.inputIds, ...b.inputIds),
    maskedPositions: Int32Array.of(...a.maskedPositions, ...b.maskedPositions.map((at) => at + shift)),
    maskedLabels: Int32Array.of(...a.maskedLabels, ...b.maskedLabels),
    maskedWeights: Float32Array.of(...a.maskedWeights, ...b.maskedWeights),
    examples: Int32Array.of(...a.examples, ...b.examples),
    rows: 8,
    length: a.length,
  };
  const specs = modelSpecs(config, { kind: 'masked-lm' });
  const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 3)]));
  const step = async (batches: MaskedBatch[]) => {
    const state = createTrainingState(specs, values, () => true);
    const stage = openStage(maskedLmObjective(config, specs), state, () => true, { threads: 1 });
    const key = { seed: 1, stream: 3, step: 0 };
    await stage.run(batches, key);
    const result = await stage.run(batches, key);
    await stage.close();
    return { ...result, gradients: stage.trained.map(({ arrays }) => arrays.g) };
  };
  const [one, two] = [await step([both]), await step([a, b])];
  assert.ok(Math.abs(one.loss - two.loss) < 1e-6);
  assert.ok(Math.abs(one.gradientNorm - two.gradientNorm) < 1e-5 * one.gradientNorm);
  one.gradients.forEach((gradient, i) => {
    gradient.forEach((value, at) => {
      assert.ok(Math.abs(value - (two.gradients[i]?.[at] as number)) < 1e-6);
    });
  });
});

test('warmup_stable_decay rises, stays, falls to 0', () => {
  const schedule = { kind: 'warmup_stable_decay', warmupRatio: 0.1, decayRatio: 0.5 } as const;
  const factors = [0, 1, 2, 5, 10, 15, 19].map((step) => learningRateFactor(schedule, step, 20));
  assert.deepEqual(factors, [0, 0.5, 1, 1, 1, 0.5, 0.1]);
});
