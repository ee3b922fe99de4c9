/** PretrainSpec -> a Hugging Face folder with a masked-language model or a T5, and the record of how it came about. */
import { join } from 'node:path';
import type { Batch } from '../datasets/batch.js';
import { hashFile } from '../datasets/corpus.js';
import type { MaskedBatch } from '../datasets/masking.js';
import { heldOutSpanBatches, sentinelIds, spanBatches } from '../datasets/span-corruption.js';
import { sampleDocuments } from '../datasets/text.js';
import type { Feeds } from '../engine/session.js';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { noAdaptation } from '../models/adaptation.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import { eosTokenIds } from '../models/config.js';
import { writeTextAtomically } from '../models/config-file.js';
import { countParameters } from '../models/parameters.js';
import { trainVocabulary, writeTokenizer } from '../tokenizers/train.js';
import { maskedLmObjective } from '../training/masked-lm.js';
import type { BatchShape, Model, PackedShape } from '../training/model.js';
import { vocabularyPieces as piecesOf } from '../training/next-token.js';
import { packedFeeds, taskObjective, type WideObjective } from '../training/objective.js';
import { meanTargetLoss } from '../training/pairs.js';
import {
  evaluateMaskedLm,
  type MaskedLmEvaluation,
  type PretrainHooks,
  type PretrainPlan,
  perplexity,
  trainOnText,
} from '../training/pretrain.js';
import { removeSnapshot } from '../training/resume.js';
import { VOCABULARY_CHARACTERS } from './create-model.js';
import type { PretrainOptions, PretrainRecord, PretrainSpec } from './pretrain-spec.js';
import { headOf, type StartingModel, startingModel } from './pretrain-start.js';
import { hashOf } from './run-spec.js';
import { checkNotModel, checkPretrained, checkWritable } from './save-folder.js';
import {
  type BatchesOf,
  maskedText,
  openText,
  resumeText,
  snapshots,
  snapshotTaker,
  textRecord,
  tokensPerStep,
  unfinished,
} from './text-run.js';

/** The tokenizer's folder: the one given, the model's, or one learnt from the text once. */
async function tokenizerFolder(spec: PretrainSpec, options: PretrainOptions): Promise<string> {
  const given = options.tokenizer ?? options.model;
  if (given !== undefined) return given;
  if (spec.objective === 'span-corruption')
    throw new UsageError(
      'pretrain: span corruption wants a tokenizer with sentinel tokens (<extra_id_0> ...); give its folder with --tokenizer',
    );
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
  if (options.model !== undefined) checkNotModel(options.out, options.model);
  await checkWritable(options.out);
  const start = await startingModel(spec, options.model);
  return spec.objective === 'span-corruption'
    ? pretrainWith(spanLearning(spec, start, options), spec, start, options)
    : pretrainWith(maskedLearning(start, options), spec, start, options);
}

/** What is learnt, and how it is measured. */
interface Learning<B extends S, S extends BatchShape> {
  readonly batchesOf: BatchesOf<B>;
  readonly objective: WideObjective<B, S>;
  evaluate(batches: Iterable<B>): Promise<MaskedLmEvaluation>;
}

const maskedLearning = (
  { config, specs, state }: StartingModel,
  options: PretrainOptions,
): Learning<MaskedBatch, MaskedBatch> => ({
  batchesOf: maskedText,
  objective: maskedLmObjective(config, specs),
  evaluate: (batches) => evaluateMaskedLm(config, specs, state.parameters, batches, options),
});

/** T5's: one token in three of those that are replaced begins a span. */
const MEAN_SPAN_LENGTH = 3;

function spanLearning(
  spec: PretrainSpec,
  { config, specs, state }: StartingModel,
  options: PretrainOptions,
): Learning<Batch, PackedShape> {
  const model: Model = { config, specs, head: { kind: 'seq2seq-lm' }, adaptation: noAdaptation };
  const { batchSize: rows, length, seed, maskProbability: density } = spec;
  const spans = { density, meanLength: spec.meanSpanLength ?? MEAN_SPAN_LENGTH };
  const vocabularyPieces = piecesOf(config, { batchSize: rows, maxLength: length });
  const shapes = options.device === 'webgpu' || options.device === 'cuda' ? 'few' : 'any';
  return {
    batchesOf: (_spec, corpus, tokenizer) => {
      const end = eosTokenIds(config)[0] as number;
      const batching = { ...spans, seed, rows, shapes, padTokenId: config.padTokenId, end } as const;
      const of = { ...batching, sentinels: sentinelIds(tokenizer) };
      return {
        batchAt: spanBatches(corpus.train, of),
        heldOut: (maxRows) => heldOutSpanBatches(corpus.heldOut, { ...of, maxRows }),
      };
    },
    objective: taskObjective(model, { vocabularyPieces }),
    async evaluate(batches) {
      const feeds = (batch: Batch): Feeds => packedFeeds(model, batch);
      return { loss: await meanTargetLoss(model, state.parameters, batches, feeds, options) };
    },
  };
}

async function pretrainWith<B extends S, S extends BatchShape>(
  { batchesOf, objective, evaluate }: Learning<B, S>,
  spec: PretrainSpec,
  { saved, config, specs, state, former }: StartingModel,
  options: PretrainOptions,
): Promise<PretrainRecord | undefined> {
  const { out, onEvent, stopped, overwrite = false } = options;
  const home = await tokenizerFolder(spec, options);
  const { corpus, tokenizer, text } = await openText(spec, home, spec.vocabSize, batchesOf, options, onEvent);
  const plan: PretrainPlan<B> = { ...text, evaluate: () => evaluate(text.heldOut()) };
  const places = snapshots(spec, config, corpus, out, text.stableSteps);
  const resumed = await resumeText(places, state, overwrite);
  if (!resumed && !overwrite) await checkPretrained(out, 'pretraining.json', spec);
  if (!resumed && spec.continues === undefined && spec.initialisation === 'cooccurrence') {
    const { seed } = spec;
    const onProgress = (done: number, total: number): void => onEvent?.({ kind: 'count', done, total });
    const { device, threads } = options;
    const counting = { seed, onProgress, ...(device ? { device } : {}), ...(threads ? { threads } : {}) };
    const { startFromCounts } = await import('../training/start/counted-start.js');
    await startFromCounts(config, state.parameters, corpus.train, tokenizer, counting);
  }
  const parameters = countParameters(specs);
  onEvent?.({
    kind: 'start',
    step: resumed?.losses.length ?? 0,
    tokensPerStep: tokensPerStep(spec),
    parameters,
  });
  const hooks: PretrainHooks = {
    onStep: (step, loss) => onEvent?.({ kind: 'step', step, loss }),
    onEvaluated: (step, { loss, nextSentenceAccuracy }) =>
      onEvent?.({ kind: 'evaluated', step, perplexity: perplexity(loss), nextSentenceAccuracy }),
    onSnapshot: snapshotTaker(places, state),
    ...(stopped ? { stopped } : {}),
  };
  const progress = await trainOnText(objective, () => true, state, plan, options, hooks, resumed);
  if (progress.losses.length < spec.totalSteps) return undefined;
  const evaluation = await evaluate(text.allHeldOut());
  const record: PretrainRecord = {
    spec,
    parameters,
    former,
    ...textRecord(spec, corpus, progress, options),
    heldOut: progress.heldOut.map((point) => ({ ...point, perplexity: perplexity(point.loss) })),
    finalHeldOut: { ...evaluation, perplexity: perplexity(evaluation.loss) },
  };
  await writeTextAtomically(join(out, 'pretraining.json'), `${JSON.stringify(record, null, 1)}\n`);
  const trained = { parameters: state.parameters, specs, initialised: [] };
  const checkpoint = { folder: home, config: saved, head: headOf(spec), ...trained };
  await saveCheckpoint(out, checkpoint, { dtype: options.dtype });
  await removeSnapshot(options.keepSnapshot ? places.last.folder : unfinished(out));
  return record;
}
