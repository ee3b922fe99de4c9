/** How long runs will take: what they compute, and how fast this machine computes it. */
import { resolveModel } from '../datasets/source.js';
import type { Device } from '../engine/device.js';
import { readConfig } from '../models/config-file.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import type { LedgerRecord } from './ledger.js';
import { findRunTask, run } from './run.js';
import { thisMachine } from './run-record.js';
import { canonicalJson, type RunSpec } from './run-spec.js';

/**
 * Forward and backward of a token on the mean over a run, in passes forward through all blocks: a trained block takes two passes
 * backward, one that is only crossed takes one; LoRA and adapters have next to no weight gradients.
 */
export function passes({ method, schedule }: Pick<RunSpec, 'method' | 'schedule'>): number {
  const { kind, stages } = schedule;
  const frozen = kind === 'full' ? 0 : kind === 'only-block' ? 1 : (stages - 1) / (2 * stages);
  if (method.kind === 'bitfit') return 2;
  if (method.kind !== 'full') return 2 - frozen;
  return 1 + 2 * (1 - frozen) + (schedule.embeddings === 'always' ? frozen : 0);
}

/** Tokens of the training data, without padding: of one epoch. */
export async function trainingTokens(spec: RunSpec): Promise<number> {
  const folder = await resolveModel(spec.model);
  const config = await readConfig(folder);
  const tokenizer = await loadTokenizer(folder, config.vocabSize);
  const data = await findRunTask(spec.task).training({ spec, tokenizer, config, onEvent: () => undefined });
  let tokens = 0;
  for (const { inputIds } of data.features) tokens += inputIds.length;
  return tokens;
}

/** Spec -> what its training computes: tokens of all epochs times {@link passes}. Each data set is read once. */
export function workCounter(): (spec: RunSpec) => Promise<number> {
  const known = new Map<string, Promise<number>>();
  return async (spec) => {
    const { task, data, model, maxLength, maxTrainExamples, squad } = spec;
    const key = canonicalJson({ task, data, model, maxLength, maxTrainExamples, squad });
    const tokens = known.get(key) ?? trainingTokens(spec);
    known.set(key, tokens);
    return (await tokens) * spec.epochs * passes(spec);
  };
}

export interface Speed {
  /** Tokens times passes, a second. */
  readonly rate: number;
  /** Where the rate comes from. */
  readonly source: string;
}

interface Engine {
  readonly threads: number;
  readonly device: Device;
}

/** The pace of records of this processor with as many threads; undefined where there are none. */
export async function recordedSpeed(
  made: readonly { readonly spec: RunSpec; readonly record: LedgerRecord }[],
  workOf: (spec: RunSpec) => Promise<number>,
  engine: Engine,
): Promise<Speed | undefined> {
  const { processor, threads, device } = thisMachine(engine);
  const here = made.filter(
    ({ record: { machine } }) =>
      machine.processor === processor && machine.threads === threads && machine.device === device,
  );
  if (here.length === 0) return undefined;
  let [work, seconds] = [0, 0];
  for (const { spec, record } of here) {
    work += await workOf(spec);
    seconds += record.secondsPerEpoch.reduce((sum, one) => sum + one, 0);
  }
  return { rate: work / seconds, source: `${here.length} recorded runs on this kind of processor` };
}

const STEPS = 4;

/** The pace of a few steps made now: the first, which compiles, is not counted. */
export async function measuredSpeed(
  spec: RunSpec,
  workOf: (spec: RunSpec) => Promise<number>,
  engine: Engine,
): Promise<Speed> {
  const few: RunSpec = {
    ...spec,
    epochs: 1,
    schedule: { kind: 'full', stages: 1, embeddings: 'always' },
    maxTrainExamples: STEPS * spec.batchSize,
    maxEvalExamples: 1,
  };
  const ends: number[] = [];
  await run(few, {
    ...engine,
    onEvent: ({ kind }) => {
      if (kind === 'step') ends.push(performance.now());
    },
  });
  const [first = 0, last = 0] = [ends[0], ends.at(-1)];
  const work = ((await workOf(few)) * (ends.length - 1)) / ends.length;
  return { rate: work / ((last - first) / 1000), source: `${ends.length - 1} steps measured just now` };
}
