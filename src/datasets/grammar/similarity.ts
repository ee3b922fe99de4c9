/**
 * Similarity in STS-B's shape. The second sentence rewords the first (voice, order, synonyms), which costs nothing; each fact changed costs
 * one point of five, and exchanged roles cost three, so that shared words are only a hint.
 */
import type { Draw } from './draw.js';
import { anyManner, eventUnlike, FACTS, humanEvent, otherManner, tell, thingEvent } from './event.js';
import type { Row } from './row.js';

/** Points that exchanged roles cost: who did it to whom is most of what is said. */
const EXCHANGE = 3;

/** Scores go round: 0, 1 ... 5. */
export function similarity(draw: Draw, index: number): Row[] {
  const score = index % 6;
  const human = draw.below(4) > 0;
  const event = human ? humanEvent(draw) : thingEvent(draw);
  const other = eventUnlike(event, () => (human ? humanEvent(draw) : thingEvent(draw)));
  const exchange = human && 5 - score >= EXCHANGE && draw.below(10) > 0;
  const start = exchange ? { ...event, agent: event.patient, patient: event.agent } : event;
  const open = exchange ? (['verb', 'place', 'time'] as const) : FACTS;
  const changed = draw.several(open, 5 - score - (exchange ? EXCHANGE : 0));
  const second = { ...start, ...Object.fromEntries(changed.map((fact) => [fact, other[fact]])) };
  const manner = anyManner(draw);
  return [{ texts: [tell(event, manner), tell(second, otherManner(draw, manner))], label: `${score}.000` }];
}
