/** A hub on this machine, with an empty cache of its own for each test of a file. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';

/**
 * @param fresh called before each test @param cache where in the test's folder the cache is
 * @returns the folder of the test that runs
 */
export function withHub(server: Server, fresh: () => void, ...cache: string[]): () => string {
  let home = '';
  const kept = { ...process.env };
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after(() => server.close());
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'progtuning-hub-'));
    fresh();
    for (const name of Object.keys(process.env).filter((key) => /^(HF|HUGGING)/.test(key)))
      delete process.env[name];
    process.env.HF_HOME = join(home, ...cache);
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    process.env = { ...kept };
    await rm(home, { recursive: true, force: true });
  });
  return () => home;
}
