/** `node claim-racer.js LEDGER KEYS`: one of several processes that make the same records; every making appends a line to `made-<key>`. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { exists } from '../../src/exists.js';
import { takeClaim } from '../../src/experiments/claim.js';

const [ledger, count] = process.argv.slice(2) as [string, string];
const open = new Set(Array.from({ length: Number(count) }, (_, i) => i.toString(16).padStart(16, '0')));
while (open.size > 0)
  for (const key of open) {
    const record = join(ledger, `${key}.json`);
    const claim = await takeClaim(join(ledger, 'unfinished'), key, 30);
    if (await exists(record)) open.delete(key);
    if (claim.kind === 'held') continue;
    if (open.has(key) && Math.random() < 0.7) {
      await appendFile(join(ledger, `made-${key}`), `${process.pid}\n`);
      await setTimeout(5 * Math.random());
      await writeFile(record, '{}');
      open.delete(key);
    }
    await (open.has(key) ? claim.release() : claim.finish());
  }
