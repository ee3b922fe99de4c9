/**
 * A sentiment task of our own, in SST-2's layout, written by a small grammar from a seed: what notebooks and the default run use where
 * no real data is at hand. Negation ("not dull"), contrast ("fine, but the ending ruins it") and reported opinion make word counts alone
 * fall short; by construction no label is wrong, so the ceiling is 100 %.
 */
import { fillBits, STREAM } from '../random.js';

const SUBJECTS = [
  'the film',
  'this story',
  'the script',
  'the cast',
  'the ending',
  'the music',
  'the second half',
  'the director',
  'the plot',
  'the dialogue',
  'the lead',
  'the pacing',
];
const GOOD = [
  'moving',
  'bright',
  'warm',
  'funny',
  'gripping',
  'graceful',
  'sharp',
  'honest',
  'thrilling',
  'tender',
  'inventive',
  'delightful',
];
const BAD = [
  'dull',
  'clumsy',
  'cold',
  'tired',
  'shallow',
  'messy',
  'forced',
  'bland',
  'pointless',
  'tedious',
  'lifeless',
  'awkward',
];
const ADVERBS = ['', 'really', 'quite', 'often', 'surprisingly', 'rather', 'truly'];
const NEGATIONS = ['is not', 'is never', 'is hardly', 'is far from', 'is anything but'];
const DOUBTERS = ['critics', 'some friends', 'the posters', 'early reviews', 'my neighbours'];

type Pick = (choices: readonly string[]) => string;

/** A clause of the given sentiment, plain or by negation. */
function clause(positive: boolean, pick: Pick, coin: () => boolean): string {
  const negated = coin() && coin();
  const adjective = pick(positive !== negated ? GOOD : BAD);
  if (negated) return `${pick(SUBJECTS)} ${pick(NEGATIONS)} ${adjective}`;
  const adverb = pick(ADVERBS);
  return `${pick(SUBJECTS)} is ${adverb ? `${adverb} ` : ''}${adjective}`;
}

/** A sentence: one clause, a contrast whose last clause decides, or an opinion that the writer corrects. */
function sentence(positive: boolean, pick: Pick, coin: () => boolean): string {
  const last = clause(positive, pick, coin);
  if (coin()) return coin() ? last : `${last} and ${clause(positive, pick, coin)}`;
  const other = clause(!positive, pick, coin);
  if (coin()) return `${other} , but in the end ${last}`;
  return coin() ? `although ${other} , ${last}` : `${pick(DOUBTERS)} say that ${other} , yet ${last}`;
}

export interface GeneratedRow {
  readonly sentence: string;
  readonly label: 0 | 1;
}

/** `count` distinct rows, half of each label, in an order that depends on the seed alone. */
export function generatedSentiment(count: number, seed: number): GeneratedRow[] {
  const seen = new Set<string>();
  const rows: GeneratedRow[] = [];
  for (let step = 0; rows.length < count; step++) {
    const bits = fillBits({ seed, stream: STREAM.generate, step }, new Uint32Array(64));
    let at = 0;
    const pick: Pick = (choices) => choices[(bits[at++] as number) % choices.length] as string;
    const coin = (): boolean => ((bits[at++] as number) & 0x8000) !== 0;
    const label = (rows.length % 2) as 0 | 1;
    const text = sentence(label === 1, pick, coin);
    if (!seen.has(text)) rows.push({ sentence: text, label });
    seen.add(text);
  }
  return rows;
}

/** The files of the task: GLUE's TSV text by file name. No row of dev is in train. */
export function generatedFiles(train: number, dev: number, seed: number): Readonly<Record<string, string>> {
  const rows = generatedSentiment(train + dev, seed);
  const tsv = (part: readonly GeneratedRow[]): string =>
    `${['sentence\tlabel', ...part.map(({ sentence: text, label }) => `${text}\t${label}`)].join('\n')}\n`;
  return { 'train.tsv': tsv(rows.slice(0, train)), 'dev.tsv': tsv(rows.slice(train)) };
}
