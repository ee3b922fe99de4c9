/** PretrainSpec -> a Hugging Face folder with a masked-language model, and the record of how it came about. */
import { join } from 'node:path';
import { hashFile } from '../datasets/corpus.js';
import type { MaskedBatch } from '../datasets/masking.js';
import { sampleDocuments } from '../datasets/text.js';
import { exists } from '../exists.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import { writeTextAtomically } from '../models/config-file.js';
import { countParameters } from '../models/parameters.js';
import { trainVocabulary, writeTokenizer } from '../tokenizers/train.js';
import { maskedLmObjective } from '../training/masked-lm.js';
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
import { headOf, startingModel } from './pretrain-start.js';
import { hashOf } from './run-spec.js';
import { checkNotModel, checkPretrained, checkWritable } from './save-folder.js';
import {
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
  const { out, onEvent, stopped, overwrite = false } = options;
  if (options.model !== undefined) checkNotModel(out, options.model);
  await checkWritable(out);
  const { saved, config, specs, state, former } = await startingModel(spec, options.model);
  const home = await tokenizerFolder(spec, options);
  const { corpus, tokenizer, text } = await openText(spec, home, spec.vocabSize, options, onEvent);
  const evaluated = (batches: Iterable<MaskedBatch>): Promise<MaskedLmEvaluation> =>
    evaluateMaskedLm(config, specs, state.parameters, batches, options);
  const plan: PretrainPlan = { ...text, evaluate: () => evaluated(text.heldOut()) };
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
  const objective = maskedLmObjective(config, specs);
  const progress = await trainOnText(objective, () => true, state, plan, options, hooks, resumed);
  if (progress.losses.length < spec.totalSteps) return undefined;
  const evaluation = await evaluated(text.allHeldOut());
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
