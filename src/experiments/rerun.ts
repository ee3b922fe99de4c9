/** A record made again from its spec: anyone can check what it says. */
import { isShippedData } from '../datasets/source.js';
import type { CompileOptions } from '../engine/compile.js';
import { DataError, UsageError } from '../errors.js';
import { located } from './grid.js';
import { changesBetween } from './identity.js';
import { identifier, type LedgerRecord, ledgerRecord, readRecord } from './ledger.js';
import { type RunEvent, run } from './run.js';

/**
 * How far numbers may be apart on another kind of processor, which rounds otherwise: shares and losses by so much, SQuAD's scores, which
 * run to 100, by a hundred times as much. On the same kind nothing may differ.
 */
export const TOLERANCE = 0.02;

/** Which record, and where model and data lie on this machine. */
export interface RerunRequest {
  /** A record of a ledger. */
  readonly path: string;
  /** Where the model lies, if not under the record's name; a folder or hub id. */
  readonly model?: string | undefined;
  /** Where the data lie: a folder with the tasks' folders, or with `glue/` and `squad/`. */
  readonly data?: string | undefined;
}

/** A number of the record and what it is now; null: undefined, or not there. */
export interface Comparison {
  readonly name: string;
  readonly recorded: number | null;
  readonly now: number | null;
  /** What they may be apart. */
  readonly allowed: number;
}

/** A record, the same run now, and their numbers side by side. */
export interface Rerun {
  readonly record: LedgerRecord;
  readonly again: LedgerRecord;
  /** Whether numbers have to be the same to the last digit: the same kind of processor and device. */
  readonly exact: boolean;
  readonly comparisons: readonly Comparison[];
}

export const agrees = ({ recorded, now, allowed }: Comparison): boolean =>
  recorded === null || now === null ? recorded === now : Math.abs(recorded - now) <= allowed;

/** Every number that a run gives, but for time and memory. */
export function compareRecords(record: LedgerRecord, again: LedgerRecord): Omit<Rerun, 'record' | 'again'> {
  const of = ({ machine }: LedgerRecord): string => `${machine.processor}, ${machine.device ?? 'cpu'}`;
  const exact = of(record) === of(again);
  const near = exact ? 0 : TOLERANCE;
  const one = (name: string, recorded: number | null, now: number | null, allowed = 0): Comparison => ({
    ...{ name, recorded, now, allowed },
  });
  const names = new Set(
    [record, again].flatMap(({ metrics, undefinedMetrics }) => [
      ...Object.keys(metrics),
      ...Object.keys(undefinedMetrics),
    ]),
  );
  const metrics = [...names].map((name) => {
    const [recorded, now] = [record.metrics[name] ?? null, again.metrics[name] ?? null];
    const inPercent = record.spec.task.startsWith('squad');
    return one(name, recorded, now, inPercent ? 100 * near : near);
  });
  const lossAt = new Map(again.losses.map(({ step, loss }) => [step, loss]));
  const losses = record.losses.map(({ step, loss }) =>
    one(`loss, step ${step}`, loss, lossAt.get(step) ?? null, near),
  );
  const counts = record.updatedParameters.map((count, epoch) =>
    one(`updated parameters, epoch ${epoch + 1}`, count, again.updatedParameters[epoch] ?? null),
  );
  const examples = one('training examples', record.trainExamples, again.trainExamples);
  return { exact, comparisons: [...metrics, examples, ...counts, ...losses] };
}

/**
 * Runs a record's spec again on this machine and compares the numbers.
 * @throws UsageError where its data are not said, DataError where model, data or engine are not those of the record: it names which
 * @param request record, model, data @param options threads, device; `onEvent` as of a run
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const [{ key }] = (await experiments.readLedger('ledger')).values();
 * const { comparisons } = await experiments.rerun({ path: `ledger/${key}.json`, model: 'models/tiny' });
 * console.log(comparisons.every(({ recorded, now }) => recorded === now)); // true
 * ```
 */
export async function rerun(
  { path, model, data }: RerunRequest,
  { onEvent, ...options }: CompileOptions & { readonly onEvent?: (event: RunEvent) => void } = {},
): Promise<Rerun> {
  const record = await readRecord(path);
  const { data: named } = record.spec;
  if (data === undefined && !isShippedData(named) && named !== 'hub')
    throw new UsageError(`rerun: the record's data are '${named}'; say with --data where they lie`);
  const files = await located(record.spec, data);
  const spec = {
    ...record.spec,
    model: model ?? record.spec.model,
    ...files,
    data: files.data ?? named,
  };
  const { parts, key } = await identifier()(spec);
  if (key !== record.key) {
    const { model: _weights, ...hashes } = record.hashes;
    const { model: _model, data: _data, ...settings } = record.spec;
    const changes = changesBetween({ ...record.identity, settings, data: hashes }, parts);
    throw new DataError(
      `${path}: it was made with other ${changes}; give the same model and data, and for another numerical version the release that made it`,
    );
  }
  const again = ledgerRecord(await run(spec, { ...options, ...(onEvent ? { onEvent } : {}) }));
  return { record, again, ...compareRecords(record, again) };
}
