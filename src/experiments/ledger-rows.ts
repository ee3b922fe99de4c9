/** A ledger read to be looked at: quickly, so not validated and not hashed anew; `checkLedger` does that. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { definedMetrics } from '../metrics/metrics.js';
import type { LedgerRecord } from './ledger.js';
import type { Versioned } from './record-version.js';

/** A record as lists show it: how its loss went, and the whole of its identity, are read only where they are asked for. */
export type LedgerRow = Omit<LedgerRecord, 'losses' | 'identity'> &
  Partial<Pick<LedgerRecord, 'losses'>> &
  Versioned;

/** Whether what is printed of it, or asked, is there at all. */
const isRow = (value: Partial<LedgerRow> | null, path: string): value is LedgerRow =>
  typeof value === 'object' &&
  `${value?.key}.json` === basename(path) &&
  [value?.spec?.method, value?.spec?.schedule, value?.metrics, value?.machine].every(Boolean);

/** The text of small files, one after the other in the same memory: Node takes longer to make ready for a small file than to read it. */
function smallFiles(): (path: string) => string {
  const buffer = Buffer.allocUnsafe(1 << 20);
  return (path) => {
    const file = openSync(path, 'r');
    try {
      const length = readSync(file, buffer);
      return length < buffer.length ? buffer.toString('utf8', 0, length) : '';
    } finally {
      closeSync(file);
    }
  };
}

/**
 * Without the losses, a flat list, and without what stands before the last entry of the identity: two thirds of the text. Within a text
 * of the record a quotation mark has a backslash before it, so no other place is found; what is then no JSON is read whole.
 */
const shortened = (json: string): string =>
  without(without(json, ',"losses":[', ']', 1), '"config":{', '"numericalVersion":', 0);

function without(text: string, from: string, to: string, length: number): string {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  return start < 0 || end < 0 ? text : text.slice(0, start) + text.slice(end + length);
}

/**
 * Every record of a ledger as its file has it, in the order of the keys.
 * @param whole with losses and identity
 * @throws DataError for a damaged file
 */
export async function* ledgerRows(folder: string, whole = false): AsyncGenerator<LedgerRow> {
  const textOf = smallFiles();
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json')) continue;
    const path = join(folder, name);
    let value: LedgerRow | null = null;
    try {
      value = JSON.parse(whole ? textOf(path) : shortened(textOf(path))) as LedgerRow;
    } catch {
      // readRecord says what is wrong.
    }
    if (isRow(value, path)) {
      const { metrics, undefinedMetrics = {} } = value;
      yield { ...value, metrics: definedMetrics(metrics), undefinedMetrics };
    } else yield await (await import('./ledger.js')).readRecord(path);
  }
}
