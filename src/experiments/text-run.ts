/** What a pre-training and a distillation share: batches of text, snapshots, the curve in the record. */
import { join } from 'node:path';
import { buildCorpus, type Corpus, type CorpusProgress } from '../datasets/corpus.js';
import { heldOutBatches, type MaskedBatch, maskedBatches, maskingVocabulary } from '../datasets/masking.js';
import { NUMERICAL_VERSION } from '../engine/numerical-version.js';
import type { DataError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { configJson } from '../models/config-file.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { ADAMW_DEFAULTS } from '../training/adamw.js';
import { decaySteps } from '../training/learning-rate.js';
import { peakBytes } from '../training/peak-memory.js';
import { type PretrainPlan, type PretrainProgress, pretrainProgressSchema } from '../training/pretrain.js';
import { loadSnapshot, removeSnapshot, saveSnapshot, snapshotIdentity } from '../training/resume.js';
import type { TrainingState } from '../training/state.js';
import { thisMachine } from './run-record.js';
import { hashOf } from './run-spec.js';
import { anothersSnapshot } from './save-folder.js';
import type { TextRunOptions, TextRunSpec } from './text-run-spec.js';

const POINTS = 200;

/** Where a run keeps what it goes on from. */
export const unfinished = (out: string): string => join(out, 'unfinished');

/** What is learnt of packed rows, as batches. */
export interface TextBatches<B> {
  /** 0-based. */
  readonly batchAt: (step: number) => B;
  /** The same at every call. @param maxRows default: all that is held out */
  readonly heldOut: (maxRows?: number) => Iterable<B>;
}

export type BatchesOf<B> = (spec: TextRunSpec, corpus: Corpus, tokenizer: TextTokenizer) => TextBatches<B>;

/** Rows with masked tokens. */
export const maskedText: BatchesOf<MaskedBatch> = (spec, { train, heldOut }, tokenizer) => {
  const vocabulary = maskingVocabulary(tokenizer);
  const { seed, batchSize: rows, maskProbability: probability, wholeWords, nextSentence } = spec;
  const masking = { seed, rows, probability, wholeWords, nextSentence };
  return {
    batchAt: maskedBatches(train, vocabulary, masking),
    heldOut: (maxRows) =>
      heldOutBatches(heldOut, vocabulary, { ...masking, ...(maxRows ? { maxRows } : {}) }),
  };
};

/** All of a plan but how it is evaluated. */
export interface TextPlan<B> extends Omit<PretrainPlan<B>, 'evaluate'> {
  /** Steps before the decay of `warmup_stable_decay`; 0 under another schedule. */
  readonly stableSteps: number;
  readonly heldOut: () => Iterable<B>;
  readonly allHeldOut: () => Iterable<B>;
}

type TextEvent =
  | { readonly kind: 'corpus'; readonly progress: CorpusProgress }
  | { readonly kind: 'warning'; readonly text: string };

/** The text, packed, its tokenizer, and its batches. @param home folder of the tokenizer, of so many tokens */
export async function openText<B>(
  spec: TextRunSpec,
  home: string,
  vocabSize: number,
  batchesOf: BatchesOf<B>,
  options: TextRunOptions,
  onEvent?: (event: TextEvent) => void,
) {
  const corpus = await buildCorpus(options.corpus ?? join(unfinished(options.out), 'corpus'), {
    files: options.text,
    tokenizer: home,
    vocabSize,
    length: spec.length,
    heldOutShare: spec.heldOutShare,
    onProgress: (progress) => onEvent?.({ kind: 'corpus', progress }),
  });
  const tokenizer = await loadTokenizer(home, vocabSize);
  for (const text of tokenizer.warnings) onEvent?.({ kind: 'warning', text });
  return { corpus, tokenizer, text: textPlan(spec, batchesOf(spec, corpus, tokenizer), options) };
}

export const tokensPerStep = ({ batchSize, accumulation, length }: TextRunSpec): number =>
  batchSize * accumulation * length;

/** What a record says of a run that is over, whatever it learnt. */
export function textRecord(
  spec: TextRunSpec,
  { header, train }: Corpus,
  { losses, seconds }: PretrainProgress,
  options: TextRunOptions,
) {
  const tokensSeen = spec.totalSteps * tokensPerStep(spec);
  return {
    corpus: header,
    tokensSeen,
    epochs: tokensSeen / (train.rows * train.length),
    losses: inPoints(losses),
    seconds,
    peakBytes: peakBytes(),
    machine: thisMachine(options),
  };
}

function textPlan<B>(
  spec: TextRunSpec,
  { batchAt, heldOut }: TextBatches<B>,
  { evalSteps, evalRows, saveSteps }: TextRunOptions,
): TextPlan<B> {
  const { seed, accumulation } = spec;
  const { kind, decayRatio = 0.2 } = spec.learningRateSchedule;
  const stableSteps =
    kind === 'warmup_stable_decay' ? spec.totalSteps - decaySteps(spec.totalSteps, decayRatio) : 0;
  const { weightDecay, maxGradientNorm } = spec;
  return {
    totalSteps: spec.totalSteps,
    stableSteps,
    batchesOf: (step) => Array.from({ length: accumulation }, (_, i) => batchAt(step * accumulation + i)),
    gradientAccumulationSteps: accumulation,
    heldOut: () => heldOut(evalRows),
    allHeldOut: () => heldOut(),
    evalSteps,
    savesAt: (steps) => steps % saveSteps === 0 || steps === stableSteps,
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    adamw: { ...ADAMW_DEFAULTS, weightDecay, maxGradientNorm },
    seed,
  };
}

/**
 * Two places for snapshots: up to the decay of `warmup_stable_decay` nothing depends on how long the run will be, so that snapshot
 * may be carried on by a longer or a shorter run; after it, only by the same.
 */
export function snapshots(
  spec: TextRunSpec,
  config: ModelConfig,
  corpus: Corpus,
  out: string,
  stableSteps: number,
) {
  const { totalSteps: _total, learningRateSchedule, ...rest } = spec;
  const { decayRatio: _decay, ...stableSchedule } = learningRateSchedule;
  const data = { train: corpus.header.train, tokenizer: corpus.header.tokenizer };
  const place = (name: string, settings: object, most: number) => {
    const parts = { numericalVersion: NUMERICAL_VERSION, settings, config: configJson(config), data };
    return { folder: join(unfinished(out), name), identity: { key: hashOf(parts), parts }, most };
  };
  const stable = place('stable', { ...rest, learningRateSchedule: stableSchedule }, stableSteps);
  return { stable, last: place('last', spec, spec.totalSteps) };
}

type Places = ReturnType<typeof snapshots>;

/** Takes a snapshot where those of its steps lie. */
export const snapshotTaker =
  ({ stable, last }: Places, state: TrainingState) =>
  async (progress: PretrainProgress): Promise<void> => {
    const steps = progress.losses.length;
    const { folder, identity } = steps <= stable.most ? stable : last;
    await saveSnapshot(folder, identity, steps, state, progress);
  };

/**
 * The progress of the snapshot that the run may go on from; `state` is then as it was.
 * @throws DataError where there are snapshots, and all are of other runs
 */
export async function resumeText(
  { last, stable }: Places,
  state: TrainingState,
  overwrite: boolean,
): Promise<PretrainProgress | undefined> {
  let refusal: DataError | undefined;
  for (const { folder, identity, most } of [last, stable]) {
    const found = await loadSnapshot(folder, identity.key, state, pretrainProgressSchema);
    if (found && found.losses.length <= most) return found;
    const former = await snapshotIdentity(folder);
    if (former) refusal ??= anothersSnapshot(folder, former.parts, identity.parts);
  }
  if (refusal && !overwrite) throw refusal;
  for (const { folder } of [last, stable]) await removeSnapshot(folder);
  return undefined;
}

/** The curve of a record: means over as many steps as leave 200 points. */
const inPoints = (losses: readonly number[]): { readonly step: number; readonly loss: number }[] => {
  const width = Math.max(1, Math.ceil(losses.length / POINTS));
  return Array.from({ length: Math.ceil(losses.length / width) }, (_, i) => {
    const part = losses.slice(i * width, (i + 1) * width);
    const mean = part.reduce((sum, loss) => sum + loss, 0) / part.length;
    return { step: i * width + part.length, loss: Number(mean.toPrecision(5)) };
  });
};
