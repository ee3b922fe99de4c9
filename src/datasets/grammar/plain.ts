/**
 * Plain sentences, whose labels follow from words that stand there: what a small model learns from some hundred rows, in seconds, so that
 * methods can be compared with several seeds while one waits. `--data plain`.
 */
import type { Draw } from './draw.js';
import type { GeneratedParagraph } from './paragraphs.js';
import type { Row } from './row.js';
import { BAD, GOOD, SUBJECTS } from './sentiment.js';
import { words } from './words.js';

/** SST-2's shape: one to three opinions of one kind. Labels alternate. */
export function plainSentiment({ pick, several, below }: Draw, index: number): Row[] {
  const positive = index % 2 === 1;
  const opinions = several(SUBJECTS, 1 + below(3)).map(
    (subject) =>
      `${subject} is ${pick(['', '', 'really ', 'quite ', 'very '])}${pick(positive ? GOOD : BAD)}`,
  );
  return [{ texts: [opinions.join(' and ')], label: String(index % 2) }];
}

const THINGS = words(
  'map, key, ladder, lamp, book, coat, letter, hammer, clock, basket, violin, chair, drum, rope, candle',
);
const PLACES = words(
  'the yard, the cellar, the shed, the attic, the hall, the kitchen, the garden, the office',
);
const NAMES = words('Frank, Clara, Boris, David, Anna, Helen, Peter, Susan, Martin, Laura, Paul, Ruth');

const enumeration = (things: readonly string[]): string =>
  `${things
    .slice(0, -1)
    .map((thing) => `a ${thing}`)
    .join(', ')} and a ${things.at(-1)}`;

/** STS-B's shape: a point for each of five things that both sentences name. Scores go round: 0, 1 ... 5. */
export function plainSimilarity({ pick, several }: Draw, index: number): Row[] {
  const score = index % 6;
  const things = several(THINGS, 10 - score);
  const [first, second] = [things.slice(0, 5), [...things.slice(5), ...things.slice(0, score)]];
  const [here, there] = several(NAMES, 2) as [string, string];
  return [
    {
      texts: [
        `${here} keeps ${enumeration(first)} in ${pick(PLACES)}.`,
        `${there} has ${enumeration(several(second, 5))}.`,
      ],
      label: `${score}.000`,
    },
  ];
}

/** SQuAD's shape: who keeps what where, twice; one asks for a name, or for a place. */
export function plainParagraph({ pick, several, coin }: Draw): GeneratedParagraph {
  const [names, things, places] = [several(NAMES, 2), several(THINGS, 2), several(PLACES, 2)];
  const context = names.map((name, i) => `${name} keeps the ${things[i]} in ${places[i]}.`).join(' ');
  const questions = several([0, 1], 2).map((i) => {
    const [name, thing, place] = [names[i], things[i], places[i]] as [string, string, string];
    const wantsName = coin();
    const text = wantsName ? name : place;
    const question = wantsName
      ? `Who keeps the ${thing}?`
      : pick([`Where is the ${thing}?`, `Where does ${name} keep the ${thing}?`]);
    return { question, answer: { text, start: context.indexOf(text) } };
  });
  return { title: 'Things', context, questions };
}
