/** What a pre-training is asked, what it reports, what it leaves behind. */

import type { CorpusHeader, CorpusProgress } from '../datasets/corpus.js';
import type { CompileOptions } from '../engine/compile.js';
import * as z from '../schema.js';
import type { LearningRateSchedule } from '../training/learning-rate.js';
import type { Machine } from './run-record.js';

/** A pre-training as a value: all that its numbers depend on, but for the text. */
export interface PretrainSpec {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number | null;
  readonly vocabSize: number;
  /** Tokens of a packed sequence. */
  readonly length: number;
  /** Rows of one forward pass; a step takes `accumulation` of them. */
  readonly batchSize: number;
  readonly accumulation: number;
  readonly totalSteps: number;
  readonly maskProbability: number;
  readonly wholeWords: boolean;
  /** Sequences are pairs of segments, and whether the second follows the first is learnt too. */
  readonly nextSentence?: boolean | undefined;
  /** Share of the documents that is never trained on. */
  readonly heldOutShare: number;
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule;
  readonly weightDecay: number;
  readonly maxGradientNorm: number;
  /** While pre-training; the config that is saved has BERT's 0.1 for fine-tuning. */
  readonly dropout: number;
  readonly seed: number;
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
export interface PretrainOptions extends CompileOptions {
  readonly out: string;
  /** Text files: see `readDocuments`. */
  readonly text: readonly string[];
  /** Folder of the model that `spec.continues` names. */
  readonly model?: string | undefined;
  /** Folder of a tokenizer to use; without it the model's, or one learnt from the text. */
  readonly tokenizer?: string | undefined;
  /** Packed text is kept here. */
  readonly corpus?: string | undefined;
  readonly evalSteps: number;
  readonly evalRows: number;
  readonly saveSteps: number;
  readonly dtype: 'F32' | 'F16';
  /** Keeps the last snapshot before the decay, from which a longer run can go on. */
  readonly keepSnapshot: boolean;
  /** Begins anew over another run's model or snapshots, which are refused otherwise. */
  readonly overwrite?: boolean | undefined;
  /** Called while the run lasts. */
  readonly onEvent?: (event: PretrainEvent) => void;
  /** Asked after every step: true ends the session, which the same call goes on from. */
  readonly stopped?: () => boolean;
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
