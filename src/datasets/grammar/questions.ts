/**
 * QNLI's shape: does the sentence answer the question? The sentence tells one thing of each of two buildings, and the question that it
 * does not answer asks the one thing of the other building: all its words are there as well.
 */
import type { Draw } from './draw.js';
import { ATTRIBUTES, answerMaker, type Fact, questionOn, statement, twoBuildings } from './facts.js';
import { type Row, sentenceOf } from './row.js';

/** One row that is answered and one that is not. */
export function answered(draw: Draw): Row[] {
  const [a, b] = twoBuildings(draw);
  const answer = answerMaker(draw);
  const first = draw.pick(ATTRIBUTES);
  const [second] = draw.several(
    ATTRIBUTES.filter(({ key, type }) => key !== first.key && type === first.type),
    1,
  ) as [(typeof ATTRIBUTES)[number]];
  const facts: readonly Fact[] = [
    { building: a, attribute: first, answer: answer(first.type) },
    { building: b, attribute: second, answer: answer(second.type) },
  ];
  const link = draw.pick([', and', ', while', ', but']);
  const [x, y] = facts.map((fact) => statement(fact, fact.building, draw)) as [string, string];
  const sentence = sentenceOf(x, link, y);
  const asked = draw.coin() ? first : second;
  const [right, wrong] = asked === first ? [a, b] : [b, a];
  return [
    { texts: [questionOn(right, asked, draw), sentence], label: 'entailment' },
    { texts: [questionOn(wrong, asked, draw), sentence], label: 'not_entailment' },
  ];
}
