/** PretrainSpec -> a Hugging Face folder with a masked-language model, and the record of how it came about. */
import { join } from 'node:path';
import { buildCorpus, type Corpus, hashFile } from '../datasets/corpus.js';
import { heldOutBatches, type MaskedBatch, maskedBatches, maskingVocabulary } from '../datasets/masking.js';
import { sampleDocuments } from '../datasets/text.js';
import { NUMERICAL_VERSION } from '../engine/numerical-version.js';
import type { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import type { ModelConfig } from '../models/config.js';
import { configJson, writeTextAtomically } from '../models/config-file.js';
import { countParameters } from '../models/parameters.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { trainVocabulary, writeTokenizer } from '../tokenizers/train.js';
import { ADAMW_DEFAULTS, type AdamWOptions } from '../training/adamw.js';
import { decaySteps } from '../training/learning-rate.js';
import { peakBytes } from '../training/peak-memory.js';
import {
  evaluateMaskedLm,
  type PretrainHooks,
  type PretrainPlan,
  type PretrainProgress,
  perplexity,
  pretrain,
  pretrainProgressSchema,
} from '../training/pretrain.js';
import { loadSnapshot, removeSnapshot, saveSnapshot, snapshotIdentity } from '../training/resume.js';
import type { TrainingState } from '../training/state.js';
import { VOCABULARY_CHARACTERS } from './create-model.js';
import type { PretrainOptions, PretrainRecord, PretrainSpec } from './pretrain-spec.js';
import { headOf, startingModel } from './pretrain-start.js';
import { thisMachine } from './run-record.js';
import { hashOf } from './run-spec.js';
import { anothersSnapshot, checkNotModel, checkPretrained, checkWritable } from './save-folder.js';

const POINTS = 200;

const unfinished = (out: string): string => join(out, 'unfinished');

/** The tokenizer's folder: the one given, the model's, or one learnt from the text once. */
async function tokenizerFolder(spec: PretrainSpec, options: PretrainOptions): Promise<string> {
  const given = options.tokenizer ?? options.model;
  if (given !== undefined) return given;
  const files = await Promise.all(options.text.map(hashFile));
  const of = hashOf({ files: files.map(({ sha256 }) => sha256), vocabSize: spec.vocabSize }).slice(0, 12);
  const folder = join(unfinished(options.out), `tokenizer-${of}`);
  if (await exists(join(folder, 'tokenizer_config.json'))) return folder;
  options.onEvent?.({ kind: 'vocabulary' });
  const sample = await sampleDocuments(options.text, VOCABULARY_CHARACTERS);
  const vocabulary = trainVocabulary(sample, { vocabSize: spec.vocabSize, lowercase: true });
  await writeTokenizer(folder, vocabulary, { lowercase: true });
  return folder;
}

function planOf(
  spec: PretrainSpec,
  corpus: Corpus,
  tokenizer: TextTokenizer,
  { evalSteps, evalRows, saveSteps }: PretrainOptions,
): PretrainPlan & { readonly stableSteps: number; readonly allHeldOut: () => Iterable<MaskedBatch> } {
  const vocabulary = maskingVocabulary(tokenizer);
  const { seed, batchSize: rows, maskProbability: probability, wholeWords, accumulation } = spec;
  const masking = { seed, rows, probability, wholeWords, nextSentence: spec.nextSentence };
  const batchAt = maskedBatches(corpus.train, vocabulary, masking);
  const { kind, decayRatio = 0.2 } = spec.learningRateSchedule;
  const stableSteps =
    kind === 'warmup_stable_decay' ? spec.totalSteps - decaySteps(spec.totalSteps, decayRatio) : 0;
  return {
    totalSteps: spec.totalSteps,
    stableSteps,
    batchesOf: (step) => Array.from({ length: accumulation }, (_, i) => batchAt(step * accumulation + i)),
    heldOut: () => heldOutBatches(corpus.heldOut, vocabulary, { ...masking, maxRows: evalRows }),
    allHeldOut: () => heldOutBatches(corpus.heldOut, vocabulary, masking),
    evalSteps,
    savesAt: (steps) => steps % saveSteps === 0 || steps === stableSteps,
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    adamw: adamwOptions(spec),
    seed,
  };
}

const adamwOptions = ({ weightDecay, maxGradientNorm }: PretrainSpec): AdamWOptions => ({
  ...ADAMW_DEFAULTS,
  weightDecay,
  maxGradientNorm,
});

/**
 * Two places for snapshots: up to the decay of `warmup_stable_decay` nothing depends on how long the run will be, so that snapshot
 * may be carried on by a longer or a shorter run; after it, only by the same.
 */
function snapshots(
  spec: PretrainSpec,
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

const inPoints = (losses: readonly number[]): PretrainRecord['losses'] => {
  const width = Math.max(1, Math.ceil(losses.length / POINTS));
  return Array.from({ length: Math.ceil(losses.length / width) }, (_, i) => {
    const part = losses.slice(i * width, (i + 1) * width);
    const mean = part.reduce((sum, loss) => sum + loss, 0) / part.length;
    return { step: i * width + part.length, loss: Number(mean.toPrecision(5)) };
  });
};

/**
 * The progress of the snapshot that the run may go on from; `state` is then as it was.
 * @throws DataError where there are snapshots, and all are of other runs
 */
async function resume(
  { last, stable }: ReturnType<typeof snapshots>,
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

/**
 * Pre-trains and saves; a run that was cut off goes on from its last snapshot.
 * @returns the record, or undefined when `stopped` ended the session early
 * @throws UsageError, DataError
 * @example
 * ```ts
 * import { pretraining } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * const text = Array.from({ length: 400 }, (_, i) => `film ${i % 7} was fine and play ${i % 5} was dull`);
 * await writeFile('text.txt', text.join('\n\n'));
 * const spec: pretraining.PretrainSpec = {
 *   ...{ layers: 1, hidden: 32, heads: 2, vocabSize: 40, length: 32 },
 *   ...{ batchSize: 4, accumulation: 1, totalSteps: 3, learningRate: 1e-3 },
 *   ...{ maskProbability: 0.15, wholeWords: false, heldOutShare: 0.1, initialisation: 'random' },
 *   ...{ learningRateSchedule: { kind: 'constant', warmupRatio: 0 }, weightDecay: 0.01, maxGradientNorm: 1 },
 *   ...{ dropout: 0, seed: 1 },
 * };
 * const record = await pretraining.runPretraining(spec, {
 *   ...{ out: 'models/words', text: ['text.txt'], overwrite: true },
 *   ...{ evalSteps: 3, evalRows: 4, saveSteps: 3, dtype: 'F32', keepSnapshot: false },
 * });
 * console.log(record?.tokensSeen); // 384
 * ```
 */
export async function runPretraining(
  spec: PretrainSpec,
  options: PretrainOptions,
): Promise<PretrainRecord | undefined> {
  const { out, onEvent, stopped, overwrite = false } = options;
  if (options.model !== undefined) checkNotModel(out, options.model);
  await checkWritable(out);
  const { saved, config, specs, state, former } = await startingModel(spec, options.model);
  const home = await tokenizerFolder(spec, options);
  const corpus = await buildCorpus(options.corpus ?? join(unfinished(out), 'corpus'), {
    files: options.text,
    tokenizer: home,
    vocabSize: spec.vocabSize,
    length: spec.length,
    heldOutShare: spec.heldOutShare,
    onProgress: (progress) => onEvent?.({ kind: 'corpus', progress }),
  });
  const tokenizer = await loadTokenizer(home, spec.vocabSize);
  for (const text of tokenizer.warnings) onEvent?.({ kind: 'warning', text });
  const plan = planOf(spec, corpus, tokenizer, options);
  const places = snapshots(spec, config, corpus, out, plan.stableSteps);
  const resumed = await resume(places, state, overwrite);
  if (!resumed && !overwrite) await checkPretrained(out, spec);
  if (!resumed && spec.continues === undefined && spec.initialisation === 'cooccurrence') {
    const { seed } = spec;
    const onProgress = (done: number, total: number): void => onEvent?.({ kind: 'count', done, total });
    const { device, threads } = options;
    const counting = { seed, onProgress, ...(device ? { device } : {}), ...(threads ? { threads } : {}) };
    const { startFromCounts } = await import('../training/counted-start.js');
    await startFromCounts(config, state.parameters, corpus.train, tokenizer, counting);
  }
  const tokensPerStep = spec.batchSize * spec.accumulation * spec.length;
  const parameters = countParameters(specs);
  onEvent?.({ kind: 'start', step: resumed?.losses.length ?? 0, tokensPerStep, parameters });
  const hooks: PretrainHooks = {
    onStep: (step, loss) => onEvent?.({ kind: 'step', step, loss }),
    onEvaluated: (step, { loss, nextSentenceAccuracy }) =>
      onEvent?.({ kind: 'evaluated', step, perplexity: perplexity(loss), nextSentenceAccuracy }),
    onSnapshot: async (progress) => {
      const steps = progress.losses.length;
      const { folder, identity } = steps <= places.stable.most ? places.stable : places.last;
      await saveSnapshot(folder, identity, steps, state, progress);
    },
    ...(stopped ? { stopped } : {}),
  };
  const progress = await pretrain(config, specs, state, plan, options, hooks, resumed);
  if (progress.losses.length < spec.totalSteps) return undefined;
  const evaluation = await evaluateMaskedLm(config, specs, state.parameters, plan.allHeldOut(), options);
  const tokensSeen = spec.totalSteps * tokensPerStep;
  const record: PretrainRecord = {
    spec,
    corpus: corpus.header,
    parameters,
    former,
    tokensSeen,
    epochs: tokensSeen / (corpus.train.rows * corpus.train.length),
    losses: inPoints(progress.losses),
    heldOut: progress.heldOut.map((point) => ({ ...point, perplexity: perplexity(point.loss) })),
    finalHeldOut: { ...evaluation, perplexity: perplexity(evaluation.loss) },
    seconds: progress.seconds,
    peakBytes: peakBytes(),
    machine: thisMachine(options),
  };
  await writeTextAtomically(join(out, 'pretraining.json'), `${JSON.stringify(record, null, 1)}\n`);
  const trained = { parameters: state.parameters, specs, initialised: [] };
  const checkpoint = { folder: home, config: saved, head: headOf(spec), ...trained };
  await saveCheckpoint(out, checkpoint, { dtype: options.dtype });
  await removeSnapshot(options.keepSnapshot ? places.last.folder : unfinished(out));
  return record;
}
