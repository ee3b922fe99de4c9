/**
 * Inference in MNLI's shape (one premise, three classes) and in RTE's (a longer text, two classes). Persons, negation and quantifiers occur
 * in every class, and a hypothesis may be the denial of its opposite, so that neither text alone tells the label.
 */
import type { Draw } from './draw.js';
import { type Inference, KINDS, type Kinds, type World } from './inference-kinds.js';
import { type Grammar, type Row, sentenceOf } from './row.js';
import { OTHER_PEOPLE, OTHER_THINGS, PEOPLE, PLACES, THINGS, TIMES } from './words.js';

const WORLDS = {
  matched: { people: PEOPLE, things: THINGS },
  mismatched: { people: OTHER_PEOPLE, things: OTHER_THINGS },
} satisfies Record<string, World>;

const LABELS = ['entailment', 'neutral', 'contradiction'] as const;
type Label = (typeof LABELS)[number];

const OPPOSITE: Readonly<Record<Label, Label>> = {
  entailment: 'contradiction',
  neutral: 'neutral',
  contradiction: 'entailment',
};

const deny = (text: string, { pick }: Draw): string =>
  sentenceOf(pick(['it is not true that', 'it is false that']), text.charAt(0).toLowerCase() + text.slice(1));

/** Premise and hypothesis of a label. One hypothesis in four is the denial of the opposite one. */
function pair(made: Inference, label: Label, draw: Draw): [string, string] {
  const say = (which: Label): string =>
    draw.below(4) === 0 ? deny(made[OPPOSITE[which]], draw) : made[which];
  if (label === 'neutral' && made.open !== undefined && draw.coin())
    return [made.open, say(draw.coin() ? 'entailment' : 'contradiction')];
  return [made.premise, say(label)];
}

const inference =
  (world: World): Grammar =>
  (draw, index) => {
    const made = (KINDS[index % KINDS.length] as Kinds)(draw, world);
    return LABELS.map((label) => ({ texts: pair(made, label, draw), label }));
  };

export const matchedInference = inference(WORLDS.matched);
export const mismatchedInference = inference(WORLDS.mismatched);

const ASIDES = [
  'it rained',
  'it was cold',
  'many people were waiting',
  'the streets were empty',
  'there was a large party',
  'the shops were closed',
  'the trains were late',
  'there was no light',
  'the children were singing',
  'the roads were full',
];

/** RTE: a longer text, two classes; half of each. */
export const entailment: Grammar = (draw, index) => {
  const world = draw.coin() ? WORLDS.matched : WORLDS.mismatched;
  const made = (KINDS[index % KINDS.length] as Kinds)(draw, world);
  const aside = sentenceOf(draw.pick(ASIDES), draw.pick(PLACES), draw.pick(TIMES));
  const last = draw.coin();
  const row = (label: Label): Row => {
    const [premise, hypothesis] = pair(made, label, draw);
    const text = last ? `${aside} ${premise}` : `${premise} ${aside}`;
    return { texts: [text, hypothesis], label: label === 'entailment' ? label : 'not_entailment' };
  };
  return [row('entailment'), row(draw.coin() ? 'neutral' : 'contradiction')];
};
