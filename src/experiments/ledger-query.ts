/** Records by what they say: `task=cola`, `learningRate<=3e-5`, `metrics.accuracy>0.9`. */

import { UsageError } from '../errors.js';
import type { LedgerRow } from './ledger-rows.js';
import { numericalVersionOf } from './record-version.js';

type Scalar = string | number | boolean | null;

const OPERATORS: Readonly<Record<string, (found: Scalar, wanted: readonly string[]) => boolean>> = {
  '=': (found, wanted) => wanted.some((value) => isSame(found, value)),
  '!=': (found, wanted) => !wanted.some((value) => isSame(found, value)),
  '<': (found, [value]) => typeof found === 'number' && found < Number(value),
  '<=': (found, [value]) => typeof found === 'number' && found <= Number(value),
  '>': (found, [value]) => typeof found === 'number' && found > Number(value),
  '>=': (found, [value]) => typeof found === 'number' && found >= Number(value),
};

/** `3e-5` is `0.00003`. */
const isSame = (found: Scalar, value: string): boolean =>
  typeof found === 'number' ? value.trim() !== '' && found === Number(value) : String(found) === value;

/** The value at `a.b`; of a union such as a method its `kind`. */
function at(value: unknown, path: readonly string[]): Scalar | undefined {
  const found = path.reduce<unknown>(
    (inner, name) => (inner as Readonly<Record<string, unknown>> | null | undefined)?.[name],
    value,
  );
  if (typeof found !== 'object' || found === null) return found as Scalar | undefined;
  return (found as { readonly kind?: string }).kind;
}

/** Looked for in settings, schedule, metrics, machine and the record itself, in this order. Of an undefined metric it is the reason. */
function wordOf(record: LedgerRow, name: string): Scalar | undefined {
  if (name === 'numericalVersion') return numericalVersionOf(record);
  const { spec, metrics, undefinedMetrics, machine } = record;
  const path = name.split('.');
  for (const place of [spec, spec.schedule, metrics, undefinedMetrics, machine, record]) {
    const found = at(place, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Asked of one record after the other. */
export interface RecordFilter {
  /** Whether a condition asks for what a row leaves out. */
  readonly asksWhole: boolean;
  /** Whether all conditions hold of a record. */
  readonly keeps: (record: LedgerRow) => boolean;
  /** @throws UsageError for a condition on what no record asked so far has: a misspelt name would quietly find nothing */
  readonly checkNames: () => void;
}

/**
 * @param conditions `name`, one of = != < <= > >=, and a value; for = and != several values with commas between them
 * @throws UsageError for a text that is no condition
 */
export function recordFilter(conditions: readonly string[]): RecordFilter {
  const tests = conditions.map(testOf);
  const unseen = new Set(tests.map(({ name }) => name));
  let settings: readonly string[] = [];
  return {
    asksWhole: tests.some(({ name }) => /^(losses|identity)\b/.test(name)),
    keeps: (record) => {
      if (settings.length === 0) settings = Object.keys(record.spec);
      const found = tests.map(({ name }) => wordOf(record, name));
      for (const [i, { name }] of tests.entries()) if (found[i] !== undefined) unseen.delete(name);
      return tests.every(({ holds }, i) => holds(found[i]));
    },
    checkNames: () => {
      const [name] = unseen;
      if (name === undefined || settings.length === 0) return;
      throw new UsageError(`where: no record has '${name}'; settings are ${settings.join(', ')}`);
    },
  };
}

interface ConditionTest {
  readonly name: string;
  readonly holds: (found: Scalar | undefined) => boolean;
}

function testOf(text: string): ConditionTest {
  const [, name, operator, value] = /^\s*([\w.]+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined || operator === undefined || value === undefined)
    throw new UsageError(`where: '${text}' is no condition; one is, for example, task=cola or seed<3`);
  if (operator.match(/[<>]/) && !Number.isFinite(Number(value || 'none')))
    throw new UsageError(`where: '${text}': ${operator} wants a number, not '${value}'`);
  const wanted = value.split(',').map((part) => part.trim());
  const holds = OPERATORS[operator] as (found: Scalar, wanted: readonly string[]) => boolean;
  return { name, holds: (found) => (found === undefined ? operator === '!=' : holds(found, wanted)) };
}
