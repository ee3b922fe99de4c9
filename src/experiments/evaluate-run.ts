/** A saved model, or an adapter on its base model, on a task's development set. */
import { join } from 'node:path';
import { resolveModel } from '../datasets/source.js';
import { DataError, UsageError } from '../errors.js';
import type { Metrics } from '../metrics/metrics.js';
import { noAdaptation } from '../models/adaptation.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import type { HeadSpec } from '../models/config.js';
import { ADAPTER_CLASSES, readConfig, savedClassNames } from '../models/config-file.js';
import type { Parameters } from '../models/parameters.js';
import { loadAdapter } from '../peft/formats.js';
import { methodAdaptation, methodSpecs } from '../peft/method.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import { predictFeatures } from '../training/evaluate.js';
import type { Model } from '../training/model.js';
import { type HeadSource, inTaskOrder } from './class-order.js';
import { savedOwnTask } from './own-task.js';
import { checkLength, findRunTask, type RunOptions } from './run.js';
import { isSpanTask, ownKind, type RunRequest, type RunSpec, runSpec } from './run-spec.js';
import { type RunTask, taskFor } from './run-task.js';
import { type SavedSquadSettings, savedSquadSettings } from './squad-settings.js';
import { trainedWith } from './trained-with.js';

export interface SavedModel<H extends HeadSpec> extends HeadSource {
  readonly model: Omit<Model, 'head'> & { readonly head: H };
  readonly values: Parameters;
  /** See `Checkpoint.notes`. */
  readonly notes: readonly string[];
}

/**
 * A fine-tuned model as it was saved.
 * @param adapter a saved LoRA, Adapter or BitFit folder to lay over the model; what it holds, its head too, is used and not the model's
 * @throws UsageError where the head was never trained; DataError where adapter and model do not belong together
 */
export async function loadSaved<H extends HeadSpec>(
  name: string,
  adapter: string | undefined,
  head: H,
): Promise<SavedModel<H>> {
  const folder = await resolveModel(name);
  const config = await readConfig(folder);
  const loaded = adapter === undefined ? undefined : await loadAdapter(adapter, config, head);
  const except = loaded?.parameters ?? new Map<string, Float32Array>();
  const checkpoint = await loadCheckpoint(folder, head, { seed: 0, except });
  const { specs, parameters, initialised, notes = [] } = checkpoint;
  if (initialised.length > 0)
    throw new UsageError(
      `${folder}: holds no ${initialised.join(', ')}: give a model that was fine-tuned for its task`,
    );
  const base = loaded && { config, head, headTraining: loaded.headTraining };
  const model = {
    config: checkpoint.config,
    head,
    specs: base ? [...specs, ...methodSpecs(base, loaded.method)] : specs,
    adaptation: base ? methodAdaptation(base, loaded.method) : noAdaptation,
  };
  const bringsHead = specs.some(({ name, place }) => place.kind === 'classifier' && except.has(name));
  return {
    folder,
    adapter: bringsHead ? adapter : undefined,
    model,
    values: new Map([...parameters, ...except]),
    notes,
  };
}

/** Which model on which data; what is left open is as in its training, or the defaults of `runSpec`. */
export type EvaluateRequest = Pick<
  RunRequest,
  'task' | 'data' | 'columns' | 'model' | 'maxLength' | 'maxEvalExamples' | 'squad'
> & {
  readonly adapter?: string | undefined;
};

/** A model is scored as it was trained, in all that the request leaves open and its folder says. */
async function completed({ adapter, ...request }: EvaluateRequest): Promise<RunRequest> {
  const { squad } = request;
  const folder = adapter ?? (await resolveModel(request.model));
  const saved: SavedSquadSettings = isSpanTask(request.task) ? await savedSquadSettings(folder) : {};
  const maxLength = request.maxLength ?? saved.maxLength ?? (await trainedWith(folder)).maxLength;
  return {
    ...request,
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(saved.squad || squad ? { squad: { ...saved.squad, ...squad } } : {}),
  };
}

/** The task of a saved model: own data has the classes that the model, or its adapter, names. @throws UsageError, DataError */
async function savedTask(spec: RunSpec, adapter: string | undefined): Promise<RunTask> {
  const kind = ownKind(spec.task);
  if (kind === undefined) return findRunTask(spec.task);
  const folder = await resolveModel(spec.model);
  const labels = await classNamesOf(folder, adapter);
  if (labels.length === 0 && (kind === 'classification' || kind === 'multi-label'))
    throw new DataError(
      `${adapter ?? folder}: names no classes, so that labels of ${spec.data} cannot be told apart by them; write id2label into its config.json`,
    );
  return savedOwnTask(spec, labels);
}

/** Class names by id of a saved model, or of the adapter over it; none where neither names any. */
export async function classNamesOf(folder: string, adapter: string | undefined): Promise<readonly string[]> {
  const own = adapter === undefined ? undefined : await savedClassNames(join(adapter, ADAPTER_CLASSES));
  return own ?? (await savedClassNames(join(folder, 'config.json'))) ?? [];
}

/**
 * Metrics on the development set. Undefined ones are left out; a warning says which and why. @throws UsageError, DataError
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const request = { task: 'sst2', data: 'embedded', model: 'runs/sst2', maxEvalExamples: 32 };
 * console.log(Object.keys(await evaluation.evaluateRun(request)).join()); // accuracy
 * ```
 */
export async function evaluateRun(request: EvaluateRequest, options: RunOptions = {}): Promise<Metrics> {
  const spec = runSpec(await completed(request));
  const known = await savedTask(spec, request.adapter);
  const task = taskFor(known, await readConfig(await resolveModel(spec.model)));
  const loaded = await loadSaved(spec.model, request.adapter, task.head);
  const { folder, model } = loaded;
  checkLength(spec, model.config);
  const tokenizer = await loadTokenizer(folder, model.config.vocabSize);
  const onEvent = options.onEvent ?? (() => undefined);
  const onNote = (text: string): void => onEvent({ kind: 'warning', text });
  for (const text of [...loaded.notes, ...tokenizer.warnings]) onNote(text);
  const named = { head: model.head, specs: model.specs, parameters: loaded.values };
  const values = await inTaskOrder(task, loaded, named, onNote);
  const { evaluate } = await task.prepare({
    spec,
    tokenizer,
    config: model.config,
    onEvent,
    strict: options.strict,
  });
  const { metrics } = await evaluate((split, features) =>
    predictFeatures(model, values, features, { ...options, maxLength: spec.maxLength }, (done) =>
      onEvent({ kind: 'evaluating', split, done, total: features.length }),
    ),
  );
  return metrics;
}
