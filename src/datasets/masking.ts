/**
 * Masked-language-model batches (Devlin et al. 2019, section 3.1; whole words as in google-research/bert `create_pretraining_data.py`).
 * A batch is a pure function of (seed, step), and its shapes never change: one compiled program serves a whole pre-training.
 */
import { DataError } from '../errors.js';
import { fillBits, permutation, STREAM } from '../random.js';
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { PackedRows } from './corpus.js';
import { type SegmentPairs, segmentPairs } from './segment-pairs.js';

/** Chosen tokens: 80 % become [MASK], 10 % a random token, 10 % stay. */
const MASKED = 0.8;
const RANDOM = 0.1;

/** Packed sequences without padding, `slots` masked positions per row (N = rows x slots). */
export interface MaskedBatch {
  /** [rows, length] after masking */
  readonly inputIds: Int32Array;
  /** [N] indices into the flattened rows, ascending within a row; an unused slot points at its row's [CLS] */
  readonly maskedPositions: Int32Array;
  /** [N] the ids that stood there */
  readonly maskedLabels: Int32Array;
  /** [N], 1, or 0 for an unused slot */
  readonly maskedWeights: Float32Array;
  /** [rows], which rows of the corpus they are: what their dropout is drawn by */
  readonly examples: Int32Array;
  readonly rows: number;
  readonly length: number;
  /** Where rows are pairs of segments. */
  readonly pairs?: Omit<SegmentPairs, 'ids'>;
}

/** What masking must know of a vocabulary. Flags are by id. */
export interface MaskingVocabulary {
  readonly maskId: number;
  /** 1: never chosen */
  readonly special: Uint8Array;
  /** 1: continues the word of the token before it (`##`) */
  readonly continues: Uint8Array;
  /** Ids that a random replacement is drawn from. */
  readonly ordinary: Uint16Array;
  /** 1: ends a sentence */
  readonly endsSentence: Uint8Array;
}

export interface MaskingOptions {
  readonly seed: number;
  readonly rows: number;
  /** Share of a row's positions that is chosen. */
  readonly probability: number;
  /** Chooses all pieces of a word or none. */
  readonly wholeWords: boolean;
  /** Rows are cut and joined to pairs: see {@link segmentPairs}. */
  readonly nextSentence?: boolean | undefined;
}

/** Masked positions per row: round(probability x length), at least one. */
export const maskedSlots = (length: number, probability: number): number =>
  Math.max(1, Math.round(probability * length));

/** @throws DataError where the vocabulary has no mask token */
export function maskingVocabulary({ tokenizer, vocabSize, effective }: TextTokenizer): MaskingVocabulary {
  const mask = effective.special.named.mask_token ?? '[MASK]';
  const maskId = tokenizer.tokenToId(mask);
  if (maskId === null)
    throw new DataError(`the vocabulary has no '${mask}': it is not one for masked-language models`);
  const special = new Uint8Array(vocabSize);
  const continues = new Uint8Array(vocabSize);
  const endsSentence = new Uint8Array(vocabSize);
  for (const [token, id] of Object.entries(tokenizer.getVocab(true))) {
    special[id] = /^\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]$/.test(token) ? 1 : 0;
    continues[id] = token.startsWith('##') ? 1 : 0;
    endsSentence[id] = /^[.?!]$/.test(token) ? 1 : 0;
  }
  for (const { id } of effective.added.filter((token) => token.special)) special[id] = 1;
  const ordinary = Uint16Array.from(special.keys()).filter((id) => special[id] === 0);
  return { maskId, special, continues, ordinary, endsSentence };
}

/** Uniform draws in [0, 1), one after the other. */
type Draw = () => number;

/** Words of a row as [start, end) in columns; without `wholeWords` each token is one. Special tokens belong to none. */
function wordsOf(row: Uint16Array, vocabulary: MaskingVocabulary, wholeWords: boolean): [number, number][] {
  const words: [number, number][] = [];
  row.forEach((id, column) => {
    if (vocabulary.special[id]) return;
    const last = words.at(-1);
    if (wholeWords && last && last[1] === column && vocabulary.continues[id]) last[1]++;
    else words.push([column, column + 1]);
  });
  return words;
}

/** Columns to predict, ascending: words in random order, as long as they fit. */
function chooseColumns(words: [number, number][], slots: number, draw: Draw): number[] {
  const columns: number[] = [];
  for (let left = words.length; left > 0 && columns.length < slots; left--) {
    const at = Math.floor(draw() * left);
    const [start, end] = words[at] as [number, number];
    words[at] = words[left - 1] as [number, number];
    if (columns.length + end - start > slots) continue;
    for (let column = start; column < end; column++) columns.push(column);
  }
  return columns.sort((a, b) => a - b);
}

function replacement(id: number, { maskId, ordinary }: MaskingVocabulary, draw: Draw): number {
  const kind = draw();
  if (kind < MASKED) return maskId;
  const random = ordinary[Math.floor(draw() * ordinary.length)] as number;
  return kind < MASKED + RANDOM ? random : id;
}

/** Masks the given rows of a split. The `step` keys the draws. */
export function maskRows(
  split: PackedRows,
  chosen: ArrayLike<number>,
  vocabulary: MaskingVocabulary,
  options: Omit<MaskingOptions, 'rows'> & { readonly step: number },
): MaskedBatch {
  const { seed, probability, wholeWords, nextSentence, step } = options;
  const { length } = split;
  const rows = chosen.length;
  const joined = nextSentence ? segmentPairs(split, chosen, vocabulary, { seed, step }) : undefined;
  const slots = maskedSlots(length, probability);
  const draws = length + 2 * slots;
  const bits = fillBits({ seed, stream: STREAM.mask, step }, new Uint32Array(rows * draws));
  const batch = {
    examples: Int32Array.from(chosen),
    inputIds: new Int32Array(rows * length),
    maskedPositions: new Int32Array(rows * slots),
    maskedLabels: new Int32Array(rows * slots),
    maskedWeights: new Float32Array(rows * slots),
  };
  for (let row = 0; row < rows; row++) {
    const from = (joined ? row : (chosen[row] as number)) * length;
    const source = (joined ?? split).ids.subarray(from, from + length);
    batch.inputIds.set(source, row * length);
    batch.maskedPositions.fill(row * length, row * slots, (row + 1) * slots);
    let next = row * draws;
    const draw: Draw = () => (bits[next++] as number) / 2 ** 32;
    chooseColumns(wordsOf(source, vocabulary, wholeWords), slots, draw).forEach((column, slot) => {
      const [to, id] = [row * slots + slot, source[column] as number];
      batch.maskedPositions[to] = row * length + column;
      batch.maskedLabels[to] = id;
      batch.maskedWeights[to] = 1;
      batch.inputIds[row * length + column] = replacement(id, vocabulary, draw);
    });
  }
  if (!joined) return { ...batch, rows, length };
  const { tokenTypeIds, labels } = joined;
  return { ...batch, rows, length, pairs: { tokenTypeIds, labels } };
}

/**
 * Rows of a split for each step: row `step * rows + i` of an endless sequence of epochs, each a permutation of the split that depends on the
 * seed and the epoch alone.
 */
export function rowsOfSteps(
  split: Pick<PackedRows, 'rows'>,
  { seed, rows }: Pick<MaskingOptions, 'seed' | 'rows'>,
): (step: number) => number[] {
  const orders = new Map<number, Uint32Array>();
  const rowAt = (index: number): number => {
    const epoch = Math.floor(index / split.rows);
    let order = orders.get(epoch);
    if (!order) {
      order = permutation({ seed, stream: STREAM.shuffle, step: epoch }, split.rows);
      // A batch spans two epochs at most.
      orders.delete(epoch - 2);
      orders.set(epoch, order);
    }
    return order[index % split.rows] as number;
  };
  return (step) => Array.from({ length: rows }, (_, i) => rowAt(step * rows + i));
}

/** The first rows of a split, in batches: what is held out. The last batch may be short. */
export function* firstRows(count: number, rows: number): Generator<number[]> {
  for (let first = 0; first < count; first += rows)
    yield Array.from({ length: Math.min(rows, count - first) }, (_, i) => first + i);
}

/** The training batches of {@link rowsOfSteps}. Masks are drawn anew at every step. @returns the batch of a step */
export function maskedBatches(
  split: PackedRows,
  vocabulary: MaskingVocabulary,
  options: MaskingOptions,
): (step: number) => MaskedBatch {
  const chosen = rowsOfSteps(split, options);
  return (step) => maskRows(split, chosen(step), vocabulary, { ...options, step });
}

/** The same masks of the same held-out rows, whenever it is asked: what perplexity is measured on. The last batch may be short. */
export function* heldOutBatches(
  split: PackedRows,
  vocabulary: MaskingVocabulary,
  { maxRows, ...options }: MaskingOptions & { readonly maxRows?: number },
): Generator<MaskedBatch> {
  const count = Math.min(split.rows, maxRows ?? split.rows);
  let step = 0;
  for (const chosen of firstRows(count, options.rows))
    yield maskRows(split, chosen, vocabulary, { ...options, step: step++ });
}
