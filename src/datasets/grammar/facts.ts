/** Buildings and what is known of them: for questions whose answer stands, or does not stand, in a text (QNLI, SQuAD). */
import type { Draw } from './draw.js';
import { CITIES } from './words.js';

/** Answers of one type can be mistaken for one another. */
type AnswerType = 'year' | 'person' | 'number' | 'cause';

interface Attribute {
  readonly key: string;
  readonly type: AnswerType;
  /** What follows the building or "it"; `#` is the answer. */
  readonly statements: readonly string[];
  /** `@` is the building. */
  readonly questions: readonly string[];
}

const attribute = (key: string, type: AnswerType, statements: string, questions: string): Attribute => ({
  key,
  type,
  statements: statements.split('|'),
  questions: questions.split('|'),
});

export const ATTRIBUTES: readonly Attribute[] = [
  attribute(
    'built',
    'year',
    'was built in #|was first built in #',
    'When was @ built?|In which year was @ built?',
  ),
  attribute(
    'repaired',
    'year',
    'was repaired in #|was made safe again in #',
    'When was @ repaired?|In which year was @ repaired?',
  ),
  attribute(
    'closed',
    'year',
    'was closed in #|closed its doors in #',
    'When was @ closed?|In what year did @ close?',
  ),
  attribute(
    'sold',
    'year',
    'was sold in #|was sold to the city in #',
    'When was @ sold?|In which year was @ sold?',
  ),
  attribute(
    'designer',
    'person',
    'was designed by #|was planned by #',
    'Who designed @?|By whom was @ designed?',
  ),
  attribute('owner', 'person', 'belongs to #|is owned by #', 'Who owns @?|Who is the owner of @?'),
  attribute(
    'payer',
    'person',
    'was paid for by #|was a gift of #',
    'Who paid for @?|Whose money paid for @?',
  ),
  attribute('keeper', 'person', 'is looked after by #|is run by #', 'Who looks after @?|Who runs @?'),
  attribute(
    'price',
    'number',
    'cost # dollars|was bought for # dollars',
    'How much did @ cost?|What was the price of @ in dollars?',
  ),
  attribute(
    'visitors',
    'number',
    'has # visitors a year|is seen by # people a year',
    'How many visitors does @ have?|How many people see @ every year?',
  ),
  attribute(
    'tickets',
    'number',
    'sold # tickets last year|gave out # tickets last year',
    'How many tickets did @ sell last year?|How many tickets were sold by @ last year?',
  ),
  attribute('damage', 'cause', 'was damaged by #|was hurt by #', 'What damaged @?|By what was @ damaged?'),
  attribute(
    'end',
    'cause',
    'was once destroyed by #|was ruined by #',
    'What destroyed @?|By what was @ once destroyed?',
  ),
];

const BUILDINGS = [
  'museum',
  'bridge',
  'church',
  'library',
  'tower',
  'hotel',
  'school',
  'theater',
  'palace',
  'factory',
  'castle',
  'temple',
];
const FIRST = [
  'Henry',
  'Martin',
  'Laura',
  'George',
  'Alice',
  'Robert',
  'Helen',
  'Daniel',
  'Ruth',
  'Peter',
  'Julia',
  'Frank',
];
const LAST = [
  'Wilson',
  'Green',
  'Young',
  'King',
  'Clark',
  'Hill',
  'Moore',
  'Taylor',
  'White',
  'Scott',
  'Baker',
  'Stone',
];
const CAUSES = [
  'a fire',
  'a flood',
  'a storm',
  'an earthquake',
  'a bomb',
  'heavy snow',
  'an explosion',
  'strong winds',
  'a falling tree',
  'the sea',
];

export interface Fact {
  readonly building: string;
  readonly attribute: Attribute;
  readonly answer: string;
}

/** Two buildings of one kind, in two cities. */
export function twoBuildings({ pick, several }: Draw): [string, string] {
  const kind = pick(BUILDINGS);
  return several(CITIES, 2).map((city) => `the ${kind} in ${city}`) as [string, string];
}

/** Answers that no other fact of the text has. */
export function answerMaker({ pick, below }: Draw): (type: AnswerType) => string {
  const taken = new Set<string>();
  const make: Record<AnswerType, () => string> = {
    year: () => String(1700 + below(310)),
    person: () => `${pick(FIRST)} ${pick(LAST)}`,
    number: () => `${2 + below(97)},${pick(['000', '500', '200', '800'])}`,
    cause: () => pick(CAUSES),
  };
  return (type) => {
    for (;;) {
      const answer = make[type]();
      if (taken.has(answer)) continue;
      taken.add(answer);
      return answer;
    }
  };
}

export const statement = (
  { attribute: { statements }, answer }: Fact,
  subject: string,
  { pick }: Draw,
): string => `${subject} ${pick(statements).replace('#', answer)}`;

export const questionOn = (building: string, { questions }: Attribute, { pick }: Draw): string =>
  pick(questions).replace('@', building);
