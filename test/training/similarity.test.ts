/** Similarities of representations against NumPy (test/golden/similarity.py), and how far weights moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ParameterSpec } from '../../src/models/parameters.js';
import { linearCka, similarityLoss } from '../../src/training/similarity.js';
import { weightChanges } from '../../src/training/weight-change.js';
import { goldenJson } from '../golden/golden.js';

const rows = (values: number[][]): Float64Array[] => values.map((row) => Float64Array.from(row));
const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;

test("linear CKA and the similarity-preserving loss are NumPy's", () => {
  const { cases } = goldenJson<{ cases: { a: number[][]; b: number[][]; cka: number; loss: number }[] }>(
    'similarity.json',
  );
  for (const { a, b, cka, loss } of cases) {
    assert.ok(near(linearCka(rows(a), rows(b)), cka), `${linearCka(rows(a), rows(b))} ${cka}`);
    assert.ok(near(similarityLoss(rows(a), rows(b)), loss));
    assert.ok(near(linearCka(rows(a), rows(a.map((row) => row.map((x) => 3 * x + 1)))), 1));
    assert.equal(similarityLoss(rows(a), rows(a)), 0);
  }
});

test('weight change of a block is the norm of what was added over the norm of what was there', () => {
  const spec = (name: string, index: number): ParameterSpec => ({
    ...{ name, shape: [2], initialiser: { kind: 'zeros' }, decay: true, origin: 'base' },
    place: { kind: 'block', index },
  });
  const specs = [spec('a', 0), spec('b', 0), spec('c', 1)];
  const values = (...of: number[][]) =>
    new Map(specs.map(({ name }, i) => [name, Float32Array.from(of[i] as number[])]));
  const before = values([3, 0], [0, 4], [1, 1]);
  assert.deepEqual(weightChanges(specs, before, values([3, 3], [4, 4], [1, 1]), 2), [1, 0]);
});
