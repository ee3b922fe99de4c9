/**
 * `npm run bench:tasks`: whole epochs of BERT-base on batches of real lengths, in random order, ours against PyTorch with Hugging Face's
 * model: padded to the longest row, grouped by length, and in bfloat16. Then whole runs of T = 3 stages against full fine-tuning.
 * Contestants take turns in one run. Nothing is asserted: machines differ.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { planBatches } from '../../src/datasets/batches.js';
import { planRows } from '../../src/datasets/row-packing.js';
import { processorName } from '../../src/experiments/run-record.js';
import type { Schedule } from '../../src/progressive/schedule.js';
import { packageRoot } from '../golden/golden.js';
import { startPython, startWorker } from './child.js';
import { median, type Times, turns } from './contest.js';
import { pytorchProducts } from './pytorch-products.js';

const { values: flags } = parseArgs({
  options: {
    tasks: { type: 'string', default: 'sst2,cola,stsb,qqp,rte,mrpc' },
    examples: { type: 'string', default: '640' },
    epochs: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    layers: { type: 'string', default: '12' },
    savings: { type: 'string', default: 'mrpc' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(`npm run bench:tasks -- [options]
  --tasks LIST    of cola, mrpc, qnli, qqp, rte, sst2, stsb, wnli, squad; empty: none (sst2,cola,stsb,qqp,rte,mrpc)
  --examples N    of an epoch, in batches of 32 (640)
  --epochs N      counted epochs of each contestant, after one that is not (1)
  --threads N     of every contestant (2)
  --layers N      blocks of the BERT-base (12)
  --savings TASK  whose lengths the runs in stages have; empty: none (mrpc)

The peer is PyTorch with transformers in the Python that PYTHON names; without it ours is measured alone.
`);
  process.exit(0);
}

const BATCH = 32;
const ORDER = { seed: 1, stream: 2, step: 0 };
const threads = Math.min(Number(flags.threads), os.availableParallelism());
const shape = { layers: Number(flags.layers), hidden: 768, heads: 12, intermediate: 3072, vocab: 30522 };
const folder = await mkdtemp(join(tmpdir(), 'progtuning-tasks-'));
const all = JSON.parse(await readFile(join(packageRoot, 'test/bench/lengths.json'), 'utf8')) as Record<
  string,
  number[]
>;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const line = (cells: readonly string[]): void => {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
};

const longestOf = (task: string): number => (task === 'squad' ? 384 : 128);

/** Batches of a task's first examples, as token counts. */
function batchesOf(task: string, grouped: boolean): number[][] {
  const lengths = (all[task] ?? []).slice(0, Number(flags.examples));
  if (lengths.length === 0) throw new Error(`lengths.json has no task '${task}'`);
  const plan = { batchSize: BATCH, shuffle: ORDER, ...(grouped ? { lengths } : {}) };
  return planBatches(lengths.length, plan).map((batch) =>
    Array.from(batch, (index) => lengths[index] as number),
  );
}

async function fileOf(name: string, batches: readonly (readonly number[])[]): Promise<string> {
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify(batches));
  return path;
}

const seconds = ({ ms }: Times): string => (median(ms) / 1000).toFixed(1);
const mebibytes = ({ peakBytes }: Times): string => (peakBytes / 2 ** 20).toFixed(0);
const FULL: Schedule = { kind: 'full', stages: 1, embeddings: 'always' };

async function taskRow(task: string): Promise<void> {
  const random = batchesOf(task, false);
  const [lengths, grouped] = [
    await fileOf(task, random),
    await fileOf(`${task}-grouped`, batchesOf(task, true)),
  ];
  const packed = random.map((batch) => planRows(batch, { maxLength: longestOf(task), shapes: 'any' }));
  const real = sum(random.map(sum));
  const ratio = (tokens: readonly number[]): string => (sum(tokens) / real).toFixed(2);
  const ours = await startWorker('task', {
    ...{ shape, dropout: 0.1, lengths, epochs: 1, schedule: FULL, cacheFrozen: false, threads },
    maxLength: longestOf(task),
  });
  const peers = await Promise.all([
    startPython({ ...shape, lengths }, threads, 'pytorch_task.py'),
    startPython({ ...shape, lengths: grouped }, threads, 'pytorch_task.py'),
    halves ? startPython({ ...shape, lengths, autocast: 'bfloat16' }, threads, 'pytorch_task.py') : undefined,
  ]);
  const known = peers.filter((peer) => peer !== undefined);
  const [own, ...theirs] = (await turns([ours, ...known], Number(flags.epochs))) as [Times, ...Times[]];
  line([
    task,
    ratio(packed.map((plan) => plan.rows * plan.length)),
    ratio(random.map((batch) => batch.length * Math.max(...batch))),
    seconds(own),
    ...theirs.map((times) => `${seconds(times)} (${(median(own.ms) / median(times.ms)).toFixed(2)})`),
    ...(probe && !halves ? ['not run: no such units'] : []),
    [own, ...theirs].map(mebibytes).join(' / '),
  ]);
}

/** Whole runs of three epochs, each with the share that arithmetic expects of full fine-tuning's time. */
const RUNS: readonly (readonly [string, Schedule, boolean, number])[] = [
  ['full', { ...FULL }, false, 1],
  [
    'progressive, embeddings always',
    { kind: 'progressive', stages: 3, embeddings: 'always' },
    false,
    96 / 108,
  ],
  [
    'progressive, embeddings first-stage',
    { kind: 'progressive', stages: 3, embeddings: 'first-stage' },
    false,
    84 / 108,
  ],
  [
    'the same, frozen blocks computed once',
    { kind: 'progressive', stages: 3, embeddings: 'first-stage' },
    true,
    (84 - 4) / 108,
  ],
];

async function savings(task: string): Promise<void> {
  const lengths = await fileOf(`${task}-runs`, batchesOf(task, false));
  const children = await Promise.all(
    RUNS.map(([, schedule, cacheFrozen]) =>
      startWorker('task', {
        ...{ shape, dropout: 0.1, lengths, epochs: 3, threads, schedule, cacheFrozen },
        maxLength: longestOf(task),
      }),
    ),
  );
  const times = await turns(children, Number(flags.epochs));
  const full = median((times[0] as Times).ms);
  line([`three epochs of ${task}`, 's', 'of full', 'arithmetic', 'peak MiB']);
  line(['---', '---', '---', '---', '---']);
  RUNS.forEach(([name, , , expected], i) => {
    const own = times[i] as Times;
    line([name, seconds(own), (median(own.ms) / full).toFixed(3), expected.toFixed(3), mebibytes(own)]);
  });
}

const probe = await pytorchProducts(threads);
const halves = probe?.halves ?? false;
const product = await startWorker('product', { n: 2048, threads, device: 'cpu' });
const products: number[] = [];
for (let i = 0; i < 6; i++) products.push((await product.step()).ms);
product.close();
const ceiling = (product.ready.flops ?? 0) / Math.min(...products) / 1e6;
const peer = probe
  ? `PyTorch ${probe.torch}, transformers ${probe.transformers}: ${probe.float32?.toFixed(0)} in float32, ${probe.bfloat16?.toPrecision(2)} in bfloat16`
  : 'no PyTorch with transformers found';
process.stdout.write(
  `${processorName()}, ${threads} threads, Node ${process.version}; BERT-base of ${shape.layers} blocks, epochs of ${flags.examples} examples in batches of ${BATCH}, random order\n` +
    `GFLOP/s of a product of 2048 x 2048 matrices: onnxruntime ${ceiling.toFixed(0)}; ${peer}\n\n`,
);
if (flags.tasks !== '') {
  line([
    ...['task', 'tokens computed / real', 'padded to longest', 'ours, s'],
    ...(probe ? ['PyTorch float32, s (ours / its)', 'grouped by length', 'bfloat16'] : []),
    'peak MiB',
  ]);
  line(new Array(probe ? 8 : 5).fill('---'));
  for (const task of flags.tasks.split(',')) await taskRow(task);
  process.stdout.write('\n');
}
if (flags.savings !== '') await savings(flags.savings);
await rm(folder, { recursive: true });
