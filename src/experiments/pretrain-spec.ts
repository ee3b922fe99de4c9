/** What a pre-training is asked, what it reports, what it leaves behind. */

import type { CorpusHeader, CorpusProgress } from '../datasets/corpus.js';
import * as z from '../schema.js';
import type { Machine } from './run-record.js';
import type { TextRunOptions, TextRunSpec } from './text-run-spec.js';

/** A pre-training as a value: all that its numbers depend on, but for the text. */
export interface PretrainSpec extends TextRunSpec {
  /** What is learnt; absent: masked tokens, by a BERT. Span corruption: by a T5, `maskProbability` is the share of tokens in spans. */
  readonly objective?: 'span-corruption' | undefined;
  /** Mean tokens of a span. */
  readonly meanSpanLength?: number | undefined;
  /** Blocks; of a T5 in each stack. */
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number | null;
  readonly vocabSize: number;
  /** `random`: as Hugging Face initialises; `cooccurrence`: see `startFromCounts`. */
  readonly initialisation: Initialisation;
  /** SHA-256 of the weights that the run goes on from, instead of an initialisation. */
  readonly continues?: string | undefined;
}

export const INITIALISATIONS = ['random', 'cooccurrence'] as const;

/**
 * What weights a new model starts from.
 *
 * @useDeclaredType
 */
export type Initialisation = (typeof INITIALISATIONS)[number];

/** Files, and how often a run is evaluated and saved, in steps. */
export interface PretrainOptions extends TextRunOptions {
  /** Folder of the model that `spec.continues` names. */
  readonly model?: string | undefined;
  /** Folder of a tokenizer to use; without it the model's, or one learnt from the text. */
  readonly tokenizer?: string | undefined;
  /** Called while the run lasts. */
  readonly onEvent?: (event: PretrainEvent) => void;
}

/** What a pre-training reports while it lasts; losses in nats. */
export type PretrainEvent =
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'vocabulary' }
  | { readonly kind: 'corpus'; readonly progress: CorpusProgress }
  | { readonly kind: 'count'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'start';
      readonly step: number;
      readonly tokensPerStep: number;
      readonly parameters: number;
    }
  | { readonly kind: 'step'; readonly step: number; readonly loss: number }
  | {
      readonly kind: 'evaluated';
      readonly step: number;
      readonly perplexity: number;
      readonly nextSentenceAccuracy?: number | undefined;
    };

const point = { step: z.number(), loss: z.number() };

/** The record beside a model that a run goes on from: kept whole, its card tells of these. */
export const formerRunSchema = z.looseObject({
  spec: z.looseObject({
    batchSize: z.number(),
    accumulation: z.number(),
    length: z.number(),
    nextSentence: z.boolean().optional(),
  }),
  tokensSeen: z.number(),
  losses: z.array(z.object(point)),
  heldOut: z.array(z.object({ ...point, perplexity: z.number() })),
  seconds: z.number(),
});

/**
 * What is known of a pre-training that another goes on from.
 *
 * @interface
 */
export type FormerRun = Readonly<z.infer<typeof formerRunSchema>>;

/** What a pre-training gave: `pretraining.json`. Losses in nats, seconds, bytes. */
export interface PretrainRecord {
  readonly spec: PretrainSpec;
  readonly corpus: CorpusHeader;
  readonly parameters: number;
  /** The pre-trainings before, oldest first, where the run went on from a model of ours. */
  readonly former: readonly FormerRun[];
  /** In this run. */
  readonly tokensSeen: number;
  /** Share of the training split that was seen; above 1: more than one epoch. */
  readonly epochs: number;
  /** Mean training loss (nats) over `steps` steps up to each point. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly heldOut: readonly {
    readonly step: number;
    readonly loss: number;
    readonly perplexity: number;
    /** Share of the pairs that are told right. */
    readonly nextSentenceAccuracy?: number | undefined;
  }[];
  /** Over every row that was held out. */
  readonly finalHeldOut: {
    readonly loss: number;
    readonly perplexity: number;
    readonly nextSentenceAccuracy?: number | undefined;
  };
  readonly seconds: number;
  readonly peakBytes: number;
  readonly machine: Machine;
}
