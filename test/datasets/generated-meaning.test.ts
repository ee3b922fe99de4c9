/** Labels of the generated tasks, found again by reading the sentences: a parser of their own, which knows the words but not the grammars. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGlueFolder } from '../../src/datasets/glue.js';
import type { Example } from '../../src/datasets/glue-rows.js';
import { PLACES, TIMES, TO_PEOPLE, TO_THINGS } from '../../src/datasets/grammar/words.js';
import { findTask } from '../../src/datasets/task.js';
import { packageRoot } from '../golden/golden.js';

const read = async (name: string): Promise<readonly Example[]> =>
  (await readGlueFolder(join(packageRoot, 'data/glue'), findTask(name), 'train')).examples;

/** Any form of a verb, or of its synonym -> the verb's base. */
const BASES = new Map(
  [...TO_PEOPLE, ...TO_THINGS].flatMap((verb) =>
    [verb, verb.synonym].flatMap((one) =>
      one ? [one.base, one.past, one.participle].map((form) => [form, verb.base] as const) : [],
    ),
  ),
);

interface Read {
  readonly agent: string;
  readonly verb: string | undefined;
  readonly patient: string;
  readonly place: string | undefined;
  readonly time: string | undefined;
}

/** "On Monday the nurse was helped by the cook in the park." */
function understand(text: string): Read {
  let rest = text.toLowerCase().replace('.', '').trim();
  const take = (phrases: readonly string[]): string | undefined => {
    const found = phrases.find((phrase) => rest.includes(phrase.toLowerCase()));
    if (found) rest = rest.replace(found.toLowerCase(), ' ').replace(/\s+/g, ' ').trim();
    return found;
  };
  const [time, place] = [take(TIMES), take(PLACES)];
  const passive = /^(the .+) was (\w+) by (the .+)$/.exec(rest);
  if (passive) {
    const [, patient = '', verb = '', agent = ''] = passive;
    return { agent, verb: BASES.get(verb), patient, place, time };
  }
  const [, agent = '', verb = '', patient = ''] = /^(the \w+) (\w+) (the .+)$/.exec(rest) ?? [];
  assert.ok(BASES.has(verb), `not understood: ${text}`);
  return { agent, verb: BASES.get(verb), patient, place, time };
}

const FACTS = ['agent', 'verb', 'patient', 'place', 'time'] as const;
const isExchanged = (a: Read, b: Read): boolean => a.agent === b.patient && a.patient === b.agent;

test('STS-B: five less one for each fact changed, less three for exchanged roles', async () => {
  for (const { texts, label } of await read('stsb')) {
    const [a, b] = [understand(texts[0]), understand(texts[1] as string)];
    const changed = FACTS.filter((fact) => a[fact] !== b[fact]).length;
    assert.equal(label, 5 - changed - (isExchanged(a, b) ? 1 : 0), texts.join(' | '));
  }
});

test('MRPC: equivalent where all facts are the same, said by the same one, in whatever order', async () => {
  const facts = (clause: string): string => {
    const { agent, verb, patient, place, time } = understand(clause);
    return [agent, verb, patient, place, time].join(';');
  };
  const meaning = (text: string): string => {
    const said = /^(the \w+) said that (.*)$/i.exec(text) ?? /^according to (the \w+), (.*)$/i.exec(text);
    if (said) return `${(said[1] as string).toLowerCase()}: ${facts(said[2] as string)}`;
    return text
      .split(/, (?:and|while|but) /)
      .map(facts)
      .sort()
      .join(' & ');
  };
  for (const { texts, label } of await read('mrpc'))
    assert.equal(label, meaning(texts[0]) === meaning(texts[1] as string) ? 1 : 0, texts.join(' | '));
});

test('QNLI: entailed where the clause on the building that is asked about says what is asked', async () => {
  /** A stem in the question, and the stems that answer it. */
  const answers: readonly (readonly [RegExp, RegExp])[] = [
    [/built/, /built/],
    [/repaired/, /repaired|made safe/],
    [/closed?\b/, /closed/],
    [/When was .* sold|year was .* sold/, /was sold/],
    [/design/, /designed|planned/],
    [/owns|owner/, /belongs|owned/],
    [/paid/, /paid for|gift/],
    [/looks after|runs/, /looked after|is run/],
    [/cost|price/, /cost|bought/],
    [/visitors|see /, /visitors|seen/],
    [/tickets/, /tickets/],
    [/damage/, /damaged|hurt/],
    [/destroyed/, /destroyed|ruined/],
  ];
  for (const { texts, label } of await read('qnli')) {
    const [question, sentence] = [texts[0], texts[1] as string];
    const building = /the \w+ in [A-Z]\w+/.exec(question)?.[0] as string;
    const clause = sentence
      .split(/, (?:and|while|but) /)
      .find((part) => part.includes(building.slice(4))) as string;
    const stems = answers.filter(([asked]) => asked.test(question));
    assert.equal(stems.length, 1, question);
    assert.equal(label, (stems[0] as readonly RegExp[])[1]?.test(clause) ? 0 : 1, texts.join(' | '));
  }
});
