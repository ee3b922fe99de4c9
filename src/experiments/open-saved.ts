/** A saved model, or an adapter on its base model, opened to predict: its head, its classes, its tokenizer, its program. */
import { join } from 'node:path';
import { resolveModel } from '../datasets/source.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import type { HeadSpec } from '../models/config.js';
import { ADAPTER_CLASSES, isMultiLabel, readHead } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import type { LabelledHead, TaskHead } from '../models/heads.js';
import { adapterHead } from '../peft/formats.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { type Forward, openForward } from '../training/evaluate.js';
import { classNamesOf, loadSaved, type SavedModel } from './evaluate-run.js';
import { trainedWith } from './trained-with.js';

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

/** How the rows of a saved model come. */
export type StreamOptions = OpenOptions & {
  /**
   * Milliseconds that a row waits for others to be predicted with; default: until there are enough, or no more. For rows of a person or a
   * service that wants its answer before it sends the next.
   */
  readonly waitMs?: number | undefined;
};

/** @throws UsageError for a model of words or tokens alone; DataError for one without a head */
export async function savedHead({ model, adapter }: SavedRequest): Promise<LabelledHead> {
  const folder = await resolveModel(model);
  const own = adapter === undefined ? undefined : await adapterHead(adapter);
  const head = own === undefined ? await readHead(folder) : await named(own, adapter as string, folder);
  if (head.kind === 'masked-lm')
    throw new UsageError(`${model}: fills in words, and predicts nothing of a text; fine-tune it first`);
  if (head.kind === 'causal-lm' || head.kind === 'seq2seq-lm')
    throw new UsageError(
      `${model}: writes text, and predicts no label; fine-tune it for a task with labels first`,
    );
  return head;
}

/** Whether several classes hold at once is said beside an adapter of ours; of one that PEFT saved, by its base model. */
async function named(head: HeadSpec, adapter: string, base: string): Promise<HeadSpec> {
  if (head.kind !== 'classification') return head;
  const own = join(adapter, ADAPTER_CLASSES);
  const isOwn = await exists(own);
  if (!isOwn && head.numLabels === 1) return head;
  const several = await isMultiLabel(isOwn ? own : join(base, 'config.json'));
  return several ? { ...head, multiLabel: true } : head;
}

export interface OpenModel<H extends TaskHead> {
  readonly head: H;
  readonly model: SavedModel<H>['model'];
  readonly tokenizer: TextTokenizer;
  readonly program: Forward;
  /** Tokens of a row. */
  readonly maxLength: number;
  /** By class id; LABEL_0 ... where the model names none. */
  readonly labels: readonly string[];
}

/** Of a model whose folder does not say with how many it was trained. */
const DEFAULT_LENGTH = 128;

/**
 * The program must be closed. @param maxLength tokens of a row; default: as trained, else 128 or as many as the model takes
 * @throws UsageError for rows longer than the model takes, or a head that was never trained; DataError
 */
export async function openSaved<H extends TaskHead>(
  { model: name, adapter }: SavedRequest,
  head: H,
  maxLength: number | undefined,
  options: OpenOptions,
): Promise<OpenModel<H>> {
  const folder = await resolveModel(name);
  const labels = await classNamesOf(folder, adapter);
  const { model, values, notes } = await loadSaved(name, adapter, head);
  const longest = familyOf(model.config).longestRow(model.config);
  const trained = await trainedWith(adapter ?? folder);
  const length = maxLength ?? trained.maxLength ?? Math.min(DEFAULT_LENGTH, longest);
  if (length > longest)
    throw new UsageError(`max-length: ${length} is over the model's ${longest} positions`);
  const tokenizer = await loadTokenizer(folder, model.config.vocabSize);
  for (const text of [...notes, ...tokenizer.warnings]) options.onNote?.(text);
  const classes = head.kind === 'classification' ? head.numLabels : 0;
  const generic = Array.from({ length: classes }, (_, id) => `LABEL_${id}`);
  return {
    head,
    model,
    tokenizer,
    program: await openForward(model, values, options),
    maxLength: length,
    labels: labels.length === classes ? labels : generic,
  };
}
