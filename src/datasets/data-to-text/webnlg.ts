/** WebNLG (Gardent et al. 2017) as json lines: an entry of RDF triples and the texts that say them, `{"id", "category", "triples", "lexes"}`. */

import { DataError } from '../../errors.js';
import * as z from '../../schema.js';
import { readRows } from '../tables/rows.js';
import { type DataToTextExample, grouped } from './example.js';

/** Subject, predicate, object. */
export type Triple = readonly [string, string, string];

const entrySchema = z.object({
  id: z.string(),
  category: z.string(),
  triples: z.array(z.string()).min(1),
  lexes: z.array(z.object({ text: z.string() })),
});

/**
 * `Aarhus | leaderName | Jacob_Bundsgaard` as three.
 * @param where file and line, for the message
 * @throws DataError for a text that is not three
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * console.log(datasets.parseTriple('Aarhus | leaderName | Jacob_Bundsgaard', 'example')[2]); // Jacob_Bundsgaard
 * ```
 */
export function parseTriple(text: string, where: string): Triple {
  const parts = text.split(' | ');
  if (parts.length === 3) return parts as [string, string, string];
  throw new DataError(`${where}: triples: wanted 'subject | predicate | object', got '${text}'`);
}

/** Names without underscores, literals without quotes: what a text says of them. */
const spoken = (entity: string): string => entity.replaceAll('_', ' ').replace(/^"(.*)"$/, '$1');

/** `<S> Aarhus <P> leaderName <O> Jacob Bundsgaard`, one triple after the other. */
const triplesText = (triples: readonly Triple[]): string =>
  triples
    .map(([subject, predicate, object]) => `<S> ${spoken(subject)} <P> ${predicate} <O> ${spoken(object)}`)
    .join(' ');

/** @throws DataError with file, line and field of what is no entry, or has no text */
export async function readWebnlg(path: string): Promise<DataToTextExample[]> {
  const rows: DataToTextExample[] = [];
  for await (const { values, where } of readRows(path)) {
    const entry = entrySchema.safeParse(values);
    if (!entry.success) {
      const issue = entry.error.issues[0];
      throw new DataError(`${where}: ${issue?.path.join('.')}: ${issue?.message}`);
    }
    const { id, category, triples, lexes } = entry.data;
    const references = lexes.map(({ text }) => text).filter((text) => text.trim() !== '');
    if (references.length === 0) throw new DataError(`${where}: lexes: has no text; remove the entry`);
    const input = triplesText(triples.map((triple) => parseTriple(triple, where)));
    rows.push({ id, category, input, references });
  }
  return grouped(rows);
}
