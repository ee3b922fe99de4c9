/**
 * Pronouns in WNLI's shape (Levesque et al. 2012): a pair of texts that differ in one word, which turns whom "it" or "he" means, and for
 * each the hypothesis with either noun. Neither word nor noun alone tells the label.
 */
import type { Draw } from './draw.js';
import { type Row, sentenceOf } from './row.js';
import { MEN, PEOPLE, WOMEN } from './words.js';

/** Texts with `A`, `B` and `it`; the first word makes the pronoun A, the second B. */
interface Schema {
  readonly text: string;
  readonly hypothesis: string;
  readonly words: readonly [readonly string[], readonly string[]];
  readonly a: readonly string[];
  readonly b: readonly string[];
}

const list = (text: string): string[] => text.split(/,\s*/);
const CONTAINERS = list('suitcase, box, bag, drawer, basket, trunk, car');
const CONTENTS = list('trophy, violin, lamp, clock, bottle, statue, radio, helmet');

const THINGS: readonly Schema[] = [
  {
    text: 'the A does not fit into the B because it is too #',
    hypothesis: 'is too #',
    words: [list('big, large, wide, tall'), list('small, narrow, little, short')],
    a: CONTENTS,
    b: CONTAINERS,
  },
  {
    text: 'the A fell through the B because it was #',
    hypothesis: 'was #',
    words: [list('heavy, made of steel'), list('weak, old and thin, made of paper')],
    a: list('stone, hammer, safe, piano, ball'),
    b: list('table, floor, roof, shelf, ice'),
  },
  {
    text: 'we poured water from the A into the B until it was #',
    hypothesis: 'was #',
    words: [list('empty'), list('full')],
    a: list('bottle, bucket, jug, barrel'),
    b: list('cup, glass, bowl, pot, bath'),
  },
  {
    text: 'the A cannot pass under the B because it is too #',
    hypothesis: 'is too #',
    words: [list('high, tall, large'), list('low, small')],
    a: list('truck, bus, ship, train, boat'),
    b: list('bridge, gate, arch, wire'),
  },
  {
    text: 'the A could not cut the B because it was too #',
    hypothesis: 'was too #',
    words: [list('blunt, dull, weak'), list('hard, thick, tough')],
    a: list('knife, saw, axe, sword'),
    b: list('meat, rope, bread, wood, branch'),
  },
  {
    text: 'the A reached the station before the B because it was so #',
    hypothesis: 'was #',
    words: [list('fast, quick'), list('slow, late')],
    a: list('bus, train, taxi, car'),
    b: list('bicycle, tram, cart, truck'),
  },
];

const HUMAN: readonly Schema[] = [
  {
    text: 'A could not lift B because IT was too #',
    hypothesis: 'was too #',
    words: [list('weak, small, tired'), list('heavy, fat, big')],
    a: [],
    b: [],
  },
  {
    text: 'A lent B money because IT was #',
    hypothesis: 'was #',
    words: [list('rich, generous'), list('poor, in debt')],
    a: [],
    b: [],
  },
  {
    text: 'A asked B a question, but IT did not #',
    hypothesis: 'did not #',
    words: [list('get an answer, understand the reply'), list('answer, reply, know the answer')],
    a: [],
    b: [],
  },
  {
    text: 'A thanked B for the help that IT had #',
    hypothesis: 'had # help',
    words: [list('received, got'), list('given, offered')],
    a: [],
    b: [],
  },
  {
    text: 'A beat B in the race because IT was so #',
    hypothesis: 'was #',
    words: [list('fast, quick, strong'), list('slow, tired, weak')],
    a: [],
    b: [],
  },
  {
    text: 'A paid B after IT had # the car',
    hypothesis: 'had # the car',
    words: [list('received, bought'), list('delivered, sold, repaired')],
    a: [],
    b: [],
  },
  {
    text: 'A knocked on the door of B, but IT did not #',
    hypothesis: 'did not #',
    words: [list('get in, get an answer'), list('open, answer, hear it')],
    a: [],
    b: [],
  },
];

/** What stands for A and B, and the pronoun. */
function nouns(schema: Schema, { several, pick, below }: Draw): [string, string, string] {
  if (schema.a.length > 0) return [pick(schema.a), pick(schema.b), 'it'];
  const kind = below(3);
  if (kind === 2) return [...several(PEOPLE, 2).map((who) => `the ${who}`), 'he'] as [string, string, string];
  return [...several(kind === 0 ? MEN : WOMEN, 2), kind === 0 ? 'he' : 'she'] as [string, string, string];
}

/** Four rows: two words, two nouns. */
export function pronouns(draw: Draw, index: number): Row[] {
  const schemas = index % 2 === 0 ? THINGS : HUMAN;
  const schema = draw.pick(schemas);
  const [a, b, it] = nouns(schema, draw);
  const the = schemas === THINGS ? 'the ' : '';
  const fill = (word: string): string =>
    schema.text.replace('#', word).replace('IT', it).replace('A', a).replace(/\bB\b/, b);
  return schema.words.flatMap((choices, which) => {
    const word = draw.pick(choices);
    return [a, b].map(
      (noun, i): Row => ({
        texts: [sentenceOf(fill(word)), sentenceOf(`${the}${noun} ${schema.hypothesis.replace('#', word)}`)],
        label: i === which ? '1' : '0',
      }),
    );
  });
}
