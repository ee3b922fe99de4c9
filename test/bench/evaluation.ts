/**
 * `npm run bench:evaluation`: BERT-base over examples as long as those of SST-2's dev set, ours against PyTorch, onnxruntime's Python package
 * and @huggingface/transformers, which take batches of 32 in their order, padded to the longest row. Then how long `finetune` takes from the
 * command to its first step. Nothing is asserted: machines differ.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { processorName } from '../../src/experiments/run-record.js';
import { packageRoot } from '../golden/golden.js';
import { type Child, startPython, startWorker } from './child.js';
import { median, turns } from './contest.js';
import { exportedFolder } from './exported-folder.js';
import { startUp } from './start-up.js';

const { values: flags } = parseArgs({
  options: {
    set: { type: 'string', default: 'sst2-dev' },
    examples: { type: 'string', default: '1000' },
    times: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    model: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(`npm run bench:evaluation -- [options]
  --set NAME      of test/bench/lengths.json (sst2-dev)
  --examples N    at most (1000)
  --times N       counted passes of each contestant, after one that is not (3)
  --threads N     of every contestant (2)
  --model FOLDER  a BERT-base on disk, whose start-up is measured; empty: not measured

The peers in Python need PyTorch with transformers, and onnxruntime, in the Python that PYTHON names; without them they are left out.
`);
  process.exit(0);
}

const BATCH = 32;
const threads = Math.min(Number(flags.threads), os.availableParallelism());
const shape = { layers: 12, hidden: 768, heads: 12, intermediate: 3072, vocab: 30522 };
const all = JSON.parse(await readFile(join(packageRoot, 'test/bench/lengths.json'), 'utf8')) as Record<
  string,
  number[]
>;
const lengths = (all[flags.set] ?? []).slice(0, Number(flags.examples));
if (lengths.length === 0) throw new Error(`lengths.json has no set '${flags.set}'`);
const batches = Array.from({ length: Math.ceil(lengths.length / BATCH) }, (_, i) =>
  lengths.slice(BATCH * i, BATCH * (i + 1)),
);
const computed = batches.reduce((sum, batch) => sum + batch.length * Math.max(...batch), 0);
const real = lengths.reduce((sum, length) => sum + length, 0);

const scratch = await mkdtemp(join(tmpdir(), 'progtuning-lengths-'));
const file = join(scratch, 'batches.json');
await writeFile(file, JSON.stringify(batches));
const folder = await exportedFolder(shape);
const started: readonly (readonly [string, Child | undefined])[] = [
  ['ours', await startWorker('evaluation', { shape, lengths, threads })],
  ['PyTorch', await startPython({ ...shape, lengths: file, evaluate: 1 }, threads, 'pytorch_task.py')],
  [
    "onnxruntime's Python package",
    await startPython({ folder, lengths: file, vocab: shape.vocab }, threads, 'onnx_evaluation.py'),
  ],
  [
    '@huggingface/transformers',
    await startWorker('served', { folder, batches, vocab: shape.vocab, threads }),
  ],
];
const contestants = started.flatMap(([name, child]) => (child ? [{ name, child }] : []));
const times = await turns(
  contestants.map(({ child }) => child),
  Number(flags.times),
);
await rm(folder, { recursive: true });
await rm(scratch, { recursive: true });
const own = median(times[0]?.ms ?? []);
process.stdout.write(
  `${processorName()}, ${threads} threads, Node ${process.version}; BERT-base, ${lengths.length} examples as long as ${flags.set}'s; ${(computed / real).toFixed(2)} tokens for each real one when batches of ${BATCH} are padded to their longest row; medians of ${flags.times} passes\n\n` +
    '| evaluation | s | ours / its | peak MiB |\n| --- | --- | --- | --- |\n',
);
contestants.forEach(({ name, child: { ready } }, i) => {
  const version = ready.torch ?? ready.onnxruntime;
  const { ms, peakBytes } = times[i] as { ms: number[]; peakBytes: number };
  const cells = [
    version ? `${name} ${version}` : name,
    (median(ms) / 1000).toFixed(1),
    (own / median(ms)).toFixed(2),
    (peakBytes / 2 ** 20).toFixed(0),
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
});
if (flags.model !== '') {
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) seconds.push(await startUp(flags.model, threads));
  process.stdout.write(
    `\nstart-up, from the command \`finetune\` to the first step of ${flags.model}: ${seconds.map((s) => s.toFixed(1)).join(', ')} s\n`,
  );
}
