/**
 * Acceptability in CoLA's shape, as pairs of one acceptable and one unacceptable sentence of the same words (in agreement, of words that
 * are as common in either class): only their order, and so agreement, binding and argument structure, tells them apart (kinds after Warstadt et al. 2019, 2020).
 */
import type { Draw } from './draw.js';
import { type Row, sentenceOf } from './row.js';
import { allMembers, COLORS, MEN, PEOPLE, PLACES, THINGS, TO_PEOPLE, TO_THINGS, WOMEN } from './words.js';

/** Acceptable, unacceptable. */
type Pair = readonly [string, string];

const OBJECTS = allMembers(THINGS);
const NAMES = [...MEN, ...WOMEN];
const plural = (noun: string): string => (/(s|ch)$/.test(noun) ? `${noun}es` : `${noun}s`);
const INTRANSITIVE = ['slept', 'arrived', 'smiled', 'laughed', 'fell', 'disappeared', 'coughed', 'cried'];
const FEELINGS = ['tired', 'happy', 'angry', 'famous', 'rich', 'ill', 'ready', 'afraid'];
const MASS = ['water', 'bread', 'milk', 'money', 'snow', 'sugar', 'rain', 'furniture'];
const WITH_PREPOSITION = [
  'waited for',
  'looked at',
  'laughed at',
  'relied on',
  'listened to',
  'talked to',
  'cared for',
];
const HURT = ['hurt', 'blamed', 'saved', 'defended', 'admired', 'praised'];
const SAID = ['said', 'thought', 'knew', 'believed', 'heard'];
const CHANGING = TO_THINGS.filter(({ past, participle }) => past !== participle);

/** The verb agrees with the head, not with the noun beside it. */
function agreement({ pick, several, coin }: Draw): Pair {
  const [head, other] = several(PEOPLE, 2) as [string, string];
  const [link, feeling, is] = [pick(['of', 'near', 'behind', 'with']), pick(FEELINGS), coin()];
  const one = `the ${head} ${link} the ${plural(other)} ${is ? 'is' : 'was'} ${feeling}`;
  const many = `the ${plural(head)} ${link} the ${other} ${is ? 'are' : 'were'} ${feeling}`;
  const wrong = [
    `the ${head} ${link} the ${plural(other)} ${is ? 'are' : 'were'} ${feeling}`,
    `the ${plural(head)} ${link} the ${other} ${is ? 'is' : 'was'} ${feeling}`,
  ] as const;
  return coin() ? [one, wrong[1]] : [many, wrong[0]];
}

/** A reflexive takes the nearest subject. */
function reflexive({ pick, coin }: Draw): Pair {
  const [man, woman, said, hurt] = [pick(MEN), pick(WOMEN), pick(SAID), pick(HURT)];
  const tell = (a: string, b: string, self: string): string => `${a} ${said} that ${b} ${hurt} ${self}`;
  return coin()
    ? [tell(woman, man, 'himself'), tell(man, woman, 'himself')]
    : [tell(man, woman, 'herself'), tell(woman, man, 'herself')];
}

/** An intransitive verb takes no object, a transitive one needs it. */
function transitivity({ pick, several }: Draw): Pair {
  const [a, b] = several(NAMES, 2) as [string, string];
  const [still, doing, thing, link] = [
    pick(INTRANSITIVE),
    pick(TO_THINGS).past,
    pick(OBJECTS),
    pick(['while', 'before', 'and']),
  ];
  return [
    `${a} ${still} ${link} ${b} ${doing} the ${thing}`,
    `${a} ${doing} ${link} ${b} ${still} the ${thing}`,
  ];
}

/** The participle after "has", the past elsewhere. */
function participle({ pick, several }: Draw): Pair {
  const [a, b] = several(NAMES, 2) as [string, string];
  const [{ past, participle: third }, [x, y]] = [pick(CHANGING), several(OBJECTS, 2) as [string, string]];
  const tell = (first: string, second: string): string =>
    `${a} has ${first} the ${x} because ${b} ${second} the ${y}`;
  return [tell(third, past), tell(past, third)];
}

/** The base form after "did". */
function question({ pick, several }: Draw): Pair {
  const [a, b] = several(NAMES, 2) as [string, string];
  const [first, second] = several(TO_THINGS, 2) as [(typeof TO_THINGS)[0], (typeof TO_THINGS)[0]];
  const thing = pick(OBJECTS);
  return [
    `did ${a} ${first.base} the ${thing} that ${b} ${second.past}?`,
    `did ${a} ${second.past} the ${thing} that ${b} ${first.base}?`,
  ];
}

/** "ever" needs a negative above it. */
function polarity({ pick, several }: Draw): Pair {
  const [a, b] = several(PEOPLE, 2) as [string, string];
  const [met, doing, thing] = [pick(TO_PEOPLE).past, pick(TO_THINGS).participle, pick(OBJECTS)];
  return [
    `no ${a} who ${met} the ${b} has ever ${doing} the ${thing}`,
    `the ${a} who ${met} no ${b} has ever ${doing} the ${thing}`,
  ];
}

/** A preposition stays with its verb. */
function preposition({ pick, several }: Draw): Pair {
  const [a, b, c] = several(NAMES, 3) as [string, string, string];
  const [[looked, at], helped] = [
    pick(WITH_PREPOSITION).split(' ') as [string, string],
    pick(TO_PEOPLE).past,
  ];
  return [`${a} ${looked} ${at} ${b} and ${helped} ${c}`, `${a} ${looked} ${b} and ${helped} ${at} ${c}`];
}

/** "much" with what cannot be counted, "many" with what can. */
function quantity({ pick }: Draw): Pair {
  const [person, mass, thing, place] = [pick(PEOPLE), pick(MASS), plural(pick(OBJECTS)), pick(PLACES)];
  const tell = (first: string, second: string): string =>
    `the ${person} did not see ${first} ${mass} or ${second} ${thing} ${place}`;
  return [tell('much', 'many'), tell('many', 'much')];
}

/** A demonstrative agrees with its noun. */
function demonstrative({ pick, several }: Draw): Pair {
  const [x, y] = several(OBJECTS, 2) as [string, string];
  const [name, { past }] = [pick(NAMES), pick(TO_THINGS)];
  const tell = (first: string, second: string): string =>
    `${name} ${past} ${first} ${plural(x)} and ${second} ${y}`;
  return [tell('these', 'this'), tell('this', 'these')];
}

/** The article stands before the adjective, the adverb not between verb and object, auxiliaries in their order. */
function order({ pick, below }: Draw): Pair {
  const [name, { past, participle: third }, thing, color] = [
    pick(NAMES),
    pick(TO_THINGS),
    pick(OBJECTS),
    pick(COLORS),
  ];
  const place = pick(PLACES);
  const adverb = pick(['quickly', 'quietly', 'slowly', 'carefully', 'suddenly']);
  const pairs: readonly Pair[] = [
    [`${name} ${past} the ${color} ${thing} ${place}`, `${name} ${past} ${color} the ${thing} ${place}`],
    [`${name} ${adverb} ${past} the ${thing} ${place}`, `${name} ${past} ${adverb} the ${thing} ${place}`],
    [`${name} must have ${third} the ${color} ${thing}`, `${name} have must ${third} the ${color} ${thing}`],
    [
      `the ${thing} had been ${third} by ${name} ${place}`,
      `the ${thing} been had ${third} by ${name} ${place}`,
    ],
  ];
  return pairs[below(pairs.length)] as Pair;
}

const KINDS = [
  agreement,
  reflexive,
  transitivity,
  participle,
  question,
  polarity,
  preposition,
  quantity,
  demonstrative,
  order,
];

export function acceptability(draw: Draw, index: number): Row[] {
  const [good, bad] = (KINDS[index % KINDS.length] as (draw: Draw) => Pair)(draw);
  return [
    { texts: [sentenceOf(good)], label: '1' },
    { texts: [sentenceOf(bad)], label: '0' },
  ];
}
