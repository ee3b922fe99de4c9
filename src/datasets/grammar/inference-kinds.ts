/**
 * Kinds of inference: a premise, and hypotheses of which one follows, one contradicts and one does neither. Order, comparison, roles,
 * quantifiers and verbs that imply carry the meaning.
 */
import type { Draw } from './draw.js';
import { ARTICLE, anyManner, coreClause, humanEvent, tell } from './event.js';
import { sentenceOf, withArticle } from './row.js';
import { type Kind, PLACES, TIMES, TO_PEOPLE, TO_THINGS } from './words.js';

/** Where the words come from. */
export interface World {
  readonly people: readonly string[];
  readonly things: readonly Kind[];
}

export interface Inference {
  readonly premise: string;
  /** A premise under which both other hypotheses are open, so that hypotheses alone tell nothing. */
  readonly open?: string;
  readonly entailment: string;
  readonly neutral: string;
  readonly contradiction: string;
}
export type Kinds = (draw: Draw, world: World) => Inference;

const three = ({ several }: Draw, { people }: World): [string, string, string] =>
  several(people, 3).map((who) => ARTICLE + who) as [string, string, string];

const HAPPENED = [
  'arrived',
  'left',
  'spoke',
  'woke up',
  'finished the work',
  'went home',
  'sat down',
  'died',
];

/** Before and after. */
const order: Kinds = (draw, world) => {
  const [a, b, c] = three(draw, world);
  const happened = draw.pick(HAPPENED);
  const [before, after] = draw.coin() ? ['after', 'before'] : ['before', 'after'];
  const time = draw.coin() ? draw.pick(TIMES) : '';
  const say = (x: string, link: string, y: string): string => sentenceOf(`${x} ${happened} ${link} ${y}`);
  const [one, other] = draw.several([a, c], 2) as [string, string];
  return {
    premise: sentenceOf(`${time} ${a} and ${c} ${happened} ${before} ${b}`),
    entailment: say(b, after, one),
    neutral: draw.pick([say(one, before, other), say(one, after, other)]),
    contradiction: draw.pick([say(b, before, one), say(one, after, b)]),
  };
};

const SCALES = [
  ['taller', 'shorter'],
  ['older', 'younger'],
  ['richer', 'poorer'],
  ['stronger', 'weaker'],
  ['faster', 'slower'],
  ['happier', 'sadder'],
] as const;

/** More and less. */
const comparison: Kinds = (draw, world) => {
  const [a, b, c] = three(draw, world);
  const [more, less] = draw.several(draw.pick(SCALES), 2) as [string, string];
  const say = (x: string, how: string, y: string): string => sentenceOf(`${x} is ${how} than ${y}`);
  if (draw.coin()) {
    const [one, other] = draw.several([a, c], 2) as [string, string];
    return {
      premise: draw.pick([
        sentenceOf(`${a} and ${c} are ${more} than ${b}`),
        sentenceOf(`${b} is ${less} than ${a} and ${c}`),
      ]),
      entailment: draw.pick([say(one, more, b), say(b, less, one)]),
      neutral: draw.pick([say(one, more, other), say(one, less, other)]),
      contradiction: draw.pick([say(b, more, one), say(one, less, b)]),
    };
  }
  const elsewhere = draw.pick(
    draw.pick(SCALES.filter(([first, second]) => first !== more && second !== more)),
  );
  return {
    premise: sentenceOf(`${a} is ${more} than ${b}, and ${b} is ${more} than ${c}`),
    entailment: draw.pick([say(a, more, c), say(c, less, a), say(c, less, b)]),
    neutral: draw.pick([say(a, elsewhere, c), say(c, elsewhere, a), say(b, elsewhere, c)]),
    contradiction: draw.pick([say(c, more, a), say(a, less, b), say(b, less, c)]),
  };
};

/** Who did it to whom. */
const roles: Kinds = (draw, world) => {
  const event = humanEvent(draw, world.people);
  const back = { ...event, agent: event.patient, patient: event.agent };
  const passive = { passive: true, fronted: false, synonym: draw.coin() };
  const active = { ...passive, passive: false };
  const was = coreClause(event, passive).replace(' was ', ' was not ');
  const did = `${event.agent} did not ${event.verb.base} ${event.patient}`;
  const backNot = draw.coin()
    ? `${back.agent} did not ${event.verb.base} ${back.patient}`
    : coreClause(back, passive).replace(' was ', ' was not ');
  const told = draw.coin() ? active : passive;
  return {
    premise: tell(event, { ...anyManner(draw), synonym: false }),
    entailment: sentenceOf(coreClause(event, told)),
    neutral: sentenceOf(draw.coin() ? coreClause(back, told) : backNot),
    contradiction: sentenceOf(draw.coin() ? was : did),
  };
};

const DID = ['managed to', 'remembered to', 'was able to', 'did not fail to', 'did not forget to'];
const DID_NOT = ['failed to', 'forgot to', 'refused to', 'was not able to', 'did not manage to'];
const OPEN = ['wanted to', 'planned to', 'promised to', 'did not refuse to', 'was asked to'];

/** Whether it was done at all: implicative verbs. Of what each of two did, nothing follows for the other's. */
const implicative: Kinds = (draw, world) => {
  const [a, b] = three(draw, world);
  const { base, past } = draw.pick(TO_THINGS);
  const [x, y] = draw.several(draw.pick(world.things).members, 2) as [string, string];
  const [doneA, doneB] = [draw.coin(), draw.coin()];
  const say = (who: string, done: boolean, thing: string): string =>
    sentenceOf(`${who} ${done ? past : `did not ${base}`} the ${thing}`);
  const part = (who: string, how: readonly string[], thing: string): string =>
    `${who} ${draw.pick(how)} ${base} the ${thing}`;
  const [first, last] = [part(a, doneA ? DID : DID_NOT, x), part(b, doneB ? DID : DID_NOT, y)];
  const [who, done, thing] = draw.pick([[a, doneA, x] as const, [b, doneB, y] as const]);
  return {
    premise: sentenceOf(`${first}, and ${last}`),
    open: sentenceOf(who === a ? `${part(a, OPEN, x)}, and ${last}` : `${first}, and ${part(b, OPEN, y)}`),
    entailment: say(who, done, thing),
    neutral: say(who, draw.coin(), thing === x ? y : x),
    contradiction: say(who, !done, thing),
  };
};

/** "No" and "every" turn the relation between a kind and its members round; "some" does not. */
const quantifier: Kinds = (draw, world) => {
  const who = draw.pick(world.people);
  const [kind, another] = draw.several(world.things, 2) as [Kind, Kind];
  const [one, other] = draw.several(kind.members, 2) as [string, string];
  const { past } = draw.pick(TO_THINGS.filter(({ base }) => base !== 'lose' && base !== 'keep'));
  const place = draw.pick(PLACES);
  const say = (which: string, thing: string): string =>
    sentenceOf(`${which} ${who} ${past} ${withArticle(thing)} ${place}`);
  const [every, many] = [draw.pick(['every', 'each']), draw.pick(['a', 'at least one'])];
  const shapes: readonly Inference[] = [
    {
      premise: say('no', kind.name),
      entailment: say('no', one),
      neutral: say(draw.pick(['no', many]), draw.pick(another.members)),
      contradiction: say(many, one),
    },
    {
      premise: say('no', one),
      entailment: sentenceOf(`not every ${who} ${past} ${withArticle(one)} ${place}`),
      neutral: say(draw.pick(['no', many]), kind.name),
      contradiction: say(draw.pick([many, every]), one),
    },
    {
      premise: say(every, one),
      entailment: say(every, kind.name),
      neutral: say(draw.pick(['no', every]), other),
      contradiction: say('no', draw.pick([one, kind.name])),
    },
    {
      premise: say(every, kind.name),
      entailment: say(every, kind.name).replace(/ (in|at|near|behind|on) .*/, '.'),
      neutral: say(draw.pick([every, 'no']), one),
      contradiction: say('no', kind.name),
    },
    {
      premise: say('one', one),
      entailment: say(many, kind.name),
      neutral: say(draw.pick([every, 'no other']), one),
      contradiction: say('no', draw.pick([one, kind.name])),
    },
  ];
  return draw.pick(shapes);
};

const SURE = ['knows that', 'noticed that', 'forgot that', 'was glad that', 'did not know that'];
const WRONG = ['wrongly believes that', 'pretends that', 'falsely claimed that'];
const PERHAPS = ['believes that', 'hopes that', 'said that', 'did not say that', 'fears that'];

/** Whether what somebody thinks is so: factive verbs. */
const factive: Kinds = (draw, world) => {
  const [a, b, c] = three(draw, world);
  const { past, base } = draw.pick(TO_PEOPLE);
  const clause = `${b} ${past} ${c}`;
  const is = draw.coin();
  const [yes, no] = [sentenceOf(clause), sentenceOf(`${b} did not ${base} ${c}`)];
  return {
    premise: sentenceOf(`${a} ${draw.pick(is ? SURE : WRONG)} ${clause}`),
    open: sentenceOf(`${a} ${draw.pick(PERHAPS)} ${clause}`),
    entailment: is ? yes : no,
    neutral: draw.coin() ? sentenceOf(`${c} ${past} ${b}`) : sentenceOf(`${c} did not ${base} ${b}`),
    contradiction: is ? no : yes,
  };
};

export const KINDS: readonly Kinds[] = [order, comparison, roles, implicative, quantifier, factive];
