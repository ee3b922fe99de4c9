/** What a hub must not be able to do to the cache, and what the cache gives when there is no hub. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { hubFile } from '../../src/datasets/hub.js';
import { withHub } from './hub-home.js';

const gitHash = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const COMMIT = 'b'.repeat(40);

/** What the server answers next. */
let commit = COMMIT;
let etag = '';
let content = Buffer.from('{}');

const server = createServer((request, response) => {
  const url = request.url ?? '';
  const json = (value: unknown) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  const oid = etag || gitHash(content);
  if (url.includes('/paths-info/'))
    return json([{ type: 'file', path: 'config.json', size: content.length, oid }]);
  if (url.startsWith('/api/')) return json({ _id: '1', id: 'tiny/bert', sha: commit });
  if (content.length === 0) return response.writeHead(416).end();
  const range = `bytes 0-${content.length - 1}/${content.length}`;
  return response.writeHead(200, { ETag: `"${oid}"`, 'Content-Range': range }).end(content);
});

const home = withHub(
  server,
  () => {
    commit = COMMIT;
    etag = '';
    content = Buffer.from('{}');
  },
  'a',
  'b',
);

const model = { type: 'model', name: 'tiny/bert' } as const;

test('a commit, hash or revision that is a path writes nothing', async () => {
  commit = '../../../../escaped';
  await assert.rejects(hubFile(model, 'config.json'), /answered with '.*escaped' where a commit/);
  commit = COMMIT;
  etag = '../../../../escaped';
  await assert.rejects(hubFile(model, 'config.json'), /answered with '.*escaped' where a hash/);
  await assert.rejects(
    hubFile({ ...model, revision: '../../../escaped' }, 'config.json'),
    /'\.\.\/\.\.\/\.\.\/escaped' is no revision/,
  );
  const written = await readdir(home(), { recursive: true });
  assert.deepEqual(
    written.filter((path) => path.includes('escaped')),
    [],
  );
});

test('an empty file is a file', async () => {
  content = Buffer.alloc(0);
  assert.equal((await readFile(await hubFile(model, 'config.json'))).length, 0);
});

test('the name of a revision is written whole, and nothing is left beside it', async () => {
  await hubFile(model, 'config.json');
  const refs = join(home(), 'a/b/hub/models--tiny--bert/refs');
  assert.deepEqual(await readdir(refs), ['main']);
  assert.equal(await readFile(join(refs, 'main'), 'utf8'), COMMIT);
});

test('no network: what is in the cache serves, as in Python', async () => {
  const path = await hubFile(model, 'config.json');
  process.env.HF_ENDPOINT = 'http://127.0.0.1:1';
  assert.equal(await hubFile(model, 'config.json'), path);
  await assert.rejects(hubFile(model, 'vocab.txt'), /could not be fetched/);
});
