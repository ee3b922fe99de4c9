/** A checkpoint with a PEFT method's parameters beside it, and how it is saved. */
import { join } from 'node:path';
import type { FeatureList } from '../datasets/batch.js';
import type { ClassNames } from '../datasets/class-names.js';
import { type Checkpoint, saveCheckpoint } from '../models/checkpoint.js';
import type { ModelConfig } from '../models/config.js';
import { ADAPTER_CLASSES, adapterClassesText, writeTextAtomically } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import { initialise } from '../models/initialise.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { saveAdapter } from '../peft/formats.js';
import { checkMethod, methodAdaptation, methodSpecs } from '../peft/method.js';
import type { Model } from '../training/model.js';
import { inBaseOrder } from './class-order.js';
import type { RunSpec } from './run-spec.js';

function withDropout(config: ModelConfig, dropout: number | null): ModelConfig {
  if (dropout === null) return config;
  return familyOf(config).withDropout(config, dropout);
}

/** The model that a run trains: fresh parameters of the method drawn from the run's seed, dropout as the run wants it. @throws UsageError */
export function adaptedModel(
  checkpoint: Checkpoint,
  { method, headTraining, dropout, seed }: RunSpec,
): { model: Model; values: Parameters } {
  const config = withDropout(checkpoint.config, dropout);
  const base = { config, head: checkpoint.head, headTraining };
  checkMethod(base, method, checkpoint.initialised);
  const extra: ParameterSpec[] = methodSpecs(base, method);
  const values = new Map(checkpoint.parameters);
  for (const spec of extra) values.set(spec.name, initialise(spec, config, seed));
  if (checkpoint.head.kind === 'masked-lm') throw new Error('internal: a task head is wanted');
  const model = {
    config,
    head: checkpoint.head,
    specs: [...checkpoint.specs, ...extra],
    adaptation: methodAdaptation(base, method),
  };
  return { model, values };
}

/**
 * Starts a regression head that was drawn afresh at the mean of the training labels instead of 0 (Hugging Face). From 0, STS-B's first
 * steps only carry the output up to its mean of 2.7: at a learning rate of 2e-4 an earlier checkpoint's loss then stayed near the labels' variance.
 */
export function centreRegression(
  { head, initialised }: Checkpoint,
  values: Parameters,
  train: FeatureList,
): void {
  if (head.kind !== 'classification' || head.numLabels !== 1 || head.multiLabel) return;
  let sum = 0;
  for (const { label = 0 } of train) sum += label;
  const mean = sum / train.length;
  for (const name of ['classifier.bias', 'classifier.out_proj.bias'])
    if (initialised.includes(name)) values.get(name)?.fill(mean);
}

export interface Result {
  readonly checkpoint: Checkpoint;
  /** After training. */
  readonly parameters: Parameters;
  /** Whose classes the head's are. */
  readonly task: ClassNames;
  /** Text by file name, e.g. predictions. */
  readonly files: Readonly<Record<string, string>>;
}

/** Writes a whole checkpoint, or for a PEFT method what it trained, as Hugging Face PEFT saves it; and the task's files beside it. */
export async function saveResult(spec: RunSpec, folder: string, result: Result): Promise<void> {
  const { checkpoint, parameters, task, files } = result;
  const { labels } = task;
  const { config, head, initialised } = checkpoint;
  const { method, headTraining } = spec;
  if (method.kind === 'full')
    await saveCheckpoint(folder, { ...checkpoint, parameters }, labels.length > 0 ? { labels } : {});
  else {
    const baseModel = spec.model;
    const saved = checkpoint.folder
      ? await inBaseOrder(task, checkpoint.folder, { specs: checkpoint.specs, parameters })
      : { parameters, labels };
    const values = saved.parameters;
    await saveAdapter(folder, {
      config,
      head,
      method,
      headTraining,
      parameters: values,
      baseModel,
      initialised,
    });
    // The base model's config does not name the classes of the adapter's own head.
    if (saved.labels.length > 0)
      await writeTextAtomically(join(folder, ADAPTER_CLASSES), adapterClassesText(saved.labels, head));
  }
  for (const [name, text] of Object.entries(files)) await writeTextAtomically(join(folder, name), text);
}
