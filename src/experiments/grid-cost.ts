/** What a grid would cost: each run's arithmetic at the pace of a measured step, and the runs laid into the slots of a cluster. */
import { isShippedData, localModel, resolveModel } from '../datasets/source.js';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { type ModelConfig, PRESETS } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import { canonicalJson, type RunSpec } from './run-spec.js';
import { passes, trainingTokens } from './run-time.js';

/**
 * Training rows of the tasks as published, and the mean of their tokens by BERT's vocabulary, cut at 128: of the first 5,000 rows (all where
 * there are fewer), as `test/bench/make-lengths.ts` counts them. MNLI's mean is that of 2,490 rows of XNLI's English development set, made
 * in its way. SQuAD: questions, and tokens of their windows of 384; v2.0's mean is v1.1's.
 */
const FULL: Readonly<Record<string, readonly [rows: number, tokens: number]>> = {
  cola: [8551, 11.6],
  sst2: [67_349, 13.3],
  mrpc: [3668, 53.2],
  stsb: [5749, 28.8],
  qqp: [363_846, 30.6],
  mnli: [392_702, 37.2],
  qnli: [104_743, 51.1],
  rte: [2490, 66.6],
  wnli: [635, 37.1],
  squad: [87_599, 174.7],
  squad_v2: [130_319, 174.7],
};

/** Rows of tokens that {@link STEP} computes. */
const STEP = { rows: 8, length: 128, passes: 3 };

/** Multiply-adds of a token's way through all blocks, forward: attention's four maps, the two of its feed-forward layer, and the products with `length` other tokens. */
export const multiplyAdds = (
  {
    numHiddenLayers,
    hiddenSize,
    intermediateSize,
  }: Pick<ModelConfig, 'numHiddenLayers' | 'hiddenSize' | 'intermediateSize'>,
  length: number,
): number =>
  numHiddenLayers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize + 2 * length * hiddenSize);

/** Tokens and rows of an epoch: counted where data and tokenizer are at hand, else as published. @throws UsageError where neither is known */
async function epochOf(spec: RunSpec): Promise<{ readonly tokens: number; readonly length: number }> {
  const { task, data, model, maxTrainExamples } = spec;
  const published = FULL[task];
  const atHand = (isShippedData(data) || (await exists(data))) && (await localModel(model)) !== undefined;
  if (!published && !atHand)
    throw new UsageError(`cost: ${task}: neither its data (${data}) nor a published size is at hand`);
  const [rows, length] = published ?? [0, spec.maxLength / 2];
  if (atHand) return { tokens: await trainingTokens(spec), length };
  return { tokens: Math.min(rows, maxTrainExamples ?? rows) * length, length };
}

export interface RunCost {
  readonly spec: RunSpec;
  /** Of an epoch. */
  readonly tokens: number;
  /** Of training alone. */
  readonly seconds: number;
}

/** @param step seconds of a step of full fine-tuning of BERT-base, 8 rows of 128 tokens @throws UsageError for a task of unknown size */
export async function runCosts(specs: readonly RunSpec[], step: number): Promise<RunCost[]> {
  const base = PRESETS['bert-base-uncased'] as ModelConfig;
  const pace = (STEP.rows * STEP.length * STEP.passes * multiplyAdds(base, STEP.length)) / step;
  const epochs = new Map<string, ReturnType<typeof epochOf>>();
  const configs = new Map<string, Promise<ModelConfig>>();
  const costOf = async (spec: RunSpec): Promise<RunCost> => {
    const { task, data, model, maxLength, maxTrainExamples, squad } = spec;
    const of = canonicalJson({ task, data, model, maxLength, maxTrainExamples, squad });
    const epoch = epochs.get(of) ?? epochOf(spec);
    epochs.set(of, epoch);
    const preset = PRESETS[model];
    const config =
      configs.get(model) ?? (preset ? Promise.resolve(preset) : readConfig(await resolveModel(model)));
    configs.set(model, config);
    const { tokens, length } = await epoch;
    const work = tokens * spec.epochs * passes(spec) * multiplyAdds(await config, length);
    return { spec, tokens, seconds: work / pace };
  };
  const costs: RunCost[] = [];
  for (const spec of specs) costs.push(await costOf(spec));
  return costs;
}

/** When the last of some runs ends that are begun in their order, each in the slot that is free first. */
export function makespan(seconds: readonly number[], slots: number): number {
  const free = Array.from({ length: Math.min(slots, seconds.length) }, () => 0);
  for (const taken of seconds) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + taken;
  }
  return Math.max(0, ...free);
}
