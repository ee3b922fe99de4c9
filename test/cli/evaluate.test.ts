import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { evaluateSquad, registerEvaluate } from '../../src/cli/evaluate.js';
import { DataError, UsageError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'progtuning-evaluate-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function dataFile(name: string, version: string, qas: readonly unknown[]): string {
  return write(name, { version, data: [{ title: 'T', paragraphs: [{ context: 'the red fox ran', qas }] }] });
}

const ANSWERS = [{ text: 'red fox', answer_start: 4 }];
const v1 = dataFile('v1.json', '1.1', [
  { id: 'a', question: 'q', answers: ANSWERS },
  { id: 'b', question: 'q', answers: ANSWERS },
]);
const v2 = dataFile('v2.json', 'v2.0', [
  { id: 'a', question: 'q', answers: ANSWERS, is_impossible: false },
  { id: 'b', question: 'q', answers: [], is_impossible: true },
]);

test('v1.1: scores, a warning for a missing id, extra ids without effect', async () => {
  const predictions = write('p1.json', { a: 'The fox', extra: 'x' });
  const { scores, warnings } = await evaluateSquad({ data: v1, predictions });
  assert.deepEqual(Object.keys(scores), ['exact_match', 'exact', 'f1', 'total']);
  assert.equal(scores.exact_match, 0);
  assert.equal(scores.total, 2);
  assert.ok(Math.abs((scores.f1 ?? 0) - 100 / 3) < 1e-9);
  assert.deepEqual(warnings, ['Missing prediction for b: it scores 0.']);
});

test('v2.0: HasAns, NoAns and best thresholds; NaN is a number as in Python', async () => {
  const predictions = write('p2.json', { a: 'red fox', b: 'ran' });
  const naProb = write('na.json', '{"a": 0.1,\n "b": NaN}');
  const { scores } = await evaluateSquad({ data: v2, predictions, naProb });
  assert.deepEqual(scores, {
    exact: 50,
    f1: 50,
    total: 2,
    HasAns_exact: 100,
    HasAns_f1: 100,
    HasAns_total: 1,
    NoAns_exact: 0,
    NoAns_f1: 0,
    NoAns_total: 1,
    best_exact: 100,
    best_exact_thresh: 0.1,
    best_f1: 100,
    best_f1_thresh: 0.1,
  });
  const above = await evaluateSquad({ data: v2, predictions, naProb, naProbThresh: 0.05 });
  assert.equal(above.scores.HasAns_exact, 0);
});

test('a prediction that is NaN, null or a list is named', async () => {
  for (const [value, shown] of [
    ['NaN', 'NaN'],
    ['null', 'null'],
    ['["x"]', '\\["x"\\]'],
  ]) {
    const predictions = write('bad.json', `{"a": "x", "b": ${value}}`);
    await assert.rejects(evaluateSquad({ data: v1, predictions }), {
      name: 'DataError',
      message: new RegExp(`bad.json: question b: expected a text .*found ${shown}`),
    });
  }
});

test('broken and absent files', async () => {
  const predictions = write('cut.json', '{"a": "x",\n  "b": ');
  await assert.rejects(evaluateSquad({ data: v1, predictions }), /cut\.json:2:8: not JSON/);
  await assert.rejects(
    evaluateSquad({ data: v1, predictions: join(folder, 'no.json') }),
    /no\.json: cannot be read/,
  );
  const list = write('list.json', []);
  await assert.rejects(evaluateSquad({ data: v1, predictions: list }), DataError);
  const naProb = write('na2.json', { b: 0.1 });
  const good = write('p3.json', { a: 'x', b: 'y' });
  await assert.rejects(
    evaluateSquad({ data: v2, predictions: good, naProb }),
    /no probability for question a/,
  );
  await assert.rejects(evaluateSquad({ data: v1, predictions: good, naProb }), UsageError);
});

test('the command prints JSON alone on standard output', async () => {
  const out: string[] = [];
  const err: string[] = [];
  const program = new Command().exitOverride();
  program.configureOutput({ writeOut: (text) => out.push(text), writeErr: (text) => err.push(text) });
  registerEvaluate(program);
  const predictions = write('p4.json', { a: 'red fox' });
  const argv = ['evaluate', 'squad', '--data', v1, '--predictions', predictions, '--json'];
  await program.parseAsync(argv, { from: 'user' });
  assert.deepEqual(JSON.parse(out.join('')), { exact_match: 50, exact: 50, f1: 50, total: 2 });
  assert.equal(out.join('').trimEnd().includes('\n'), false);
  assert.deepEqual(err, ['Missing prediction for b: it scores 0.\n']);
});
