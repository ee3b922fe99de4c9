/** A ledger read to be looked at: quickly, so not validated and not hashed anew; `checkLedger` does that. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { definedMetrics } from '../metrics/metrics.js';
import type { LedgerRecord } from './ledger.js';

/** Whether what is printed of it, or asked, is there at all. */
const isRecord = (value: Partial<LedgerRecord> | null, path: string): value is LedgerRecord =>
  typeof value === 'object' &&
  `${value?.key}.json` === basename(path) &&
  [value?.spec?.method, value?.spec?.schedule, value?.metrics, value?.machine].every(Boolean);

/**
 * Every record of a ledger as its file has it, in the order of the keys. Files are read one after the other without Node's pool of threads, which takes
 * longer to hand out a small file than to read it.
 * @throws DataError for a damaged file
 */
export async function ledgerRows(folder: string): Promise<LedgerRecord[]> {
  const rows: LedgerRecord[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json')) continue;
    const path = join(folder, name);
    let value: LedgerRecord | null = null;
    try {
      value = JSON.parse(readFileSync(path, 'utf8')) as LedgerRecord;
    } catch {
      // readRecord says what is wrong.
    }
    if (isRecord(value, path)) {
      const { metrics, undefinedMetrics = {} } = value;
      rows.push({ ...value, metrics: definedMetrics(metrics), undefinedMetrics });
    } else rows.push(await (await import('./ledger.js')).readRecord(path));
  }
  return rows;
}
