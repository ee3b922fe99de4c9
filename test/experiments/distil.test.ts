/** Distillation from text to folder: a vocabulary cut to what is frequent, a run cut off anywhere, settings that do not fit. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { countTokens } from '../../src/datasets/pack.js';
import { runDistillation } from '../../src/experiments/distil-run.js';
import type { DistilOptions, DistilRecord, DistilSettings } from '../../src/experiments/distil-spec.js';
import { runPretraining } from '../../src/experiments/pretrain-run.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { uniform } from '../../src/random.js';
import { distillationCard } from '../../src/report/distillation-card.js';
import { frequentTokens, idsInWhole } from '../../src/tokenizers/prune.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';

let home: string;
let text: string;
let teacher: string;
let spec: DistilSettings;

const shared = {
  ...{ length: 16, batchSize: 4, accumulation: 1, totalSteps: 20, maskProbability: 0.15, wholeWords: false },
  ...{ heldOutShare: 0.1, learningRate: 5e-3, weightDecay: 0.01, maxGradientNorm: 1, dropout: 0.1, seed: 5 },
  learningRateSchedule: { kind: 'warmup_stable_decay', warmupRatio: 0, warmupSteps: 3, decayRatio: 0.25 },
} as const;
const run = {
  evalSteps: 7,
  evalRows: 4,
  saveSteps: 4,
  dtype: 'F32',
  keepSnapshot: false,
  threads: 1,
} as const;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-distil-'));
  [text, teacher] = [join(home, 'text.txt'), join(home, 'teacher')];
  const words = ['the', 'cat', 'dog', 'sat', 'ran', 'mat', 'red', 'park', 'saw', 'a', 'catsat', 'dogran'];
  const draws = uniform({ seed: 1, stream: 9, step: 0 }, 120 * 12);
  const documents = Array.from({ length: 120 }, (_, d) =>
    // The last two words are rare.
    Array.from({ length: 12 }, (_, w) => words[Math.floor((draws[d * 12 + w] as number) ** 2 * 12)]).join(
      ' ',
    ),
  );
  await writeFile(text, `${documents.join('\n\n')}\n`);
  const shape = { layers: 2, hidden: 24, heads: 2, vocabSize: 46, initialisation: 'random' } as const;
  await runPretraining({ ...shared, ...shape, totalSteps: 40 }, { ...run, out: teacher, text: [text] });
  spec = {
    ...{
      layers: 1,
      hidden: 12,
      heads: 2,
      intermediate: 24,
      vocabularySize: 40,
      initialisation: 'embeddings',
    },
    ...{ method: 'minilm', teacherLayer: 2, relationHeads: 4, logitsWeight: 1 },
    ...shared,
  };
});

after(() => rm(home, { recursive: true }));

const options = (name: string, more: Partial<DistilOptions> = {}): DistilOptions => ({
  ...{ ...run, teacher, text: [text], out: join(home, name) },
  ...more,
});
const weights = (name: string): Promise<Buffer> => readFile(join(home, name, 'model.safetensors'));
const curve = ({ losses, heldOut, finalHeldOut }: DistilRecord) => ({ losses, heldOut, finalHeldOut });

test('an interrupted run gives the same losses and weights, bit for bit; the student learns', async () => {
  const whole = (await runDistillation(spec, options('whole'))) as DistilRecord;
  for (const stop of [1, 6, 9]) {
    let steps = 0;
    const onEvent: DistilOptions['onEvent'] = ({ kind }) => {
      if (kind === 'step') steps++;
    };
    const given = options('pieces', { onEvent, stopped: () => steps >= stop });
    assert.equal(await runDistillation(spec, given), undefined);
  }
  const pieces = (await runDistillation(spec, options('pieces'))) as DistilRecord;
  assert.deepEqual(curve(pieces), curve(whole));
  assert.ok((await weights('pieces')).equals(await weights('whole')));
  assert.ok((whole.losses.at(-1)?.loss as number) < 0.9 * (whole.losses[0]?.loss as number));
  assert.deepEqual(Object.keys(whole.finalHeldOut.parts ?? {}), ['relations', 'logits']);
  const card = distillationCard(whole, { name: 'whole' }, undefined);
  assert.match(card, /MiniLMv2\); the teacher's distribution of masked tokens, weight 1/);
});

test('the vocabulary is the frequent part, no word becomes unknown, and each id is mapped', async () => {
  const [own, others] = [await loadTokenizer(join(home, 'whole')), await loadTokenizer(teacher)];
  assert.equal(own.vocabSize, 40);
  const ids = JSON.parse(await readFile(join(home, 'whole', 'teacher_ids.json'), 'utf8')) as number[];
  assert.deepEqual(ids, [...idsInWhole(own, others)]);
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  );
  const counts = await countTokens([await readFile(text, 'utf8')], own);
  assert.equal(counts[own.tokenizer.tokenToId('[UNK]') as number], 0);
  const whole = await countTokens([await readFile(text, 'utf8')], others);
  assert.throws(() => frequentTokens(others, whole, 47), /46 tokens, --vocabulary-size wants 47/);
  assert.throws(() => frequentTokens(others, whole, 12), /single characters of the text are \d+/);
});

test('a student goes on from its folder; without logits its head is left out', async () => {
  const student = join(home, 'whole');
  const more = { ...spec, logitsWeight: 0, totalSteps: 5 };
  const record = (await runDistillation(more, options('on', { student }))) as DistilRecord;
  assert.deepEqual(Object.keys(record.finalHeldOut.parts ?? {}), ['relations']);
  const { initialised } = await loadCheckpoint(join(home, 'on'), { kind: 'masked-lm' }, { seed: 1 });
  assert.ok(initialised.includes('cls.predictions.bias'));
});

for (const [what, change, message] of [
  [
    'relation heads',
    { relationHeads: 5 },
    /--relation-heads 5: does not divide the hidden size 12; .* 1, 2, 3, 4, 6, 12/,
  ],
  ['a layer', { teacherLayer: 3 }, /--teacher-layer 3: the teacher has 2 layers/],
  [
    'attention heads',
    { method: 'tinybert', heads: 3 },
    /the student has 3 heads, the teacher 2; give --heads 2/,
  ],
  ['a length', { length: 600 }, /--max-length 600: the models take at most 512 tokens/],
  ['nothing to learn', { method: 'logits', logitsWeight: 0 }, /learns nothing/],
] as const satisfies readonly (readonly [string, Partial<DistilSettings>, RegExp])[]) {
  test(`${what} that do not fit are told before anything is read`, async () => {
    await assert.rejects(runDistillation({ ...spec, ...change }, options('bad')), message);
  });
}
