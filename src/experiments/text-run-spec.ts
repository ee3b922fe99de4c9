/** What every training on text is asked. */
import type { CompileOptions } from '../engine/compile.js';
import type { LearningRateSchedule } from '../training/learning-rate.js';

/** What the numbers of a training on text depend on, besides the model and the text. */
export interface TextRunSpec {
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
  /** While training on text; the config that is saved has BERT's 0.1 for fine-tuning. */
  readonly dropout: number;
  readonly seed: number;
}

/** Files, and how often a run is evaluated and saved, in steps. */
export interface TextRunOptions extends CompileOptions {
  readonly out: string;
  /** Text files: see `readDocuments`. */
  readonly text: readonly string[];
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
  /** Asked after every step, or on cuda chunk of steps: true ends the session, which the same call goes on from. */
  readonly stopped?: () => boolean;
}
