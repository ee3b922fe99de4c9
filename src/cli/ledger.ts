/** `progtuning ledger`: records listed, hashed anew, merged. */

import type { Command } from 'commander';
import { NUMERICAL_VERSION } from '../engine/numerical-version.js';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import type { Differing, LedgerCheck } from '../experiments/ledger-files.js';
import { recordFilter } from '../experiments/ledger-query.js';
import { type LedgerRow, ledgerRows } from '../experiments/ledger-rows.js';
import { machineText } from '../experiments/machine-text.js';
import { runLabel } from '../experiments/run-label.js';
import { scoresText, scoreText } from '../report/number-text.js';

const EXAMPLES = {
  all: `
Examples:
  How many records there are, and what they say:
    progtuning ledger list data/runs`,
  list: `
A condition names a setting (task, method, seed, learningRate, schedule.stages), a metric (accuracy, f1), machine.processor or numericalVersion.

Examples:
  Two tasks with one method:
    progtuning ledger list data/runs --where task=rte,sst2 method=lora
  As JSON lines, for other programs:
    progtuning ledger list data/runs --where "seed<2" --json`,
  check: `
Records made by an older engine are told, and are no fault. Exit code 1 where a record is damaged, or two of one key differ.

Examples:
  Every record hashed anew:
    progtuning ledger check data/runs`,
  merge: `
Nothing is overwritten: a record that is there with other numbers stays as it is, is told, and makes the exit code 1.

Examples:
  What a second machine has made, into this one's ledger:
    progtuning ledger merge data/runs merged-runs`,
};

export function registerLedger(program: Command): void {
  const ledger = program.command('ledger').addHelpText('after', EXAMPLES.all);
  ledger
    .command('list')
    .description('A line for each record: key, run, scores, machine.')
    .argument('[folder]', 'the ledger', 'data/runs')
    .option(
      '--where <conditions...>',
      'only records for which all of these hold, e.g. task=cola,rte "seed<3"',
    )
    .option('--json', 'print whole records, a line each')
    .addHelpText('after', EXAMPLES.list)
    .action(list);
  ledger
    .command('check')
    .description('Hash every record anew; with a second ledger, also compare what both hold.')
    .argument('<folder>', 'the ledger')
    .argument('[other]', 'another ledger')
    .addHelpText('after', EXAMPLES.check)
    .action(check);
  ledger
    .command('merge')
    .description('Add the records of one ledger that another lacks.')
    .argument('<from>', 'is left as it is')
    .argument('<into>', 'gets them; made where it is not there')
    .addHelpText('after', EXAMPLES.merge)
    .action(merge);
}

const wordFor = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** @throws UsageError for a folder that is not there: of a misspelt one there would be nothing to say */
async function checkThere(folder: string): Promise<void> {
  if (!(await exists(folder))) throw new UsageError(`${folder}: no such folder; give the folder of a ledger`);
}

async function list(
  folder: string,
  { where = [], json }: { readonly where?: readonly string[]; readonly json?: boolean },
): Promise<void> {
  const { asksWhole, keeps, checkNames } = recordFilter(where);
  await checkThere(folder);
  const lines: string[] = [];
  let records = 0;
  for await (const record of ledgerRows(folder, json || asksWhole)) {
    records++;
    if (keeps(record)) lines.push(json ? JSON.stringify(record) : lineOf(record));
  }
  checkNames();
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  if (!json) process.stdout.write(`${lines.length} of ${wordFor(records, 'record')}\n`);
}

const lineOf = (record: LedgerRow): string =>
  `${record.key} ${runLabel(record.spec)}: ${scoresText(record)} | ${record.spec.model} | ${machineText(record.machine)}`;

/** The numbers that two records of a key do not share. */
function differingText({ key, label, comparisons }: Differing, names: readonly [string, string]): string {
  const few = comparisons
    .slice(0, 3)
    .map(({ name, recorded, now }) => `${name} ${scoreText(recorded)} and ${scoreText(now)}`);
  const more = comparisons.length > few.length ? `, ${comparisons.length - few.length} more` : '';
  return `differs   ${key} ${label}: ${few.join(', ')}${more} (${names.join(' and ')})\n`;
}

function checkText({ records, damaged, stale, legacy, partial, claims, leftOver }: LedgerCheck): string {
  const lines = [
    ...damaged.map((text) => `damaged   ${text}`),
    ...[...stale].map(
      ([version, count]) =>
        `stale     ${wordFor(count, 'record')} of numerical version ${version}; this engine's is ${NUMERICAL_VERSION} (--where numericalVersion=${version})`,
    ),
    ...(legacy === 0
      ? []
      : [`legacy    ${wordFor(legacy, 'record')} without an identity: their keys cannot be hashed anew`]),
    ...claims.map(
      ({ key, by, alive }) =>
        `${alive ? 'running  ' : 'dead claim'} ${key} ${by}${alive ? '' : ': the next grid takes it over'}`,
    ),
    ...partial.map(
      (path) => `partial   ${path}: a process ended while it wrote; delete it if none is writing`,
    ),
    ...leftOver.map((path) => `left over ${path}: the snapshot of a run whose record is there; delete it`),
  ];
  return `${[...lines, `${wordFor(records, 'record')}, ${damaged.length} damaged`].join('\n')}\n`;
}

/** Comparing knows runs, and so loads the engine: a list is there sooner without. */
const files = () => import('../experiments/ledger-files.js');

async function check(folder: string, other: string | undefined): Promise<void> {
  await checkThere(folder);
  const { checkLedger, differingRecords } = await files();
  const found = await checkLedger(folder);
  process.stdout.write(checkText(found));
  if (found.damaged.length > 0)
    throw new DataError(`${folder}: ${wordFor(found.damaged.length, 'damaged record')}`);
  if (other === undefined) return;
  await checkThere(other);
  const differ = await differingRecords(folder, other);
  for (const one of differ) process.stdout.write(differingText(one, [folder, other]));
  if (differ.length > 0)
    throw new DataError(`${wordFor(differ.length, 'record')} differ between ${folder} and ${other}`);
}

async function merge(from: string, into: string): Promise<void> {
  await checkThere(from);
  const { mergeLedgers } = await files();
  const { added, known, differing } = await mergeLedgers(from, into);
  for (const one of differing) process.stdout.write(differingText(one, [into, from]));
  process.stdout.write(`${wordFor(added, 'record')} added to ${into}, ${known} were there\n`);
  if (differing.length > 0)
    throw new DataError(
      `${wordFor(differing.length, 'record')} of ${from} are in ${into} with other numbers; nothing was overwritten`,
    );
}
