/**
 * A run as a value: everything its numbers depend on. The same spec on the same data gives the same losses, bit for bit; threads
 * and progress bars are not part of it.
 */
import { createHash } from 'node:crypto';
import { findDataToText } from '../datasets/data-to-text/read.js';
import { isShippedData } from '../datasets/source.js';
import type { SquadVersion } from '../datasets/squad.js';
import { TASK_KINDS } from '../datasets/tables/columns.js';
import { UsageError } from '../errors.js';
import { RECIPES } from '../peft/defaults.js';
import { defaultHeadTraining, methodSchema } from '../peft/method.js';
import { LISA_DEFAULTS } from '../progressive/lisa.js';
import { type Schedule, scheduleSchema } from '../progressive/schedule.js';
import * as z from '../schema.js';
import { OPTIMISER_STATES } from '../training/fit-plan.js';
import { LEARNING_RATE_KINDS } from '../training/learning-rate.js';
import { checkStaged, staged } from './staged.js';
import { watched, watchedSchema } from './watched.js';

/** The SQuAD tasks, by the names of Hugging Face's metrics. */
export const SQUAD_VERSIONS: ReadonlyMap<string, SquadVersion> = new Map([
  ['squad', '1.1'],
  ['squad_v2', '2.0'],
]);

/** Kinds of tasks on data of one's own: labelled tables, questions, running text, texts from texts. */
export const OWN_KINDS = [...TASK_KINDS, 'causal-lm', 'seq2seq-lm'] as const;

/** Kinds of tasks on data of one's own. */
export type OwnKind = (typeof OWN_KINDS)[number];

/** Undefined for a task with a name of its own. */
export const ownKind = (task: string): OwnKind | undefined => OWN_KINDS.find((kind) => kind === task);

/** Whether texts of the task are read and others written. */
const isPairTask = (task: string): boolean => task === 'seq2seq-lm' || findDataToText(task) !== undefined;

/** Whether a model of the task writes text. */
export const isTextTask = (task: string): boolean => task === 'causal-lm' || isPairTask(task);

/** Whether its data are generated text that ships with the package. */
export const hasGeneratedData = ({ data }: { readonly data: string }): boolean => isShippedData(data);

/** Whether answers are spans of a text. */
export const isSpanTask = (task: string): boolean =>
  SQUAD_VERSIONS.has(task) || task === 'question-answering';

/** Columns of a table of one's own. */
const columnsSchema = z.object({
  text: z.string(),
  textPair: z.string().optional(),
  /** Of running text: the completion of a prompt, where there is one; of pairs of texts: the second one. */
  label: z.string().optional(),
  /** Default: the file ending's. */
  delimiter: z.string().optional(),
  /** Of pairs of texts: stands before each first one, as T5's `summarize: `. */
  prefix: z.string().optional(),
});

/** Windows and answers, by the names of `run_qa`'s options. */
const squadSchema = z.object({
  /** Tokens that two neighbouring windows share. */
  docStride: z.number().int().nonnegative(),
  /** Tokens. */
  maxAnswerLength: z.number().int().positive(),
  /** Starts and ends tried in each window, and answers kept for each question. */
  nBest: z.number().int().positive(),
  /** v2.0: no answer when its score exceeds the best answer's by more than this. */
  nullScoreThreshold: z.number(),
});

/**
 * Windows and answers of tasks with spans, by the names of Hugging Face's `run_qa`.
 *
 * @interface
 */
export type SquadSettings = z.infer<typeof squadSchema>;

export const SQUAD_DEFAULTS: SquadSettings = {
  docStride: 128,
  maxAnswerLength: 30,
  nBest: 20,
  nullScoreThreshold: 0,
};

export const runSpecSchema = z.object({
  task: z.string(),
  /** `embedded`, `hub`, or a folder; own data: the training file. */
  data: z.string(),
  /** Own data: the files that are evaluated on. */
  validationFile: z.string().optional(),
  testFile: z.string().optional(),
  /** Own data: this share of the training rows is held out to evaluate on, the same of each class. */
  validationSplit: z.number().gt(0).lt(1).optional(),
  /** Own data: what the columns of its files hold. */
  columns: columnsSchema.optional(),
  /** A folder or a hub id. */
  model: z.string(),
  /** Fresh weights in the model's shape, with its tokenizer: what pre-training is compared with. */
  randomWeights: z.literal(true).optional(),
  /** A fresh output layer, even where the model has one (HF `ignore_mismatched_sizes`). */
  newHead: z.literal(true).optional(),
  method: methodSchema,
  headTraining: z.enum(['classifier', 'classifier+pooler']),
  schedule: scheduleSchema,
  epochs: z.number().int().positive(),
  batchSize: z.number().int().positive(),
  /** Batches of one step: their gradients are added up, as if they were one. */
  gradientAccumulationSteps: z.number().int().positive(),
  learningRate: z.number().positive(),
  learningRateSchedule: z.object({
    kind: z.enum(LEARNING_RATE_KINDS),
    warmupRatio: z.number().min(0).max(1),
    /** Takes the place of the ratio. */
    warmupSteps: z.number().int().positive().optional(),
  }),
  /** How the rate goes on from stage to stage; absent: one decay over the run. */
  learningRateStages: z
    .object({
      restart: z.literal(true).optional(),
      peaks: z.array(z.number().positive()).min(1).optional(),
    })
    .optional(),
  /** What becomes of AdamW's moments when a stage begins; absent: they are kept. */
  optimiserState: z.enum(OPTIMISER_STATES).optional(),
  /** Absent: AdamW. */
  optimiser: z.literal('adafactor').optional(),
  weightDecay: z.number().nonnegative(),
  maxGradientNorm: z.number().nonnegative(),
  maxLength: z.number().int().min(8),
  /** Pairs of texts: tokens of the second; absent: as many as of the first. */
  maxTargetLength: z.number().int().min(2).optional(),
  /** Both dropouts of the encoder; null: the model's own. */
  dropout: z.number().min(0).lt(1).nullable(),
  shuffle: z.boolean(),
  /** Rows of like length share a batch: less padding, another order. */
  groupByLength: z.boolean(),
  /** MiB: keeps what frozen blocks compute from epoch to epoch, without dropout there: see `frozen-prefix.ts`. */
  cacheFrozen: z.number().int().positive().optional(),
  seed: z.number().int().nonnegative(),
  maxTrainExamples: z.number().int().positive().nullable(),
  maxEvalExamples: z.number().int().positive().nullable(),
  /** Tasks with spans for answers only. */
  squad: squadSchema.optional(),
  ...watchedSchema.shape,
});

/**
 * A run as a value: all that its numbers depend on. {@link runSpec} makes one.
 *
 * @interface
 */
export type RunSpec = z.infer<typeof runSpecSchema>;

/** What a caller must say; the rest comes from the method's recipe and the project's defaults. */
export type RunRequest = Pick<RunSpec, 'task' | 'data' | 'model'> &
  Partial<Omit<RunSpec, 'schedule' | 'squad'>> & {
    readonly schedule?: Partial<Schedule>;
    readonly squad?: Partial<SquadSettings>;
  };

/**
 * Fills a request: method full, schedule progressive with one stage per epoch, embeddings always. @throws UsageError
 * @example
 * ```ts
 * import { peft, runSpec } from 'progtuning';
 *
 * const spec = runSpec({
 *   task: 'sst2',
 *   data: 'embedded',
 *   model: 'progtuning-bert-6x256',
 *   method: { ...peft.LORA_DEFAULTS, rank: 4 },
 *   schedule: { kind: 'progressive' },
 * });
 * console.log(spec.epochs, spec.schedule.stages, spec.learningRate); // 3 3 0.0004
 * ```
 */
export function runSpec(request: RunRequest): RunSpec {
  const method = request.method ?? { kind: 'full' };
  const recipe = RECIPES[method.kind];
  const epochs = request.epochs ?? recipe.epochs;
  const isSquad = isSpanTask(request.task);
  checkOwn(request);
  checkStaged(request.schedule);
  if (request.maxTargetLength !== undefined && !isPairTask(request.task))
    throw new UsageError(`run: maxTargetLength is for task seq2seq-lm, not for ${request.task}`);
  if (request.squad && !isSquad) throw new UsageError(`run: squad settings are not for task ${request.task}`);
  const filled = {
    method,
    headTraining: defaultHeadTraining(method),
    epochs,
    batchSize: recipe.batchSize,
    gradientAccumulationSteps: 1,
    learningRate: recipe.learningRate,
    learningRateSchedule: { kind: 'linear', warmupRatio: recipe.warmupRatio },
    weightDecay: recipe.weightDecay,
    maxGradientNorm: 1,
    maxLength: isSquad ? 384 : isTextTask(request.task) ? 256 : 128,
    dropout: null,
    shuffle: true,
    groupByLength: false,
    seed: 42,
    maxTrainExamples: null,
    maxEvalExamples: null,
    ...request,
    schedule: {
      ...{ kind: 'progressive', stages: epochs, embeddings: 'always' },
      ...(request.schedule?.kind === 'lisa' ? LISA_DEFAULTS : {}),
      ...request.schedule,
    },
    ...(isSquad ? { squad: { ...SQUAD_DEFAULTS, ...request.squad } } : {}),
  };
  const parsed = runSpecSchema.safeParse(filled);
  if (parsed.success) return staged(watched(withWindows(parsed.data), isSquad ? 'f1' : 'loss'));
  const issue = parsed.error.issues[0];
  throw new UsageError(`run: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** @throws UsageError for settings of own data on another task, and own data without its columns */
function checkOwn({ task, columns, validationFile, validationSplit, testFile }: RunRequest): void {
  const kind = ownKind(task);
  const given = { columns, validationFile, validationSplit, testFile };
  const stray = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (kind === undefined && stray !== undefined)
    throw new UsageError(
      `run: ${stray} is for own data (task ${OWN_KINDS.join(', ')}), not for task ${task}`,
    );
  const isTable = kind !== undefined && kind !== 'question-answering' && !isTextTask(kind);
  if (kind === 'seq2seq-lm' && columns?.label === undefined)
    throw new UsageError('run: columns: pairs of texts want the names of both their columns, text and label');
  if (isTable && columns?.label === undefined)
    throw new UsageError(`run: columns: own data wants the names of its text and label columns`);
  if (validationFile !== undefined && validationSplit !== undefined)
    throw new UsageError('run: validationFile, validationSplit: give one of them');
}

/** @throws UsageError for windows that share all their tokens */
function withWindows(spec: RunSpec): RunSpec {
  const { maxLength, squad } = spec;
  if (squad && squad.docStride >= maxLength)
    throw new UsageError(
      `max-length ${maxLength}, doc-stride ${squad.docStride}: two windows would share all their tokens; lower --doc-stride below --max-length`,
    );
  return spec;
}

/** Stable JSON: keys in order, so that equal specs have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** sha256 of the canonical JSON of whatever identifies a run. */
export const hashOf = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex');
