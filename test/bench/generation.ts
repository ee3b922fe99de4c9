/**
 * `npm run bench:generation`: a decoder answers a question, ours against @huggingface/transformers over its export, in turns. Says
 * whether both wrote the same. Nothing is asserted: machines differ.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os, { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exportRun } from '../../src/experiments/export-run.js';
import { processorName } from '../../src/experiments/run-record.js';
import { startWorker } from './child.js';
import { median, turns } from './contest.js';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: '' },
    prompt: { type: 'string', default: 'Tell me about the sea.' },
    tokens: { type: 'string', default: '128' },
    times: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help || flags.model === '') {
  process.stdout.write(`npm run bench:generation -- --model FOLDER [options]
  --model FOLDER  a decoder with a chat template, as 'progtuning convert' makes one of a GGUF file
  --prompt TEXT   what it is asked (Tell me about the sea.)
  --tokens N      that it writes at most (128)
  --times N       counted answers of each contestant, after two that are not (5)
  --threads N     of each contestant (2)
`);
  process.exit(flags.help ? 0 : 1);
}

const threads = Math.min(Number(flags.threads), os.availableParallelism());
const served = await mkdtemp(join(tmpdir(), 'progtuning-bench-'));
await exportRun({ model: flags.model, out: served });
const shared = { prompt: flags.prompt, newTokens: Number(flags.tokens), threads };
const children = [
  await startWorker('writing', { ...shared, folder: resolve(flags.model) }),
  await startWorker('served writing', { ...shared, folder: served }),
];
const [ours, theirs] = children.map(({ ready }) => ready);
const times = await turns(children, Number(flags.times));
await rm(served, { recursive: true });

const rate = (index: number): number[] =>
  (times[index]?.ms ?? []).map((ms) => (1000 * (children[index]?.ready.newTokens ?? 0)) / ms);
const shown = (name: string, index: number): string => {
  const rates = rate(index);
  const spread = `${Math.min(...rates).toFixed(1)}-${Math.max(...rates).toFixed(1)}`;
  const peak = ((times[index]?.peakBytes ?? 0) / 2 ** 20).toFixed(0);
  return `${name}: ${median(rates).toFixed(1)} tokens/s (${spread}), ${children[index]?.ready.newTokens} tokens an answer, peak ${peak} MiB`;
};
process.stdout.write(`${processorName()}, ${threads} threads, Node ${process.version}; median (least-most) of ${flags.times} answers in turns
${shown('ours', 0)}
${shown('@huggingface/transformers', 1)}
ours / theirs: ${(median(rate(0)) / median(rate(1))).toFixed(2)}
${ours?.text === theirs?.text ? 'both wrote the same text' : `ours wrote: ${ours?.text}\ntheirs: ${theirs?.text}`}
`);
