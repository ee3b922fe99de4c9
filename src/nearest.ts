/** What a mistyped name was meant to be. */
import { closest, distance } from 'fastest-levenshtein';

/** Of a name's letters, at most so many wrong. */
const MOST_WRONG = 0.5;

const plain = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, '');

/** ` (did you mean 'cola'?)`, or nothing where no known name is near. Case, hyphens and underscores count for nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const byPlain = new Map(known.map((each) => [plain(each), each]));
  const nearest = closest(plain(name), [...byPlain.keys()]);
  const wrong = distance(plain(name), nearest);
  const letters = Math.max(nearest.length, plain(name).length);
  return wrong <= Math.max(1, MOST_WRONG * letters) && letters > 1
    ? ` (did you mean '${byPlain.get(nearest)}'?)`
    : '';
}

/** `unknown task 'coal' (did you mean 'cola'?); known: cola, sst2` */
export const unknownName = (what: string, name: string, known: readonly string[]): string =>
  `unknown ${what} '${name}'${didYouMean(name, known)}; known: ${known.join(', ')}`;
