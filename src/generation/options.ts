/** How text is generated: the settings of Hugging Face's `GenerationConfig` by their names, checked once. */
import { UsageError } from '../errors.js';

/** How a token is drawn. */
export interface Sampling {
  /** Below 1 the probable tokens gain, above it the others. Default 1. */
  readonly temperature: number;
  /** Only so many most probable tokens are in play; 0: all. Default 50, as HF's. */
  readonly topK: number;
  /** Only the most probable tokens that come to this probability together. Default 1: all. */
  readonly topP: number;
  /** Default 42. */
  readonly seed: number;
}

/** Where a text ends. */
export interface Ending {
  /** Most tokens that are added to the prompt. */
  readonly maxNewTokens: number;
  /** Any of these ends the text; it is the last of the ids that come back. */
  readonly eosTokenIds?: readonly number[];
  /** Whether the added ids end the text, as where they spell a stop string: `stopsAt` makes one. */
  readonly stops?: (newIds: readonly number[]) => boolean | Promise<boolean>;
}

/** Greedy or sampled. */
export interface DecodeOptions extends Ending {
  /** Draws the tokens; default: the most probable one is taken. `true`: with the defaults. */
  readonly doSample?: boolean | Partial<Sampling>;
  /** Over 1: tokens of prompt and text so far become less probable. Default 1. */
  readonly repetitionPenalty?: number;
}

/** Beam search. */
export interface BeamOptions extends Ending {
  /** Texts that are kept in view. */
  readonly numBeams: number;
  /** Score = log probability / length ** lengthPenalty: above 0 longer texts gain. Default 1. */
  readonly lengthPenalty?: number;
  /**
   * `true`: as soon as there are `numBeams` ended texts. `false` (default): when the best open one would lose if it ended now. `never`:
   * when it cannot win at any length.
   */
  readonly earlyStopping?: boolean | 'never';
  /** As in {@link DecodeOptions}. */
  readonly repetitionPenalty?: number;
}

const SAMPLING: Sampling = { temperature: 1, topK: 50, topP: 1, seed: 42 };

function check(name: string, value: number, holds: boolean, wanted: string): void {
  if (!holds) throw new UsageError(`${name}: wanted ${wanted}, got ${value}`);
}

const checkCount = (name: string, value: number, least: number): void =>
  check(name, value, Number.isInteger(value) && value >= least, `a whole number of at least ${least}`);

/** @throws UsageError for an empty prompt, or settings out of their range */
export function checkEnding(prompt: readonly number[], { maxNewTokens }: Ending): void {
  if (prompt.length === 0)
    throw new UsageError('prompt: has no tokens; begin with one, as the bos_token of the tokenizer');
  checkCount('maxNewTokens', maxNewTokens, 1);
}

/** @throws UsageError for one that is not over 0 */
export function checkPenalty(penalty: number): number {
  check('repetitionPenalty', penalty, penalty > 0 && Number.isFinite(penalty), 'a number over 0');
  return penalty;
}

/** @returns undefined for greedy decoding @throws UsageError for a value out of its range */
export function samplingOf(doSample: DecodeOptions['doSample']): Sampling | undefined {
  if (doSample === undefined || doSample === false) return undefined;
  const sampling = { ...SAMPLING, ...(doSample === true ? {} : doSample) };
  const { temperature, topK, topP, seed } = sampling;
  check('temperature', temperature, temperature > 0, 'a number over 0; greedy decoding needs no sampling');
  checkCount('topK', topK, 0);
  check('topP', topP, topP > 0 && topP <= 1, 'a number over 0, at most 1');
  checkCount('seed', seed, 0);
  return sampling;
}

/** @throws UsageError for a value out of its range */
export function beamSettings({ numBeams, lengthPenalty = 1, earlyStopping = false }: BeamOptions): {
  readonly numBeams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | 'never';
} {
  checkCount('numBeams', numBeams, 1);
  check('lengthPenalty', lengthPenalty, Number.isFinite(lengthPenalty), 'a number');
  return { numBeams, lengthPenalty, earlyStopping };
}
