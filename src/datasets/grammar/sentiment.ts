/**
 * Sentiment in SST-2's shape: lower case, words and marks apart. Negation ("not dull"), contrast ("fine , but in the end ..."), wishes
 * ("if only it were funny") and opinions that the writer corrects make word counts alone fall short.
 */
import type { Draw } from './draw.js';
import type { Row } from './row.js';
import { words } from './words.js';

export const SUBJECTS = words(`
  the film, this story, the script, the cast, the ending, the music, the second half, the director, the plot, the dialogue, the lead,
  the opening, the main character, this comedy, the picture, the acting, the humor, this drama, the final scene, the performance
`);
export const GOOD = words(`
  moving, bright, warm, funny, gripping, graceful, sharp, honest, exciting, tender, original, delightful, beautiful, brilliant, charming,
  clever, elegant, entertaining, excellent, fascinating, fresh, great, impressive, intelligent, lively, lovely, memorable, perfect,
  powerful, smart, strong, superb, touching, wonderful, fine, good, rich, satisfying
`);
export const BAD = words(`
  dull, clumsy, cold, tired, shallow, messy, forced, bland, pointless, slow, lifeless, awkward, awful, bad, boring, cheap, confused,
  dreadful, empty, false, flat, foolish, hollow, lame, lazy, mediocre, painful, poor, predictable, silly, stupid, terrible, thin, ugly,
  unpleasant, weak, wooden, worthless
`);
const ADVERBS = ['', '', 'really', 'quite', 'often', 'rather', 'truly', 'very', 'always'];
const NEGATIONS = [
  'is not',
  'is never',
  'is hardly',
  'is far from',
  'is anything but',
  'is not at all',
  'is in no way',
];
const DOUBTERS = ['critics', 'some friends', 'the posters', 'early reviews', 'my neighbors', 'most people'];

/** Plain, or denied: the adjective is of the other kind then. */
function clause(positive: boolean, subject: string, { pick, below }: Draw): string {
  const denied = below(5) < 2;
  const adjective = pick(positive !== denied ? GOOD : BAD);
  if (!denied) return `${subject} is ${pick(ADVERBS)} ${adjective}`;
  const ways = [
    `${subject} ${pick(NEGATIONS)} ${adjective}`,
    `nothing about ${subject} is ${adjective}`,
    `nobody would call ${subject} ${adjective}`,
    `${subject} is less ${adjective} than expected`,
  ];
  if (
    adjective.match(
      /^(bad|good|cold|warm|sharp|bright|cheap|slow|fine|great|rich|thin|smart|weak|poor|strong)$/,
    )
  )
    ways.pop();
  return pick(ways);
}

/** Contrast: the clause that the writer stands by decides, wherever it is. */
function contrast(last: string, other: string, { pick }: Draw): string {
  return pick([
    `${other} , but in the end ${last}`,
    `although ${other} , ${last}`,
    `${last} , even if ${other}`,
    `${pick(DOUBTERS)} say that ${other} , yet ${last}`,
    `i expected that ${other} , and i was wrong : ${last}`,
    `${last} , whatever ${pick(DOUBTERS)} say : to them ${other}`,
  ]);
}

/** A wish: what is wished for is not there. */
function wish(positive: boolean, { pick }: Draw): string {
  const [subject, adjective] = [pick(SUBJECTS), pick(positive ? BAD : GOOD)];
  return pick(
    positive
      ? [
          `it would be easy to expect that ${subject} is ${adjective} , and wrong`,
          `i was afraid that ${subject} would be ${adjective} , and it never was`,
        ]
      : [
          `if only ${subject} were ${adjective}`,
          `${subject} could have been ${adjective}`,
          `i hoped that ${subject} would be ${adjective} , and it never was`,
        ],
  );
}

function sentence(positive: boolean, draw: Draw): string {
  const [one, two] = draw.several(SUBJECTS, 2) as [string, string];
  const last = clause(positive, one, draw);
  const kind = draw.below(10);
  if (kind < 2) return last;
  if (kind < 4) return `${last} and ${clause(positive, two, draw)}`;
  return kind < 9 ? contrast(last, clause(!positive, two, draw), draw) : wish(positive, draw);
}

/** One row; labels alternate. */
export const sentiment = (draw: Draw, index: number): Row[] => [
  { texts: [sentence(index % 2 === 1, draw).replace(/\s+/g, ' ')], label: String(index % 2) },
];
