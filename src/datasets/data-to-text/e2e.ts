/** E2E NLG (Novikova et al. 2017): rows of meaning representation and text, `name[Aromi], eatType[pub]`. */
import { basename } from 'node:path';
import { DataError } from '../../errors.js';
import { readRows } from '../tables/rows.js';
import { type DataToTextExample, grouped } from './example.js';

/** A slot and its value: `eatType[coffee shop]`. */
export interface Slot {
  readonly name: string;
  readonly value: string;
}

const SLOT = /([A-Za-z ]+)\[([^[\]]*)\](?:,\s*|$)/y;

/**
 * The slots of an E2E meaning representation, in its order.
 * @param where file and line, for the message
 * @throws DataError for a text that is none
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const slots = datasets.parseSlots('name[Aromi], eatType[coffee shop]', 'example');
 * console.log(slots.map(({ name, value }) => `${name}=${value}`).join(' ')); // name=Aromi eatType=coffee shop
 * ```
 */
export function parseSlots(text: string, where: string): Slot[] {
  const slots: Slot[] = [];
  SLOT.lastIndex = 0;
  while (SLOT.lastIndex < text.length) {
    const at = SLOT.lastIndex;
    const found = SLOT.exec(text);
    if (!found)
      throw new DataError(
        `${where}: mr: wanted name[value], eatType[value] ..., got '${text.slice(at, at + 40)}'`,
      );
    slots.push({ name: (found[1] as string).trim(), value: found[2] as string });
  }
  if (slots.length === 0) throw new DataError(`${where}: mr: is empty`);
  return slots;
}

/** As the data set writes it, and as models are fed it. */
const slotsText = (slots: readonly Slot[]): string =>
  slots.map(({ name, value }) => `${name}[${value}]`).join(', ');

/** @throws DataError for a file without the columns `mr` and `ref`, or a row without a text */
export async function readE2e(path: string): Promise<DataToTextExample[]> {
  const rows: DataToTextExample[] = [];
  for await (const { values, where } of readRows(path)) {
    const { mr, ref } = values;
    if (typeof mr !== 'string' || typeof ref !== 'string')
      throw new DataError(
        `${where}: columns ${Object.keys(values).join(', ')}; wanted mr and ref${'MR' in values ? ': a file without references; the one with them is testset_w_refs.csv' : ''}`,
      );
    if (ref.trim() === '') throw new DataError(`${where}: ref: is empty; remove the row`);
    rows.push({ id: where, input: slotsText(parseSlots(mr, where)), references: [ref] });
  }
  return grouped(rows).map((example, i) => ({ ...example, id: `${basename(path)}#${i + 1}` }));
}
