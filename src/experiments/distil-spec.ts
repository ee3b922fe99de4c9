/** What a distillation is asked, what it reports, what it leaves behind. */
import type { CorpusHeader } from '../datasets/corpus.js';
import type { DistillationSettings } from '../training/distillation-losses.js';
import type { PretrainEvent } from './pretrain-spec.js';
import type { Machine } from './run-record.js';
import type { TextRunOptions, TextRunSpec } from './text-run-spec.js';

export const STUDENT_INITIALISATIONS = ['embeddings', 'random'] as const;

/**
 * What weights a new student starts from. `embeddings`: the teacher's embeddings on their principal axes, the rest at random.
 *
 * @useDeclaredType
 */
export type StudentInitialisation = (typeof STUDENT_INITIALISATIONS)[number];

/** A distillation as a value: all that its numbers depend on, but for the text. */
export interface DistilSpec extends TextRunSpec, DistillationSettings {
  /** SHA-256 of the teacher's weights. */
  readonly teacher: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  /** Tokens of the teacher's vocabulary that are kept; null: all. */
  readonly vocabularySize: number | null;
  readonly initialisation: StudentInitialisation;
  /** SHA-256 of the student's weights that the run goes on from, instead of an initialisation. */
  readonly continues?: string | undefined;
}

/** A spec before teacher and student are looked at; the shape is that of a new student. */
export type DistilSettings = Omit<DistilSpec, 'teacher' | 'continues'>;

/** Folders besides those of every training on text. */
export interface DistilOptions extends TextRunOptions {
  /** Folder of a BERT; with its masked-language head where the logits are learnt. */
  readonly teacher: string;
  /** Folder of a student to go on from, in place of a new one: shape, weights and tokenizer are its own. */
  readonly student?: string | undefined;
  /** Called while the run lasts. */
  readonly onEvent?: (event: DistilEvent) => void;
}

/** A loss over held-out text, and what it is made of: `relations`, `layers`, `logits`. */
export interface DistilLoss {
  readonly loss: number;
  readonly parts?: Readonly<Record<string, number>> | undefined;
}

/** What a distillation reports while it lasts. */
export type DistilEvent =
  | Exclude<PretrainEvent, { readonly kind: 'evaluated' | 'count' }>
  | ({ readonly kind: 'evaluated'; readonly step: number } & DistilLoss);

/** What a distillation gave: `distillation.json`. Losses are divergences in nats (`minilm`, `logits`) or mean squares (`tinybert`). */
export interface DistilRecord {
  readonly spec: DistilSpec;
  /** Name of the teacher's folder. */
  readonly teacher: string;
  readonly corpus: CorpusHeader;
  /** Of the student that is saved. */
  readonly parameters: number;
  readonly tokensSeen: number;
  /** Share of the training split that was seen; above 1: more than one epoch. */
  readonly epochs: number;
  /** Mean training loss over `steps` steps up to each point. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly heldOut: readonly ({ readonly step: number } & DistilLoss)[];
  /** Over every row that was held out. */
  readonly finalHeldOut: DistilLoss;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly machine: Machine;
}
