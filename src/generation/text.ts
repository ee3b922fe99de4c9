/** Ids -> text while it grows: pieces to show, and the strings that end it. */
import { UsageError } from '../errors.js';

/** Ids -> their text, as a tokenizer's `decode` without special tokens. */
export type Decode = (ids: number[]) => Promise<string> | string;

/** The first stop string's place in a text; -1 where there is none. */
function stopPlace(text: string, stopStrings: readonly string[]): number {
  const places = stopStrings.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/**
 * Whether added ids spell a stop string: what `decode` and `beamSearch` take as `stops`.
 * @throws UsageError for an empty stop string
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 *
 * const letters = (ids: number[]): string => ids.map((id) => String.fromCharCode(97 + id)).join('');
 * const stops = generation.stopsAt(letters, ['bad']);
 * console.log(await stops([2, 1, 0]), await stops([2, 1, 0, 3])); // false true
 * ```
 */
export function stopsAt(
  decode: Decode,
  stopStrings: readonly string[],
): (newIds: readonly number[]) => Promise<boolean> {
  if (stopStrings.includes('')) throw new UsageError('stopStrings: an empty one would end every text');
  // A token has a byte at least, so that the last ids spell any stop string that the last one of them completes.
  const tail = Math.max(0, ...stopStrings.map((stop) => Buffer.byteLength(stop))) + 1;
  return async (newIds) =>
    stopStrings.length > 0 && stopPlace(await decode(newIds.slice(-tail)), stopStrings) >= 0;
}

/** Characters at the end of a text that may be the beginning of a stop string. */
function heldBack(text: string, stopStrings: readonly string[]): number {
  const longest = Math.max(0, ...stopStrings.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--)
    if (stopStrings.some((stop) => stop.startsWith(text.slice(-length)))) return length;
  return 0;
}

/** What stands for bytes that are no whole character yet. */
const INCOMPLETE = '\ufffd';

/**
 * Text in pieces, as ids come (HF `TextStreamer`): a piece ends with a whole character, and no piece holds a stop string or what may become one.
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 *
 * const letters = (ids: number[]): string => ids.map((id) => String.fromCharCode(97 + id)).join('');
 * let text = '';
 * for await (const piece of generation.textPieces([7, 8, 2, 0, 1], letters, ['ca'])) text += piece;
 * console.log(text); // hi
 * ```
 */
export async function* textPieces(
  ids: AsyncIterable<number> | Iterable<number>,
  decode: Decode,
  stopStrings: readonly string[] = [],
): AsyncGenerator<string> {
  const all: number[] = [];
  let shown = 0;
  let text = '';
  for await (const id of ids) {
    all.push(id);
    text = await decode([...all]);
    const stop = stopPlace(text, stopStrings);
    if (stop >= 0) {
      if (stop > shown) yield text.slice(shown, stop);
      return;
    }
    if (text.endsWith(INCOMPLETE)) continue;
    const end = text.length - heldBack(text, stopStrings);
    if (end <= shown) continue;
    yield text.slice(shown, end);
    shown = end;
  }
  if (text.length > shown) yield text.slice(shown);
}
