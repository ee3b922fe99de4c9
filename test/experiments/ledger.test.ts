/** Ledgers as folders: listed, checked, merged; nothing overwritten, nothing slow. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type LedgerRecord, readLedger } from '../../src/experiments/ledger.js';
import { checkLedger, differingRecords, mergeLedgers } from '../../src/experiments/ledger-files.js';
import { recordFilter } from '../../src/experiments/ledger-query.js';
import { packageRoot } from '../golden/golden.js';

let home: string;
let a: string;
let names: string[];

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-ledger-'));
  a = join(home, 'a');
  await mkdir(a);
  const shipped = join(packageRoot, 'data/runs');
  names = (await readdir(shipped)).filter((name) => name.endsWith('.json')).slice(0, 30);
  for (const name of names) await cp(join(shipped, name), join(a, name));
});
after(() => rm(home, { recursive: true, force: true }));

const read = async (folder: string, name: string): Promise<LedgerRecord> =>
  JSON.parse(await readFile(join(folder, name), 'utf8'));

test('merging adds what is lacking, byte for byte, and leaves alone what is there with other numbers', async () => {
  const b = join(home, 'b');
  assert.deepEqual(await mergeLedgers(a, b), { added: 30, known: 0, differing: [] });
  const [first, second] = names as [string, string];
  assert.equal(await readFile(join(b, first), 'utf8'), await readFile(join(a, first), 'utf8'));
  const record = await read(b, first);
  const other = { ...record, trainExamples: record.trainExamples + 1 };
  await writeFile(join(b, first), JSON.stringify(other));
  await rm(join(b, second));
  // Slower is not other.
  const third = names[2] as string;
  await writeFile(join(b, third), JSON.stringify({ ...(await read(b, third)), seconds: 1e6 }));
  const merged = await mergeLedgers(a, b);
  assert.deepEqual([merged.added, merged.known], [1, 28]);
  assert.deepEqual(
    merged.differing.map(({ key, comparisons }) => [key, comparisons.map(({ name }) => name)]),
    [[record.key, ['training examples']]],
  );
  assert.deepEqual(await read(b, first), other);
  assert.deepEqual((await differingRecords(a, b)).length, 1);
});

test('a damaged ledger is not merged in part', async () => {
  const [bad, into] = [join(home, 'bad'), join(home, 'into')];
  await cp(a, bad, { recursive: true });
  await writeFile(join(bad, names.at(-1) as string), '{');
  await assert.rejects(mergeLedgers(bad, into), /not JSON/);
  assert.deepEqual(await readdir(into).catch(() => []), []);
});

test('check names what is damaged, altered, stale or left behind', async () => {
  const folder = join(home, 'checked');
  await cp(a, folder, { recursive: true });
  const [first, second, third] = names as [string, string, string];
  await writeFile(join(folder, first), '{');
  const altered = await read(folder, second);
  const renamed = { ...altered, key: 'ffffffffffffffff' };
  await writeFile(join(folder, second), JSON.stringify(renamed));
  const key = third.replace('.json', '');
  await mkdir(join(folder, 'unfinished', key), { recursive: true });
  await writeFile(join(folder, 'unfinished/aaaaaaaaaaaaaaaa.1.claim'), '{"host":"node7","pid":3}');
  await writeFile(join(folder, 'x.json.7.partial'), '');
  const { damaged, records, stale, partial, claims, leftOver } = await checkLedger(folder);
  assert.equal(records, 28);
  assert.equal(damaged.length, 2);
  assert.match(damaged.join('\n'), /not JSON.*\n.*its key is not the file name/);
  assert.ok([...stale.values()].reduce((sum, count) => sum + count, 0) <= 28);
  assert.deepEqual(partial, [join(folder, 'x.json.7.partial')]);
  assert.deepEqual(claims, [{ key: 'aaaaaaaaaaaaaaaa', by: 'node7, process 3', alive: true }]);
  assert.deepEqual(leftOver, [join(folder, 'unfinished', key)]);
});

test('conditions choose records by setting, metric and machine', async () => {
  const records = [...(await readLedger(a)).values()];
  const [record] = records as [LedgerRecord];
  const { task, seed, method, learningRate } = record.spec;
  const chosen = (...where: string[]): LedgerRecord[] => records.filter(recordFilter(where).keeps);
  const all = [
    `task=${task}`,
    `seed=${seed}`,
    `method=${method.kind}`,
    `learningRate=${learningRate.toExponential()}`,
  ];
  assert.ok(chosen(...all).includes(record));
  assert.equal(chosen('task=none').length, 0);
  assert.equal(chosen('task!=none').length, records.length);
  assert.equal(chosen('epochs>=1', 'schedule.stages < 1e9').length, records.length);
  assert.deepEqual(
    chosen('seed<1'),
    records.filter(({ spec }) => spec.seed < 1),
  );
  assert.throws(() => recordFilter(['task']), /'task' is no condition; one is, for example, task=cola/);
  assert.throws(() => recordFilter(['seed<many']), /< wants a number, not 'many'/);
  const misspelt = recordFilter(['task=none', 'sede=1']);
  assert.deepEqual(records.filter(misspelt.keeps), []);
  assert.throws(misspelt.checkNames, /no record has 'sede'; settings are task, /);
  const whole = recordFilter(['seed>=0', 'identity.config.hidden_size>0']);
  assert.deepEqual([whole.asksWhole, misspelt.asksWhole], [true, false]);
  const config = { hidden_size: 256 };
  const known = { ...record, identity: { config, tokenizer: {}, weights: {}, numericalVersion: 4 } };
  assert.deepEqual([whole.keeps(known), whole.keeps({ ...record, identity: undefined })], [true, false]);
  const empty = recordFilter(['task=none', 'seed=1']);
  assert.deepEqual(records.filter(empty.keeps), []);
  empty.checkNames();
});
