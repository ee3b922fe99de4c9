/**
 * `npm run bench`: a training step of BERT-base shape (8 x 128, dropout 0.1, AdamW), ours against PyTorch's, interleaved in one run.
 * Prints medians with spread and the ratio. Nothing is asserted: machines differ.
 */
import os from 'node:os';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { BERT_BASE, type Bench, ourStep, type StepOptions } from './ours.js';
import { type Peer, startPeer } from './peer.js';

const STEPS = Number(process.env.BENCH_STEPS ?? 5);
const threads = Math.min(2, os.availableParallelism());

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

const spread = (values: readonly number[]): string =>
  `${median(values).toFixed(0).padStart(6)} ms (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`;

interface Row {
  readonly name: string;
  readonly ours: number[];
  readonly theirs: number[];
}

async function measure(name: string, options: Omit<StepOptions, 'threads' | 'dropout'>): Promise<Row> {
  const lora = options.method?.kind === 'lora' ? options.method.rank : 0;
  const flags = {
    ...options.shape,
    firstBlock: options.firstBlock,
    embeddings: Number(options.embeddings),
    lora,
    dropout: 0.1,
  };
  const bench: Bench = ourStep({ ...options, dropout: 0.1, threads });
  const peer: Peer | undefined = await startPeer(flags, threads);
  const row: Row = { name, ours: [], theirs: [] };
  for (let i = -1; i < STEPS; i++) {
    const ours = await bench.step();
    const theirs = (await peer?.step())?.ms;
    // The first of each warms up: page faults, caches, compilation.
    if (i < 0) continue;
    row.ours.push(ours);
    if (theirs !== undefined) row.theirs.push(theirs);
  }
  const ratio = row.theirs.length > 0 ? (median(row.ours) / median(row.theirs)).toFixed(2) : '-';
  const peerText = row.theirs.length > 0 ? spread(row.theirs) : 'no PyTorch here';
  process.stdout.write(
    `${name.padEnd(34)} ours ${spread(row.ours)}   PyTorch ${peerText}   ratio ${ratio}   compile ${bench.compileMilliseconds().toFixed(0)} ms\n`,
  );
  peer?.close();
  await bench.close();
  return row;
}

const probe = await startPeer({ layers: 1, hidden: 64, heads: 1, intermediate: 64, vocab: 100 }, threads);
probe?.close();
process.stdout.write(
  `${os.cpus()[0]?.model}, ${threads} threads, Node ${process.version}, ${probe ? `PyTorch ${probe.version}` : 'PyTorch not found (Debian: python3-torch libopenblas0-pthread)'}\n` +
    `BERT-base shape, batch ${BERT_BASE.batch} x ${BERT_BASE.length}, dropout 0.1, forward + backward + clipping + AdamW, median of ${STEPS} (least-most)\n`,
);
const only = process.argv[2];
const rows: [string, Omit<StepOptions, 'threads' | 'dropout'>][] = [
  ['full fine-tuning', { shape: BERT_BASE, firstBlock: 0, embeddings: true }],
  ['stage 2 of 3, embeddings always', { shape: BERT_BASE, firstBlock: 4, embeddings: true }],
  ['stage 3 of 3, embeddings always', { shape: BERT_BASE, firstBlock: 8, embeddings: true }],
  ['stage 2 of 3, embeddings frozen', { shape: BERT_BASE, firstBlock: 4, embeddings: false }],
  ['stage 3 of 3, embeddings frozen', { shape: BERT_BASE, firstBlock: 8, embeddings: false }],
  ['LoRA r 8, stage 1', { shape: BERT_BASE, method: LORA_DEFAULTS, firstBlock: 0, embeddings: false }],
  ['LoRA r 8, stage 2 of 3', { shape: BERT_BASE, method: LORA_DEFAULTS, firstBlock: 4, embeddings: false }],
  ['LoRA r 8, stage 3 of 3', { shape: BERT_BASE, method: LORA_DEFAULTS, firstBlock: 8, embeddings: false }],
];
const full: Row[] = [];
for (const [name, options] of rows) {
  if (only !== undefined && !name.includes(only)) continue;
  const row = await measure(name, options);
  if (full.length === 0) full.push(row);
  else
    process.stdout.write(
      `${''.padEnd(34)} ${(median(row.ours) / median(full[0]?.ours ?? [])).toFixed(2)} of ${full[0]?.name}\n`,
    );
}
