/** A fine-tuned model as a folder that `@huggingface/transformers` serves: programs in `onnx/` beside config and tokenizer. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { resolveModel } from '../datasets/source.js';
import { findTask, labelCount } from '../datasets/task.js';
import { writeModel } from '../engine/onnx-writer.js';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { configJson, readHead, writeConfig, writeTextAtomically } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import { copyTokenizer } from '../tokenizers/save.js';
import { exportModel } from '../training/export-model.js';
import { exportText } from '../training/export-text.js';
import { type HeadSource, headClassNames } from './class-order.js';
import { loadSaved } from './evaluate-run.js';

/** Which model is exported, and where to. */
export interface ExportRequest {
  /** A folder or a hub id. */
  readonly model: string;
  /** A saved LoRA, Adapter or BitFit folder to lay over it. */
  readonly adapter?: string | undefined;
  /** GLUE task or `squad` that the adapter was trained for; without an adapter, or for one that writes text, the model's config tells the head. */
  readonly task?: string | undefined;
  readonly out: string;
}

const taskHead = (task: string): HeadSpec =>
  task.startsWith('squad')
    ? { kind: 'span' }
    : { kind: 'classification', numLabels: labelCount(findTask(task)) };

/** The model's own names, which must be the task's; the task's where it has none. @throws DataError for another task's */
async function classNames(taskName: string, source: HeadSource): Promise<readonly string[] | undefined> {
  const task = taskName.startsWith('squad') ? undefined : findTask(taskName);
  if (!task || task.labels.length === 0) return undefined;
  const found = await headClassNames(task, source, () => undefined);
  return found?.names ?? task.labels;
}

const writesText = ({ kind }: HeadSpec): boolean => kind === 'causal-lm' || kind === 'seq2seq-lm';

/** @throws UsageError for an adapter whose head nothing tells */
async function headOf(folder: string, { adapter, task }: ExportRequest): Promise<HeadSpec> {
  if (task !== undefined) return taskHead(task);
  const head = await readHead(folder);
  if (adapter !== undefined && !writesText(head))
    throw new UsageError('export: --adapter wants --task, which tells the head it was trained with');
  return head;
}

/** The model's own `config.json` with what `@huggingface/transformers` cannot do without: the model type, class names, the kind of problem. */
async function writeServedConfig(
  folder: string,
  out: string,
  config: ModelConfig,
  head: HeadSpec,
): Promise<void> {
  const json = (await readJson(join(folder, 'config.json'))) as Record<string, unknown>;
  // What is null stands for a default, which `configJson` names.
  const own = Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
  const numLabels = head.kind === 'classification' ? head.numLabels : 0;
  const names = Object.fromEntries(Array.from({ length: numLabels }, (_, i) => [i, `LABEL_${i}`]));
  const served = {
    ...configJson(config),
    ...(numLabels > 0 ? { id2label: names } : {}),
    ...own,
    model_type: config.modelType,
    ...(numLabels === 1 ? { problem_type: 'regression' } : {}),
  };
  await writeTextAtomically(join(out, 'config.json'), `${JSON.stringify(served, null, 2)}\n`);
}

/** Where texts begin and end: the model's own `generation_config.json`, or what its config says. */
async function writeGenerationConfig(folder: string, out: string, config: ModelConfig): Promise<void> {
  const path = join(folder, 'generation_config.json');
  const own = (await exists(path)) ? await readJson(path) : undefined;
  const json =
    own ??
    Object.fromEntries(Object.entries(configJson(config)).filter(([name]) => name.endsWith('_token_id')));
  await writeTextAtomically(join(out, 'generation_config.json'), `${JSON.stringify(json, null, 2)}\n`);
}

/**
 * @returns bytes written @throws UsageError, DataError
 * @param request model and folder
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const bytes = await models.exportRun({ model: 'runs/sst2', out: 'web/sst2' });
 * console.log(bytes > 1e7); // true
 * ```
 */
export async function exportRun(request: ExportRequest): Promise<number> {
  const { model, adapter, task, out } = request;
  const folder = await resolveModel(model);
  if (resolve(folder) === resolve(out))
    throw new UsageError(`${out}: an exported model is not written over the one it is made from`);
  const head = await headOf(folder, request);
  const loaded = await loadSaved(model, adapter, head);
  const { model: saved, values } = loaded;
  const { config } = saved;
  const labels = task === undefined ? undefined : await classNames(task, loaded);
  const programs = writesText(head)
    ? exportText(saved, values)
    : { 'model.onnx': exportModel(saved, values) };
  await mkdir(join(out, 'onnx'), { recursive: true });
  await copyTokenizer(folder, out, {
    maxLength: familyOf(config).longestRow(config),
    reader: 'transformers.js',
  });
  if (task === undefined) await writeServedConfig(folder, out, config, head);
  else await writeConfig(out, config, head, labels);
  if (writesText(head)) await writeGenerationConfig(folder, out, config);
  let written = 0;
  for (const [name, { graph, weights }] of Object.entries(programs)) {
    const path = join(out, 'onnx', name);
    const bytes = writeModel(graph, { weights: [...weights.values()] });
    await writeFile(`${path}.partial`, bytes);
    await rename(`${path}.partial`, path);
    written += bytes.length;
  }
  return written;
}
