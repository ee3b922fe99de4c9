/** DistilSpec -> a Hugging Face folder with the student, and the record of how it came about. */
import { basename, join, resolve } from 'node:path';
import type { MaskedBatch } from '../datasets/masking.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import type { HeadSpec } from '../models/config.js';
import { writeTextAtomically } from '../models/config-file.js';
import { countParameters, type ParameterSpec } from '../models/parameters.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import { distillationObjective, distillationTrains, evaluateDistillation } from '../training/distillation.js';
import { type PretrainHooks, type TextEvaluation, trainOnText } from '../training/pretrain.js';
import { removeSnapshot } from '../training/resume.js';
import type { DistilOptions, DistilRecord, DistilSettings, DistilSpec } from './distil-spec.js';
import { distilSpec, startDistillation, studentTokenizer } from './distil-start.js';
import { checkNotModel, checkPretrained, checkWritable } from './save-folder.js';
import {
  maskedText,
  openText,
  resumeText,
  snapshots,
  snapshotTaker,
  textRecord,
  tokensPerStep,
  unfinished,
} from './text-run.js';

/** The record beside the student. */
export const DISTILLATION_FILE = 'distillation.json';

/** Of each of the student's tokens its id in the teacher's vocabulary: JSON, a list. */
const TEACHER_IDS = 'teacher_ids.json';

/** What of the student is saved: a masked-language head that learnt nothing is left out. */
function savedParts(
  { logitsWeight }: DistilSpec,
  specs: readonly ParameterSpec[],
): { readonly head: HeadSpec; readonly specs: readonly ParameterSpec[] } {
  if (logitsWeight > 0) return { head: { kind: 'masked-lm' }, specs };
  const encoder = specs.filter(({ name }) => !name.startsWith('cls.'));
  return { head: { kind: 'classification', numLabels: 2 }, specs: encoder };
}

/**
 * Distils and saves; a run that was cut off goes on from its last snapshot.
 * @returns the record, or undefined when `stopped` ended the session early
 * @throws UsageError, DataError
 * @example
 * ```ts
 * import { pretraining } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * const text = Array.from({ length: 400 }, (_, i) => `film ${i % 7} was fine and play ${i % 5} was dull`);
 * await writeFile('text.txt', text.join('\n\n'));
 * const settings: pretraining.DistilSettings = {
 *   ...{ layers: 1, hidden: 16, heads: 2, intermediate: 64, vocabularySize: 120, initialisation: 'embeddings' },
 *   ...{ method: 'minilm', teacherLayer: 3, relationHeads: 8, logitsWeight: 0 },
 *   ...{ length: 32, batchSize: 4, accumulation: 1, totalSteps: 3, learningRate: 1e-3 },
 *   ...{ maskProbability: 0.15, wholeWords: false, heldOutShare: 0.1 },
 *   ...{ learningRateSchedule: { kind: 'constant', warmupRatio: 0 }, weightDecay: 0.01, maxGradientNorm: 1 },
 *   ...{ dropout: 0, seed: 1 },
 * };
 * const record = await pretraining.runDistillation(settings, {
 *   ...{ teacher: 'models/tiny', text: ['text.txt'], out: 'models/smaller', overwrite: true },
 *   ...{ evalSteps: 3, evalRows: 4, saveSteps: 3, dtype: 'F16', keepSnapshot: false },
 * });
 * console.log(record?.tokensSeen, Object.keys(record?.finalHeldOut.parts ?? {}).join()); // 384 relations
 * ```
 */
export async function runDistillation(
  settings: DistilSettings,
  options: DistilOptions,
): Promise<DistilRecord | undefined> {
  const { out, teacher, student, onEvent, stopped, overwrite = false } = options;
  for (const folder of [teacher, student]) if (folder !== undefined) checkNotModel(out, folder);
  await checkWritable(out);
  const spec = await distilSpec(settings, options);
  const whole = await loadTokenizer(teacher);
  const home = await studentTokenizer(spec, whole, options);
  const start = await startDistillation(spec, home, whole, options);
  const { distillation, saved, state } = start;
  const { config, specs } = distillation.student;
  const { corpus, text } = await openText(spec, home, config.vocabSize, maskedText, options, onEvent);
  const objective = distillationObjective(distillation);
  const evaluated = (batches: Iterable<MaskedBatch>): Promise<TextEvaluation> =>
    evaluateDistillation(objective, state.parameters, batches, options);
  const places = snapshots(spec, config, corpus, out, text.stableSteps);
  const resumed = await resumeText(places, state, overwrite);
  if (!resumed && !overwrite) await checkPretrained(out, DISTILLATION_FILE, spec);
  if (!resumed && spec.continues === undefined && spec.initialisation === 'embeddings') {
    const { startFromEmbeddings } = await import('../training/start/principal-axes.js');
    const from = [distillation.teacher.config, start.teacherValues] as const;
    await startFromEmbeddings(config, state.parameters, ...from, spec.seed, options);
  }
  const kept = savedParts(spec, specs);
  const parameters = countParameters(kept.specs);
  onEvent?.({
    kind: 'start',
    step: resumed?.losses.length ?? 0,
    tokensPerStep: tokensPerStep(spec),
    parameters,
  });
  const hooks: PretrainHooks = {
    onStep: (step, loss) => onEvent?.({ kind: 'step', step, loss }),
    onEvaluated: (step, { loss, parts }) => onEvent?.({ kind: 'evaluated', step, loss, parts }),
    onSnapshot: snapshotTaker(places, state),
    ...(stopped ? { stopped } : {}),
  };
  const plan = { ...text, evaluate: () => evaluated(text.heldOut()) };
  const trains = distillationTrains(distillation);
  const progress = await trainOnText(objective, trains, state, plan, options, hooks, resumed);
  if (progress.losses.length < spec.totalSteps) return undefined;
  const finalHeldOut = await evaluated(text.allHeldOut());
  const record: DistilRecord = {
    spec,
    teacher: basename(resolve(teacher)),
    parameters,
    ...textRecord(spec, corpus, progress, options),
    heldOut: progress.heldOut,
    finalHeldOut,
  };
  await writeTextAtomically(join(out, DISTILLATION_FILE), `${JSON.stringify(record, null, 1)}\n`);
  await writeTextAtomically(join(out, TEACHER_IDS), `${JSON.stringify([...start.teacherIds])}\n`);
  const checkpoint = { folder: home, config: saved, parameters: state.parameters, initialised: [] };
  await saveCheckpoint(out, { ...checkpoint, ...kept }, { dtype: options.dtype });
  await removeSnapshot(options.keepSnapshot ? places.last.folder : unfinished(out));
  return record;
}
