/** Ledgers as folders: what is wrong in one, and how two become one. Nothing is overwritten. */

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NUMERICAL_VERSION } from '../engine/numerical-version.js';
import { exists } from '../exists.js';
import { writeTextAtomically } from '../models/config-file.js';
import { claimedKeys, holder } from './claim.js';
import { type LedgerRecord, readLedger, readRecord } from './ledger.js';
import { numericalVersionOf } from './record-version.js';
import { agrees, type Comparison, compareRecords } from './rerun.js';
import { runLabel } from './run-label.js';

/** Two records of one key whose numbers are further apart than their machines excuse. */
export interface Differing {
  readonly key: string;
  readonly label: string;
  /** The numbers that differ. */
  readonly comparisons: readonly Comparison[];
}

/** Two records of the same run; undefined where they agree. */
function differing(one: LedgerRecord, other: LedgerRecord): Differing | undefined {
  const comparisons = compareRecords(one, other).comparisons.filter((comparison) => !agrees(comparison));
  return comparisons.length === 0 ? undefined : { key: one.key, label: runLabel(one.spec), comparisons };
}

/** What became of the records of one ledger in another. */
export interface Merged {
  readonly added: number;
  /** Were there with the same numbers, or with those of another kind of processor. */
  readonly known: number;
  /** Were there with other numbers, and were left as they are. */
  readonly differing: readonly Differing[];
}

/** Adds the records of `from` that `into` lacks. @throws DataError for a damaged record, before anything is written */
export async function mergeLedgers(from: string, into: string): Promise<Merged> {
  const [records, there] = await Promise.all([readLedger(from), readLedger(into)]);
  const found: Differing[] = [];
  let [added, known] = [0, 0];
  await mkdir(into, { recursive: true });
  for (const [key, record] of records) {
    const former = there.get(key);
    const difference = former && differing(former, record);
    if (difference) found.push(difference);
    else if (former) known++;
    else {
      const name = `${key}.json`;
      await writeTextAtomically(join(into, name), await readFile(join(from, name), 'utf8'));
      added++;
    }
  }
  return { added, known, differing: found };
}

/** What `ledger check` found. */
export interface LedgerCheck {
  readonly records: number;
  /** One line each, with the remedy: not JSON, not of this version, or not what their name says. */
  readonly damaged: readonly string[];
  /** Records by the numerical version of the engine that made them, where that is not this one. */
  readonly stale: ReadonlyMap<number, number>;
  /** Records of before identities were recorded: their names cannot be hashed anew. */
  readonly legacy: number;
  /** Files that a process left behind when it ended while it wrote. */
  readonly partial: readonly string[];
  /** Who makes what, by key; `dead` ones hinder nobody. */
  readonly claims: readonly { readonly key: string; readonly by: string; readonly alive: boolean }[];
  /** Snapshots of runs whose records are there. */
  readonly leftOver: readonly string[];
}

/** Hashes every record of a ledger anew, and looks at what lies around them. */
export async function checkLedger(folder: string): Promise<LedgerCheck> {
  const names = (await readdir(folder)).sort();
  const unfinished = join(folder, 'unfinished');
  const left = await readdir(unfinished).catch(() => []);
  const records: LedgerRecord[] = [];
  const damaged: string[] = [];
  for (const name of names.filter((each) => each.endsWith('.json')))
    await readRecord(join(folder, name)).then(
      (record) => records.push(record),
      (error: Error) => damaged.push(error.message),
    );
  const stale = new Map<number, number>();
  for (const version of records.map(numericalVersionOf))
    if (version !== NUMERICAL_VERSION) stale.set(version, (stale.get(version) ?? 0) + 1);
  const claims = await Promise.all(
    (await claimedKeys(unfinished)).map(async (key) => {
      const found = await holder(unfinished, key);
      return { key, by: found?.name ?? 'nobody', alive: found?.alive ?? false };
    }),
  );
  const leftOver = await Promise.all(
    left
      .filter((name) => /^[0-9a-f]{16}$/.test(name))
      .map(async (key) => ((await exists(join(folder, `${key}.json`))) ? [join(unfinished, key)] : [])),
  );
  return {
    records: records.length,
    damaged,
    stale,
    legacy: records.filter(({ identity }) => !identity).length,
    partial: [
      ...names.filter((name) => name.endsWith('.partial')).map((name) => join(folder, name)),
      ...left.filter((name) => name.endsWith('.partial')).map((name) => join(unfinished, name)),
    ],
    claims,
    leftOver: leftOver.flat(),
  };
}

/** Records that two ledgers have under the same key with other numbers. @throws DataError for a damaged record */
export async function differingRecords(a: string, b: string): Promise<readonly Differing[]> {
  const [ofA, ofB] = await Promise.all([readLedger(a), readLedger(b)]);
  return [...ofA].flatMap(([key, record]) => {
    const other = ofB.get(key);
    const found = other && differing(record, other);
    return found ? [found] : [];
  });
}
