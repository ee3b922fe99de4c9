/** Our contestants, each in a process of its own: `node worker.js KIND OPTIONS`. Speaks the protocol of `pytorch_step.py`. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compile } from '../../src/engine/compile.js';
import type { Device } from '../../src/engine/device.js';
import { Profile, productShare } from '../../src/engine/profile.js';
import * as tf from '../../src/engine/tfjs.js';
import { peakBytes } from '../../src/training/peak-memory.js';
import {
  type Contestant,
  type EvaluationOptions,
  type Options,
  ourEvaluation,
  ourForward,
  ourStep,
  ourTask,
  type TaskOptions,
} from './ours.js';
import { transformersJs } from './served.js';
import { ourWriting, servedWriting } from './writers.js';

interface Product {
  readonly n: number;
  readonly threads: number;
  readonly device: Device;
}

/**
 * The device's ceiling: float32 products of n x n matrices by onnxruntime. On the CPU one, whose result is written where it is asked
 * for; elsewhere many in a row of which only the mean comes back, so that what travels there and back is little of the time.
 */
async function product({ n, threads, device }: Product): Promise<Contestant> {
  const matrix = { shape: [n, n] };
  const repeats = device === 'cpu' ? 1 : 100;
  const program = await compile(
    { a: matrix, b: matrix },
    ({ a, b }) => {
      let c = a as tf.Tensor2D;
      for (let i = 0; i < repeats; i++) c = tf.matMul(c, b as tf.Tensor2D);
      return { c: device === 'cpu' ? c : tf.mean(c) };
    },
    { threads, device },
  );
  // Rows of b add up to about 1: many products in a row stay finite.
  const values = new Float32Array(n * n).map((_, i) => (i % 17) / (8 * n));
  return {
    ready: { flops: 2 * n ** 3 * repeats },
    step: async () => {
      await program.run({ a: values, b: values });
    },
  };
}

/** Where the time of a step goes, once caches and memory are as they stay. */
async function profiled(options: Options): Promise<Contestant> {
  const profile = new Profile();
  const { step, close } = await ourStep({ ...options, profile });
  for (let i = 0; i < 3; i++) await step();
  profile.restart();
  for (let i = 0; i < 5; i++) await step();
  await close?.();
  const folder = await mkdtemp(join(tmpdir(), 'progtuning-bench-'));
  const times = await profile.write(join(folder, 'trace.json'));
  await rm(folder, { recursive: true });
  const ours = new Set(['AdamW', 'dropout masks']);
  const graph = productShare(times.filter(({ operator }) => !ours.has(operator)));
  return { ready: { productShares: { step: productShare(times), graph } }, step: async () => undefined };
}

/** An exported folder, served by @huggingface/transformers: batches as they come, each padded to its longest row. */
async function served({
  folder,
  batches,
  vocab,
  threads,
}: {
  folder: string;
  /** Token counts. */
  batches: readonly (readonly number[])[];
  vocab: number;
  threads: number;
}): Promise<Contestant> {
  const { AutoModelForSequenceClassification, Tensor, options: session } = await transformersJs(threads);
  const model = await AutoModelForSequenceClassification.from_pretrained(folder, session);
  const made = batches.map((lengths) => {
    const longest = Math.max(...lengths);
    const tensor = (value: (i: number, real: boolean) => number) =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length: lengths.length * longest }, (_, i) =>
          BigInt(value(i, i % longest < (lengths[Math.floor(i / longest)] as number))),
        ),
        [lengths.length, longest],
      );
    return {
      input_ids: tensor((i, real) => (real ? (i * 7919) % vocab : 0)),
      attention_mask: tensor((_, real) => Number(real)),
      token_type_ids: tensor(() => 0),
    };
  });
  return {
    ready: {},
    step: async () => {
      for (const inputs of made) await model(inputs);
    },
  };
}

const [kind, json] = process.argv.slice(2);
const options = JSON.parse(json ?? '{}');
const CONTESTANTS: Record<string, () => Promise<Contestant>> = {
  step: () => ourStep(options as Options),
  forward: () => ourForward(options as Options),
  task: async () =>
    ourTask({ ...options, batches: JSON.parse(await readFile(options.lengths, 'utf8')) } as TaskOptions),
  evaluation: () => ourEvaluation(options as EvaluationOptions),
  product: () => product(options),
  served: () => served(options),
  writing: () => ourWriting(options),
  'served writing': () => servedWriting(options),
  profile: () => profiled(options as Options),
};
const start = CONTESTANTS[kind ?? ''];
if (!start) throw new Error(`'${kind}': ${Object.keys(CONTESTANTS).join(', ')}`);
const { ready, step, steps = 1 } = await start();
const answer = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
answer(ready);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') break;
  const from = performance.now();
  await step();
  answer({ ms: (performance.now() - from) / steps, peakBytes: peakBytes() });
}
process.exit(0);
