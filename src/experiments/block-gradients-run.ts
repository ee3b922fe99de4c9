/** Gradient norms of a model's blocks on a task's training data, as a record: `data/block-gradients/` holds what was measured. */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { batchesOf } from '../datasets/batches.js';
import { resolveModel } from '../datasets/source.js';
import type { CompileOptions } from '../engine/compile.js';
import { DataError } from '../errors.js';
import { readJson } from '../json.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { writeTextAtomically } from '../models/config-file.js';
import { packageRoot } from '../package.js';
import { STREAM } from '../random.js';
import * as z from '../schema.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import { blockGradients } from '../training/block-gradients.js';
import { adaptedModel, centreRegression } from './adapted-model.js';
import { modelIdentity, runIdentity, weightsHash } from './identity.js';
import { namedSpec } from './ledger.js';
import { findRunTask } from './run.js';
import { machineSchema, thisMachine } from './run-record.js';
import { type RunSpec, runSpecSchema } from './run-spec.js';

const recordSchema = z.object({
  key: z.string(),
  /** Of the full fine-tuning that the gradients would begin, without dropout; `model` and `data` by name. */
  spec: runSpecSchema,
  hashes: z.record(z.string(), z.string()),
  batches: z.number(),
  embeddings: z.number(),
  blocks: z.array(z.number()),
  head: z.number(),
  machine: machineSchema,
});

/** What `progtuning block-gradients` measured, as it is kept. */
export type BlockGradientsRecord = z.infer<typeof recordSchema>;

/** The committed ones. */
export const blockGradientsFolder = join(packageRoot, 'data/block-gradients');

/** At the weights before training, with the head that the run would draw. @param spec of full fine-tuning; `batches` of its first epoch are read */
export async function measureBlockGradients(
  spec: RunSpec,
  batches: number,
  options: CompileOptions = {},
  onBatch?: () => void,
): Promise<BlockGradientsRecord> {
  const still: RunSpec = { ...spec, dropout: 0 };
  const task = findRunTask(spec.task);
  const folder = await resolveModel(spec.model);
  const checkpoint = await loadCheckpoint(folder, task.head, still);
  const tokenizer = await loadTokenizer(folder, checkpoint.config.vocabSize);
  const train = await task.training({
    spec: still,
    tokenizer,
    config: checkpoint.config,
    onEvent: () => undefined,
  });
  const { model, values } = adaptedModel(checkpoint, still);
  centreRegression(checkpoint, values, train.features);
  const batching = {
    batchSize: spec.batchSize,
    padTokenId: model.config.padTokenId,
    maxLength: spec.maxLength,
    shapes: 'any' as const,
  };
  const shuffle = { seed: spec.seed, stream: STREAM.shuffle, step: 0 };
  const all = batchesOf(train.features, batching, { shuffle, groupByLength: false });
  const measured = await blockGradients(model, values, first(all, batches), options, onBatch);
  const parts = await modelIdentity(folder, tokenizer.hash);
  return {
    key: runIdentity(still, parts, { train: train.hash }).key,
    spec: namedSpec(still),
    hashes: { model: weightsHash(parts), train: train.hash },
    ...measured,
    blocks: [...measured.blocks],
    machine: thisMachine(options),
  };
}

function* first<T>(values: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}

export async function writeBlockGradients(path: string, record: BlockGradientsRecord): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeTextAtomically(path, `${JSON.stringify(record)}\n`);
}

/**
 * What a folder holds, by file name; nothing where there is none. @throws DataError for a damaged file
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(Array.isArray(await experiments.readBlockGradients())); // true
 * ```
 */
export async function readBlockGradients(folder = blockGradientsFolder): Promise<BlockGradientsRecord[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => {
      const parsed = recordSchema.safeParse(await readJson(join(folder, name)));
      if (parsed.success) return parsed.data;
      const issue = parsed.error.issues[0];
      throw new DataError(
        `${join(folder, name)}: ${issue?.path.join('.')}: ${issue?.message}; measure it again`,
      );
    }),
  );
}
