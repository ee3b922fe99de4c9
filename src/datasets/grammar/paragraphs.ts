/**
 * Paragraphs with questions in SQuAD's shape: two buildings of one kind, told of in turn ("It was ..."), so that an answer of the right
 * type also stands where it belongs to the other one. Unanswerable questions (v2.0) ask of one building what is told of the other alone.
 */
import type { Draw } from './draw.js';
import { ATTRIBUTES, answerMaker, type Fact, questionOn, statement, twoBuildings } from './facts.js';
import { capital } from './row.js';

export interface GeneratedQuestion {
  readonly question: string;
  /** Undefined: the paragraph does not say. */
  readonly answer?: { readonly text: string; readonly start: number };
}

export interface GeneratedParagraph {
  readonly title: string;
  readonly context: string;
  readonly questions: readonly GeneratedQuestion[];
}

/** Facts told of each building: some of both, some of one alone. */
const SHARED = 2;
const OWN = 2;

interface Told {
  readonly fact: Fact;
  readonly start: number;
}

/** Sentences on one building, appended to `context`. */
function tellFacts(context: string, facts: readonly Fact[], draw: Draw): { context: string; told: Told[] } {
  let text = context;
  const told = facts.map((fact, i) => {
    const subject = i === 0 ? fact.building : draw.pick(['it', 'it', 'this one']);
    const begin = text.length + (text === '' ? 0 : 1);
    const said = capital(statement(fact, subject, draw));
    text += `${text === '' ? '' : ' '}${said}.`;
    return { fact, start: begin + said.indexOf(fact.answer) };
  });
  return { context: text, told };
}

/** One paragraph: three questions that it answers, two that it does not. */
export function paragraph(draw: Draw): GeneratedParagraph {
  const [a, b] = twoBuildings(draw);
  const answer = answerMaker(draw);
  const attributes = draw.several(ATTRIBUTES, SHARED + 2 * OWN);
  const [shared, ofA, ofB] = [
    attributes.slice(0, SHARED),
    attributes.slice(SHARED, -OWN),
    attributes.slice(-OWN),
  ];
  const factsOf = (building: string, known: typeof attributes): Fact[] =>
    draw
      .several(known, known.length)
      .map((attribute) => ({ building, attribute, answer: answer(attribute.type) }));
  const first = tellFacts('', factsOf(a, [...shared, ...ofA]), draw);
  const both = tellFacts(first.context, factsOf(b, [...shared, ...ofB]), draw);
  const all = [...first.told, ...both.told];
  const answerable = draw.several(all, 3).map(({ fact, start }) => ({
    question: questionOn(fact.building, fact.attribute, draw),
    answer: { text: fact.answer, start },
  }));
  const unanswerable = [
    { question: questionOn(a, draw.pick(ofB), draw) },
    { question: questionOn(b, draw.pick(ofA), draw) },
  ];
  const kind = a.split(' ')[1] as string;
  return { title: capital(kind), context: both.context, questions: [...answerable, ...unanswerable] };
}
