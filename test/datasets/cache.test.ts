/** The cache of tokenised data: made once, damaged files made anew, a folder that cannot be written done without. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cached } from '../../src/datasets/cache.js';

let home: string;
const former = process.env.PROGTUNING_CACHE;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-cache-'));
});
after(async () => {
  process.env.PROGTUNING_CACHE = former;
  await rm(home, { recursive: true });
});

const value = { rows: [Int32Array.of(1, -2, 3)], label: 0.5, name: 'ä' };

/** How often the value is made. */
async function madeBy(of: Record<string, unknown>): Promise<number> {
  let made = 0;
  const got = await cached(of, async () => {
    made++;
    return value;
  });
  assert.deepEqual(got, value);
  return made;
}

test('made once for the same key, again for another', async () => {
  process.env.PROGTUNING_CACHE = join(home, 'a');
  assert.deepEqual([await madeBy({ x: 1 }), await madeBy({ x: 1 }), await madeBy({ x: 2 })], [1, 0, 1]);
  assert.deepEqual(
    (await readdir(join(home, 'a'))).filter((name) => !name.endsWith('.bin')),
    [],
  );
});

test('a damaged or cut file is made anew', async () => {
  process.env.PROGTUNING_CACHE = join(home, 'b');
  await madeBy({ x: 1 });
  const [name] = await readdir(join(home, 'b'));
  const path = join(home, 'b', name as string);
  const bytes = await readFile(path);
  for (const damaged of [bytes.subarray(0, 40), Buffer.from('short'), Buffer.concat([bytes, bytes])]) {
    await writeFile(path, damaged);
    assert.equal(await madeBy({ x: 1 }), 1);
    assert.equal(await madeBy({ x: 1 }), 0);
  }
});

test('turned off, or not writable, it is done without', async () => {
  process.env.PROGTUNING_CACHE = 'off';
  assert.deepEqual([await madeBy({ y: 1 }), await madeBy({ y: 1 })], [1, 1]);
  await writeFile(join(home, 'file'), '');
  process.env.PROGTUNING_CACHE = join(home, 'file');
  assert.deepEqual([await madeBy({ y: 1 }), await madeBy({ y: 1 })], [1, 1]);
});
