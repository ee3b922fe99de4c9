/**
 * SQuAD questions -> model inputs: sliding windows over long paragraphs, as Hugging Face's `run_qa` makes them, question
 * first, every window a feature of its own.
 *
 * A window is what `OnlySecond` truncation with a stride means in the `tokenizers` package. It is cut here because that
 * truncation loses text without a word (0.23.1 and 0.23.2: the text beyond the first `maxLength` tokens is dropped before
 * the overflowing windows are made, huggingface/tokenizers#2091), ends the process when a question leaves no room, and
 * would tokenise each paragraph once for every question. Encoding without truncation has none of these faults.
 */

import { DataError, UsageError } from '../errors.js';
import type { NativeTokenizer } from '../tokenizers/native.js';
import type { Feature } from './batch.js';
import {
  type EncodedContext,
  encodePairs,
  type PairEncoder,
  pairEncoder,
  pairRow,
  specialTokens,
} from './pair-encoding.js';
import { isInPlace, type SquadExample } from './squad.js';
import { type TokenRange, tokensOf, type WindowRange, windowRanges } from './window-ranges.js';

/** One window. In training `span` holds the row positions of the answer's first and last token, [0, 0] without answer. */
export interface SpanFeature extends Feature {
  readonly inputIds: Int32Array;
  readonly tokenTypeIds: Int32Array;
  /** Index of the question in the list of examples. */
  readonly example: number;
  /** Row position of the window's first context token. Positions before it, and the last separator, are no answer. */
  readonly contextStart: number;
  /** `[tokens, 2]`: UTF-16 start and end in the context of each context token of the window. */
  readonly offsets: Int32Array;
}

/** What became of the questions when they were cut into windows. */
export interface WindowReport {
  /** Questions windowed, those left out excepted. */
  readonly questions: number;
  /** Training: questions left out, as their answer is not in the context at its place. */
  readonly misplaced: number;
  /** Training: windows labelled [0, 0] although the question has an answer: it is outside, or only partly inside. */
  readonly windowsWithoutAnswer: number;
  /** Training: questions with an answer that no window holds whole; they train as if they had none. */
  readonly lost: number;
  /** Training: answers whose tokens cover more text than the answer, as one of its ends is inside a token. */
  readonly widened: number;
}

/** The windows of a split, and what became of its questions. */
export interface SpanWindows {
  readonly features: readonly SpanFeature[];
  readonly report: WindowReport;
}

/** How long paragraphs are cut. */
export interface WindowOptions {
  readonly purpose: 'train' | 'evaluate';
  /** Tokens in a row, special tokens included. Default 384. */
  readonly maxLength?: number;
  /** Context tokens that two neighbouring windows share. Default 128. */
  readonly docStride?: number;
  /** The file that the examples are from, for errors. */
  readonly path?: string;
  /** Called with questions done and questions in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Questions tokenised by one native call. */
const CHUNK = 1024;

/**
 * The windows of all examples, in order. Switches truncation and padding of the tokenizer off.
 * @throws DataError when a question leaves no room for its context, or the tokenizer has no template for pairs;
 * UsageError for a size that is no whole number or impossible
 * @param options lengths in tokens
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const { examples } = await datasets.readSquadSplit('embedded', '1.1', 'dev', { maxExamples: 5 });
 * const { tokenizer } = await tokenizers.loadTokenizer('models/tiny');
 * const options = { purpose: 'evaluate', maxLength: 96, docStride: 16 } as const;
 * const { features, report } = await datasets.buildWindows(examples, tokenizer, options);
 * console.log(report.questions, features.length >= 5); // 5 true
 * ```
 */
export async function buildWindows(
  examples: readonly SquadExample[],
  tokenizer: NativeTokenizer,
  { purpose, maxLength = 384, docStride = 128, path, onProgress }: WindowOptions,
): Promise<SpanWindows> {
  if (!Number.isInteger(maxLength) || !Number.isInteger(docStride) || docStride < 0 || maxLength <= docStride)
    throw new UsageError(
      `maximum length ${maxLength}, document stride ${docStride}: expected whole numbers, the length above the stride, the stride 0 or more.`,
    );
  const encoder = await pairEncoder(tokenizer);
  const size = { maxLength, docStride, path };
  const features: SpanFeature[] = [];
  const report = { questions: 0, misplaced: 0, windowsWithoutAnswer: 0, lost: 0, widened: 0 };
  for (let from = 0; from < examples.length; from += CHUNK) {
    const chunk = examples.slice(from, from + CHUNK);
    const questions = await encodePairs(encoder, chunk);
    for (const [i, example] of chunk.entries()) {
      const answer = purpose === 'train' ? example.answers[0] : undefined;
      if (answer && !isInPlace(example.context, answer)) {
        report.misplaced++;
        continue;
      }
      report.questions++;
      const windows = windowsOf(encoder, size, example, from + i, questions[i] as number[]);
      for (const w of purpose === 'train' ? labelled(windows, encoder, example, report) : windows)
        features.push(w.feature);
    }
    onProgress?.(Math.min(from + CHUNK, examples.length), examples.length);
  }
  return { features, report };
}

interface WindowSize {
  readonly maxLength: number;
  readonly docStride: number;
  readonly path: string | undefined;
}

interface Placed {
  readonly feature: SpanFeature;
  /** Which context tokens the window holds. */
  readonly range: WindowRange;
}

function windowsOf(
  encoder: PairEncoder,
  size: WindowSize,
  example: SquadExample,
  index: number,
  question: readonly number[],
): Placed[] {
  const { ids, offsets } = encoder.contexts.get(example.context) as EncodedContext;
  const room = size.maxLength - question.length - specialTokens(encoder.template);
  if (ids.length > room && room <= size.docStride) throw noRoom(size, example, question.length, room);
  return windowRanges(ids.length, room, size.docStride).map((range) => {
    const row = pairRow(encoder, question, ids.subarray(range.start, range.end));
    const windowOffsets = offsets.subarray(2 * range.start, 2 * range.end);
    return { range, feature: { ...row, example: index, offsets: windowOffsets } };
  });
}

function noRoom(
  { maxLength, docStride, path }: WindowSize,
  { id }: SquadExample,
  tokens: number,
  room: number,
): DataError {
  return new DataError(
    `${path === undefined ? '' : `${path}: `}question ${id}: its ${tokens} tokens leave ${Math.max(room, 0)} of ${maxLength} for the context, which must be more than the document stride ${docStride}. Raise the maximum length, lower the stride, or leave the question out.`,
  );
}

/**
 * Adds the answer's row positions; only the first reference answer counts.
 * Deviation: `run_qa` walks from the window's ends and labels an answer in the window's very last token with the last
 * padding position, and an answer that starts at a blank with the token before it. Here it is the tokens that overlap.
 */
function labelled(
  windows: readonly Placed[],
  encoder: PairEncoder,
  { context, answers: [answer] }: SquadExample,
  report: { -readonly [K in keyof WindowReport]: number },
): Placed[] {
  const { offsets } = encoder.contexts.get(context) as EncodedContext;
  const end = answer ? answer.start + answer.text.length : 0;
  const tokens = answer && tokensOf(offsets, answer.start, end);
  const placed = windows.map((w) => ({ ...w, feature: { ...w.feature, span: spanIn(w, tokens) } }));
  if (!answer) return placed;
  const without = placed.filter(({ feature }) => feature.span[1] === 0).length;
  report.windowsWithoutAnswer += without;
  if (without === placed.length) report.lost++;
  if (tokens && (offsets[2 * tokens.first]! < answer.start || offsets[2 * tokens.last + 1]! > end))
    report.widened++;
  return placed;
}

function spanIn({ range, feature }: Placed, tokens: TokenRange | undefined): readonly [number, number] {
  if (!tokens || tokens.first < range.start || tokens.last >= range.end) return [0, 0];
  const shift = feature.contextStart - range.start;
  return [tokens.first + shift, tokens.last + shift];
}

/**
 * The text of the context from row position `first` to `last` of a window; undefined outside the context.
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const [example] = (await datasets.readSquadSplit('embedded', '1.1', 'dev')).examples;
 * const { tokenizer } = await tokenizers.loadTokenizer('models/tiny');
 * const { features } = await datasets.buildWindows([example], tokenizer, { purpose: 'train' });
 * const [first, last] = features[0].span ?? [0, 0];
 * console.log(datasets.spanText(example.context, features[0], first, last) === example.answers[0].text); // true
 * ```
 */
export function spanText(
  context: string,
  feature: SpanFeature,
  first: number,
  last: number,
): string | undefined {
  const start = feature.offsets[2 * (first - feature.contextStart)];
  const end = feature.offsets[2 * (last - feature.contextStart) + 1];
  return start === undefined || end === undefined ? undefined : context.slice(start, end);
}

/** One line on what training will not see, or undefined. */
export function describeWindows({ report, features }: SpanWindows): string | undefined {
  const { questions, misplaced, lost, windowsWithoutAnswer: without } = report;
  if (misplaced + lost + without === 0) return undefined;
  return `${questions} questions in ${features.length} windows; ${without} windows do not hold the whole answer, ${lost} answers are in none, ${misplaced} questions left out (answer not at its place).`;
}
