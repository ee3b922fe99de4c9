/** A saved model, or an adapter on its base model, opened to predict: its head, its classes, its tokenizer, its program. */
import { join } from 'node:path';
import { resolveModel } from '../datasets/source.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import type { HeadSpec } from '../models/config.js';
import { ADAPTER_CLASSES, isMultiLabel, readHead } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import type { LabelledHead, TaskHead } from '../models/heads.js';
import { adapterHead } from '../peft/formats.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { type Forward, openForward } from '../training/evaluate.js';
import { classNamesOf, loadSaved, type SavedModel } from './evaluate-run.js';

/** Which model predicts. */
export interface SavedRequest {
  /** A fine-tuned model, or the base model of the adapter; a folder or a hub id. */
  readonly model: string;
  /** The folder of a saved LoRA, Adapter or BitFit; a LoRA of Hugging Face PEFT too. */
  readonly adapter?: string | undefined;
}

/** How a saved model is opened. */
export type OpenOptions = CompileOptions & {
  /** Told what the user should know of the model: one line. */
  readonly onNote?: (text: string) => void;
};

/** @throws UsageError for a model of words or tokens alone; DataError for one without a head */
export async function savedHead({ model, adapter }: SavedRequest): Promise<LabelledHead> {
  const folder = await resolveModel(model);
  const own = adapter === undefined ? undefined : await adapterHead(adapter);
  const head = own === undefined ? await readHead(folder) : await named(own, adapter as string);
  if (head.kind === 'masked-lm')
    throw new UsageError(`${model}: fills in words, and predicts nothing of a text; fine-tune it first`);
  if (head.kind === 'causal-lm' || head.kind === 'seq2seq-lm')
    throw new UsageError(
      `${model}: writes text, and predicts no label; fine-tune it for a task with labels first`,
    );
  return head;
}

async function named(head: HeadSpec, adapter: string): Promise<HeadSpec> {
  if (head.kind !== 'classification') return head;
  const several = await isMultiLabel(join(adapter, ADAPTER_CLASSES));
  return several ? { ...head, multiLabel: true } : head;
}

export interface OpenModel<H extends TaskHead> {
  readonly head: H;
  readonly model: SavedModel<H>['model'];
  readonly tokenizer: TextTokenizer;
  readonly program: Forward;
  /** By class id; LABEL_0 ... where the model names none. */
  readonly labels: readonly string[];
}

/**
 * The program must be closed. @param maxLength tokens of a row
 * @throws UsageError for rows longer than the model takes, or a head that was never trained; DataError
 */
export async function openSaved<H extends TaskHead>(
  { model: name, adapter }: SavedRequest,
  head: H,
  maxLength: number,
  options: OpenOptions,
): Promise<OpenModel<H>> {
  const folder = await resolveModel(name);
  const labels = await classNamesOf(folder, adapter);
  const { model, values, notes } = await loadSaved(name, adapter, head);
  const longest = familyOf(model.config).longestRow(model.config);
  if (maxLength > longest)
    throw new UsageError(`max-length: ${maxLength} is over the model's ${longest} positions`);
  const tokenizer = await loadTokenizer(folder, model.config.vocabSize);
  for (const text of [...notes, ...tokenizer.warnings]) options.onNote?.(text);
  const classes = head.kind === 'classification' ? head.numLabels : 0;
  const generic = Array.from({ length: classes }, (_, id) => `LABEL_${id}`);
  return {
    head,
    model,
    tokenizer,
    program: await openForward(model, values, options),
    labels: labels.length === classes ? labels : generic,
  };
}

/** Items in groups of `size`, as they come. */
export async function* chunksOf<T>(items: AsyncIterable<T> | Iterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
