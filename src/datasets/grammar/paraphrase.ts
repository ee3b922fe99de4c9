/**
 * Paraphrase in MRPC's and QQP's shape. Both classes reword (voice, order, synonyms); what differs is who did what to whom, or which
 * clause a word belongs to, so that the words shared by the two texts say next to nothing.
 */
import type { Draw } from './draw.js';
import {
  ARTICLE,
  anyManner,
  clauseOf,
  type Event,
  eventUnlike,
  humanEvent,
  otherManner,
  tell,
  thingEvent,
} from './event.js';
import { type Row, sentenceOf } from './row.js';
import { allMembers, CITIES, PEOPLE, THINGS, TO_PEOPLE } from './words.js';

const swapped = (event: Event): Event => ({ ...event, agent: event.patient, patient: event.agent });

/** Who and whom exchanged, or not. */
function roles(same: boolean, draw: Draw): [string, string] {
  const event = humanEvent(draw);
  const manner = anyManner(draw);
  return [tell(event, manner), tell(same ? event : swapped(event), otherManner(draw, manner))];
}

/** Two events; one fact changes hands between them, or not. */
function twoEvents(same: boolean, draw: Draw): [string, string] {
  const a = thingEvent(draw);
  const b = eventUnlike(a, () => humanEvent(draw));
  const fact = draw.pick(['agent', 'place', 'time'] as const);
  const crossed = [
    { ...a, [fact]: b[fact] },
    { ...b, [fact]: a[fact] },
  ] as const;
  const [c, d] = same ? [a, b] : crossed;
  const link = draw.pick([', and', ', while', ', but']);
  const [first, second] = [anyManner(draw), anyManner(draw)];
  return [
    sentenceOf(clauseOf(a, first), link, clauseOf(b, second)),
    sentenceOf(clauseOf(d, otherManner(draw, second)), link, clauseOf(c, otherManner(draw, first))),
  ];
}

/** What one person said of another: the speaker changes, or not. */
function report(same: boolean, draw: Draw): [string, string] {
  const event = humanEvent(draw);
  const manner = { ...anyManner(draw), fronted: false };
  const speaker =
    ARTICLE + draw.pick(PEOPLE.filter((who) => !`${event.agent} ${event.patient}`.includes(who)));
  const [other, heard] = same ? [speaker, event] : [event.agent, { ...event, agent: speaker }];
  const clause = clauseOf(heard, { ...otherManner(draw, manner), fronted: false });
  return [
    sentenceOf(speaker, 'said that', clauseOf(event, manner)),
    sentenceOf('according to', other, ',', clause),
  ];
}

/** MRPC: labels alternate. */
export function paraphrase(draw: Draw, index: number): Row[] {
  const same = index % 2 === 1;
  const [first, second] = draw.pick([roles, twoEvents, report])(same, draw);
  return [{ texts: [first, second], label: same ? '1' : '0' }];
}

type Questions = (same: boolean, draw: Draw) => [string, string];

/** Asking for the one who did it, or for the other one. */
const whoDidIt: Questions = (same, draw) => {
  const { pick } = draw;
  const [verb, who, place] = [
    pick(TO_PEOPLE),
    ARTICLE + pick(PEOPLE),
    pick(['', 'in 1995', 'in the end', 'last week']),
  ];
  const other = (draw.coin() && verb.synonym) || verb;
  const agent = [
    `Who ${verb.past} ${who} ${place}?`,
    `By which person was ${who} ${other.participle} ${place}?`,
    `Who was ${who} ${other.participle} by ${place}?`,
  ];
  const patient = [
    `Who did ${who} ${verb.base} ${place}?`,
    `Which person did ${who} ${other.base} ${place}?`,
    `Who was ${other.participle} by ${who} ${place}?`,
  ];
  const [asked, unasked] = draw.coin() ? [agent, patient] : [patient, agent];
  const [first, second] = draw.several(asked, 2) as [string, string];
  return [first, same ? second : pick(unasked)].map((text) =>
    text.replace(/\s+/g, ' ').replace(' ?', '?'),
  ) as [string, string];
};

/** The way there is not the way back. */
const journey: Questions = (same, { several, pick }) => {
  const [from, to] = several(CITIES, 2) as [string, string];
  const by = pick(['by train', 'by car', 'by bus', 'by ship', 'on foot']);
  const ask = (a: string, b: string): readonly string[] => [
    `How do I get from ${a} to ${b} ${by}?`,
    `What is the best way to reach ${b} from ${a} ${by}?`,
    `How long does it take to go to ${b} ${by} if I start in ${a}?`,
    `If I leave ${a} ${by}, how can I get to ${b}?`,
  ];
  const kinds = several([0, 1, 3], 2) as [number, number];
  return [ask(from, to)[kinds[0]] as string, (same ? ask(from, to) : ask(to, from))[kinds[1]] as string];
};

/** "Bigger" one way is "smaller" the other way. */
const comparison: Questions = (same, { several, pick, coin }) => {
  const [a, b] = several(
    [...allMembers(THINGS.slice(3)), 'lion', 'wolf', 'bear', 'fox', 'tiger', 'whale'],
    2,
  ) as [string, string];
  const [more, less] = several(
    pick([
      ['bigger', 'smaller'],
      ['faster', 'slower'],
      ['heavier', 'lighter'],
      ['older', 'younger'],
      ['stronger', 'weaker'],
    ]),
    2,
  ) as [string, string];
  const article = (): string => (coin() ? 'a' : 'the');
  const is = (x: string, how: string, y: string): string =>
    `Is ${article()} ${x} ${how} than ${article()} ${y}?`;
  const true_ = (x: string, how: string, y: string): string =>
    `Is it true that ${article()} ${x} is ${how} than ${article()} ${y}?`;
  const [first, second] = coin() ? [is, true_] : [true_, is];
  // The converse is the same question, and either change alone another one.
  const turned = coin();
  const how = same === turned ? less : more;
  return [first(a, more, b), turned ? second(b, how, a) : second(a, how, b)];
};

/** Using one thing in place of another. */
const instead: Questions = (same, { several, pick }) => {
  const [a, b] = several(
    ['milk', 'water', 'sugar', 'salt', 'oil', 'butter', 'rice', 'bread', 'wine', 'honey'],
    2,
  ) as [string, string];
  const what = pick(['cook', 'make soup', 'bake a cake', 'feed a child', 'make breakfast', 'prepare fish']);
  const ask = (x: string, y: string): readonly string[] => [
    `Can I use ${x} instead of ${y} to ${what}?`,
    `Is it possible to ${what} with ${x} and not with ${y}?`,
    `Can ${y} be replaced by ${x} when I ${what}?`,
  ];
  const [i, j] = several([0, 1, 2], 2) as [number, number];
  return [ask(a, b)[i] as string, (same ? ask(a, b) : ask(b, a))[j] as string];
};

/** QQP: labels alternate. */
export function duplicate(draw: Draw, index: number): Row[] {
  const same = index % 2 === 1;
  const texts = draw.pick([whoDidIt, whoDidIt, journey, comparison, instead])(same, draw);
  return [{ texts, label: same ? '1' : '0' }];
}
