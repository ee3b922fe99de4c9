/** The SIMD kernels against plain arithmetic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena, arenaBytes } from '../../src/engine/arena.js';

const FOR = { purpose: 'tests', remedy: 'none' };

test('adamw: five steps equal the textbook update in double precision', () => {
  const count = 37;
  const arena = new Arena(4 * arenaBytes(count), FOR);
  const [p, g, m, v] = [0, 1, 2, 3].map(() => arena.array(count)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const wanted = Array.from({ length: count }, (_, i) => ({ p: Math.fround(Math.sin(i)), m: 0, v: 0 }));
  p.set(wanted.map((entry) => entry.p));
  const [beta1, beta2, eps, rate, decay, clip] = [0.9, 0.999, 1e-8, 0.01, 0.01, 0.5];
  for (let t = 1; t <= 5; t++) {
    g.set(wanted.map((_, i) => Math.cos(i * t)));
    wanted.forEach((entry, i) => {
      const gradient = clip * Math.cos(i * t);
      entry.m = beta1 * entry.m + (1 - beta1) * gradient;
      entry.v = beta2 * entry.v + (1 - beta2) * gradient ** 2;
      entry.p *= 1 - rate * decay;
      entry.p -=
        (rate / (1 - beta1 ** t)) * (entry.m / (Math.sqrt(entry.v) / Math.sqrt(1 - beta2 ** t) + eps));
    });
    const correction = Math.sqrt(1 - beta2 ** t);
    arena.adamw(
      { p, g, m, v },
      clip,
      1 - rate * decay,
      [beta1, beta2],
      rate / (1 - beta1 ** t),
      correction,
      eps,
    );
  }
  for (const [i, entry] of wanted.entries()) {
    assert.ok(Math.abs((p[i] as number) - entry.p) < 1e-6, `${i}: ${p[i]} ${entry.p}`);
  }
});

test('masks: 0 or 1 / (1 - rate), the rate is met, keys differ, a key repeats', () => {
  const count = 100_003;
  const arena = new Arena(3 * arenaBytes(count), FOR);
  const [a, b, c] = [arena.array(count), arena.array(count), arena.array(count)];
  arena.fillMask(a, 7, 0.1);
  arena.fillMask(b, 8, 0.1);
  arena.fillMask(c, 7, 0.1);
  const scale = Math.fround(1 / (1 - Math.round(0.1 * 65536) / 65536));
  const dropped = a.filter((x) => x === 0).length;
  assert.ok(a.every((x) => x === 0 || x === scale));
  assert.ok(Math.abs(dropped / count - 0.1) < 4 * Math.sqrt((0.1 * 0.9) / count), `${dropped / count}`);
  assert.deepEqual(a, c);
  const both = a.filter((x, i) => x === 0 && b[i] === 0).length;
  assert.ok(
    Math.abs(both / count - 0.01) < 4 * Math.sqrt((0.01 * 0.99) / count),
    `independent: ${both / count}`,
  );
  const neighbours = a.filter((x, i) => x === 0 && a[i + 1] === 0).length;
  assert.ok(
    Math.abs(neighbours / count - 0.01) < 4 * Math.sqrt((0.01 * 0.99) / count),
    `neighbours: ${neighbours / count}`,
  );
});

test('arrays do not overlap, also for counts that are no multiple of 4', () => {
  const arena = new Arena(2 * arenaBytes(5), FOR);
  const [a, b] = [arena.array(5), arena.array(5)];
  b.fill(9);
  arena.fillMask(a, 1, 0.5);
  assert.deepEqual([...b], [9, 9, 9, 9, 9]);
});
