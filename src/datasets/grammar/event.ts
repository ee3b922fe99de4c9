/** Something that happened, as facts, and the ways to say it. */
import type { Draw } from './draw.js';
import { sentenceOf } from './row.js';
import {
  allMembers,
  COLORS,
  PEOPLE,
  PLACES,
  THINGS,
  TIMES,
  TO_PEOPLE,
  TO_THINGS,
  type Verb,
} from './words.js';

export interface Event {
  readonly agent: string;
  readonly verb: Verb;
  /** With its article: "the red car", "the nurse". */
  readonly patient: string;
  readonly place: string;
  readonly time: string;
}

export const ARTICLE = 'the ';

/** Somebody did something to somebody. */
export function humanEvent({ pick, several }: Draw, people: readonly string[] = PEOPLE): Event {
  const [a, b] = several(people, 2) as [string, string];
  return {
    agent: ARTICLE + a,
    verb: pick(TO_PEOPLE),
    patient: ARTICLE + b,
    place: pick(PLACES),
    time: pick(TIMES),
  };
}

/** Somebody did something to a thing. */
export function thingEvent({ pick }: Draw, people: readonly string[] = PEOPLE, things = THINGS): Event {
  const thing = `${pick(COLORS)} ${pick(allMembers(things))}`;
  return {
    agent: ARTICLE + pick(people),
    verb: pick(TO_THINGS),
    patient: ARTICLE + thing,
    place: pick(PLACES),
    time: pick(TIMES),
  };
}

export const FACTS = ['agent', 'verb', 'patient', 'place', 'time'] as const;

/** An event that shares neither a fact nor a person with another. */
export function eventUnlike(event: Event, make: () => Event): Event {
  const taken = [event.agent, event.patient];
  for (;;) {
    const other = make();
    const shares = FACTS.some((fact) => other[fact] === event[fact]);
    if (!shares && !taken.includes(other.agent) && !taken.includes(other.patient)) return other;
  }
}

export interface Manner {
  readonly passive: boolean;
  /** Time first. */
  readonly fronted: boolean;
  /** The verb's synonym, where it has one. */
  readonly synonym: boolean;
}

export const anyManner = ({ coin }: Draw): Manner => ({ passive: coin(), fronted: coin(), synonym: coin() });

/** Another way of saying: voice or order differs. */
export function otherManner(draw: Draw, manner: Manner): Manner {
  const synonym = draw.coin();
  const kind = draw.below(3);
  return {
    passive: kind === 1 ? manner.passive : !manner.passive,
    fronted: kind === 0 ? manner.fronted : !manner.fronted,
    synonym,
  };
}

const chosenVerb = ({ verb }: Event, { synonym }: Manner): Verb => (synonym && verb.synonym) || verb;

/** The clause without place and time. */
export function coreClause(event: Event, manner: Manner): string {
  const { past, participle } = chosenVerb(event, manner);
  const { agent, patient } = event;
  return manner.passive ? `${patient} was ${participle} by ${agent}` : `${agent} ${past} ${patient}`;
}

export function clauseOf(event: Event, manner: Manner): string {
  const core = coreClause(event, manner);
  return manner.fronted ? `${event.time} ${core} ${event.place}` : `${core} ${event.place} ${event.time}`;
}

export const tell = (event: Event, manner: Manner): string => sentenceOf(clauseOf(event, manner));
