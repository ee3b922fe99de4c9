/** The hub's cache against a local server that answers like the hub, failures included. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { hubFile, modelFolder } from '../../src/datasets/hub.js';
import { readGlueHub, readParquet } from '../../src/datasets/parquet.js';
import { findTask } from '../../src/datasets/task.js';
import { withHub } from './hub-home.js';

const COMMIT = 'a'.repeat(40);
const rows = Array.from({ length: 30 }, (_, i) => ({
  sentence: `row "${i}"\twith a tab`,
  label: BigInt(i % 2),
  idx: i,
}));
const column = (name: 'sentence' | 'label' | 'idx') => ({ name, data: rows.map((row) => row[name]) });
const parquet = Buffer.from(
  parquetWriteBuffer({ columnData: [column('sentence'), column('label'), column('idx')] as never }),
);
const files: Record<string, Buffer> = {
  'sst2/train-00000-of-00001.parquet': parquet,
  'sst2/validation-00000-of-00001.parquet': parquet,
  'config.json': Buffer.from('{"model_type":"bert"}'),
  'model.safetensors': Buffer.alloc(300_000, 7),
  'vocab.txt': Buffer.from('[PAD]\n[UNK]\n'),
};
const isLarge = (path: string): boolean => /parquet|safetensors/.test(path);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** What the server does next. */
const behaviour = { status: 0, cutAfter: 0, wrongHash: false, redirect: false };
const seen: { method: string; url: string; range: string | undefined; token: string | undefined }[] = [];

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
  const bytes = files[path];
  if (!bytes) {
    response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end();
    return;
  }
  const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const end = to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  const part = bytes.subarray(Number(from), end + 1);
  response.writeHead(206, {
    'Content-Range': `bytes ${from}-${end}/${bytes.length}`,
    'Content-Length': part.length,
    ETag: `"${isLarge(path) ? sha256(bytes) : gitHash(bytes)}"`,
    'X-Repo-Commit': COMMIT,
  });
  if (behaviour.cutAfter > 0 && part.length > behaviour.cutAfter) {
    response.write(part.subarray(0, behaviour.cutAfter), () => response.socket?.destroy());
    behaviour.cutAfter = 0;
  } else response.end(part);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://hub');
  seen.push({
    method: request.method ?? '',
    url: url.pathname,
    range: request.headers.range,
    token: request.headers.authorization,
  });
  if (behaviour.status)
    return response.writeHead(behaviour.status, { 'Content-Type': 'application/json' }).end('{"error":"no"}');
  if (url.pathname.includes('/paths-info/')) {
    const { paths } = JSON.parse(await bodyOf(request)) as { paths: string[] };
    const infos = paths
      .filter((path) => files[path])
      .map((path) => {
        const bytes = files[path] as Buffer;
        const oid = behaviour.wrongHash ? 'f'.repeat(64) : sha256(bytes);
        const large = isLarge(path) ? { lfs: { oid, size: bytes.length, pointerSize: 130 } } : {};
        return { type: 'file', path, size: bytes.length, oid: gitHash(bytes), ...large };
      });
    return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(infos));
  }
  if (url.pathname.startsWith('/api/')) {
    const id = url.pathname.split('/').slice(3, 5).join('/');
    return response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ _id: '1', id, sha: COMMIT, likes: 0, downloads: 0, lastModified: '2026-01-01' }));
  }
  const [, path = ''] = /\/resolve\/[^/]+\/(.*)$/.exec(url.pathname) ?? [];
  if (behaviour.redirect && !url.searchParams.has('cdn'))
    return response.writeHead(302, { Location: `${url.pathname}?cdn=1` }).end();
  return sendFile(request, response, path);
});

const home = withHub(server, () => {
  Object.assign(behaviour, { status: 0, cutAfter: 0, wrongHash: false, redirect: false });
  seen.length = 0;
});

const dataset = { type: 'dataset', name: 'nyu-mll/glue' } as const;
const FILE = 'sst2/validation-00000-of-00001.parquet';
const cache = (...names: string[]): string => join(home(), 'hub', 'datasets--nyu-mll--glue', ...names);

test('a file comes once, into the layout that Python shares; the token is sent', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  const progress: number[] = [];
  const path = await hubFile(dataset, FILE, { onProgress: (_, done) => progress.push(done) });
  assert.equal(path, cache('snapshots', COMMIT, FILE));
  assert.deepEqual(await readFile(path), parquet);
  assert.ok((await readlink(path)).endsWith(join('blobs', sha256(parquet))));
  assert.equal(await readFile(cache('refs', 'main'), 'utf8'), COMMIT);
  assert.equal(progress.at(-1), parquet.length);
  assert.ok(seen.every(({ token }) => token === 'Bearer hf_secret'));
  const before_ = seen.filter(({ url }) => url.includes('/resolve/')).length;
  await hubFile(dataset, FILE);
  assert.equal(seen.filter(({ url }) => url.includes('/resolve/')).length, before_);
});

test('GLUE is read from parquet: int64 labels, literal text, the first rows', async () => {
  const { examples, hash } = await readGlueHub(findTask('sst2'), 'dev', { maxExamples: 3 });
  assert.deepEqual(
    examples,
    [0, 1, 2].map((i) => ({ texts: [`row "${i}"\twith a tab`], label: i % 2 })),
  );
  assert.equal(hash, sha256(parquet));
});

test('a model is one folder; tokenizer files that it does not have are no error', async () => {
  const folder = await modelFolder('tiny/bert');
  assert.deepEqual((await readdir(folder)).sort(), ['config.json', 'model.safetensors', 'vocab.txt']);
});

test('of a model in shards the index and each shard come; without either the weights are named', async (t) => {
  const { 'model.safetensors': single, ...rest } = files;
  t.after(() => {
    for (const name of Object.keys(files)) delete files[name];
    Object.assign(files, rest, { 'model.safetensors': single });
  });
  delete files['model.safetensors'];
  await assert.rejects(modelFolder('tiny/bert'), /has no file 'model\.safetensors'/);
  const shards = ['model-1-of-2.safetensors', 'model-2-of-2.safetensors'];
  const index = { weight_map: { a: shards[0], b: shards[1], c: shards[0] } };
  files['model.safetensors.index.json'] = Buffer.from(JSON.stringify(index));
  for (const shard of shards) files[shard] = Buffer.from(shard);
  const folder = await modelFolder('tiny/bert');
  const wanted = ['config.json', ...shards, 'model.safetensors.index.json', 'vocab.txt'];
  assert.deepEqual((await readdir(folder)).sort(), wanted.sort());
  process.env.HF_HUB_OFFLINE = '1';
  assert.equal(await modelFolder('tiny/bert'), folder);
});

test("an index may not reach out of the repository's folder", async (t) => {
  const { 'model.safetensors': single } = files;
  t.after(() => {
    delete files['model.safetensors.index.json'];
    Object.assign(files, { 'model.safetensors': single });
  });
  delete files['model.safetensors'];
  files['model.safetensors.index.json'] = Buffer.from('{"weight_map":{"a":"../../escape.safetensors"}}');
  await assert.rejects(
    modelFolder('tiny/bert'),
    /'\.\.\/\.\.\/escape\.safetensors' is no file of a repository/,
  );
});

test('a cut connection is one clear error, leaves no final file, and the next try goes on from there', async () => {
  behaviour.cutAfter = 100_000;
  const model = { type: 'model', name: 'tiny/bert' } as const;
  await assert.rejects(
    hubFile(model, 'model.safetensors'),
    /model 'tiny\/bert', file 'model.safetensors'.*could not be fetched.*goes on where it stopped/,
  );
  const blobs = join(home(), 'hub', 'models--tiny--bert', 'blobs');
  const [partial] = await readdir(blobs);
  assert.ok(partial?.endsWith('.incomplete'));
  const had = (await stat(join(blobs, partial as string))).size;
  assert.ok(had > 0 && had < 300_000);
  seen.length = 0;
  const path = await hubFile(model, 'model.safetensors');
  assert.deepEqual(await readFile(path), files['model.safetensors']);
  assert.ok(
    seen.some(({ range }) => range?.startsWith(`bytes=${had}-`)),
    JSON.stringify(seen.map(({ range }) => range)),
  );
});

test('a wrong hash is refused and removed', async () => {
  behaviour.wrongHash = true;
  await assert.rejects(hubFile(dataset, FILE), /hash .* is not the hub's f{64}.*removed, try again/);
  assert.deepEqual(await readdir(cache('blobs')), []);
});

test('a redirect is followed', async () => {
  behaviour.redirect = true;
  assert.deepEqual(await readFile(await hubFile(dataset, FILE)), parquet);
});

test('401, 404 and a missing file say what to do, and never show the token', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  behaviour.status = 401;
  await assert.rejects(
    hubFile(dataset, FILE),
    (error: Error) => /refused \(401\)/.test(error.message) && !error.message.includes('hf_secret'),
  );
  delete process.env.HF_TOKEN;
  await assert.rejects(hubFile(dataset, FILE), /set HF_TOKEN/);
  behaviour.status = 404;
  await assert.rejects(hubFile(dataset, FILE), /not found \(404\)/);
  behaviour.status = 0;
  await assert.rejects(hubFile(dataset, 'sst2/nothing.parquet'), /has no file 'sst2\/nothing.parquet'/);
  await assert.rejects(hubFile(dataset, '../../etc/passwd'), /is no file of a repository/);
});

test('offline: a warm cache serves, a cold one says what to do, and nothing is asked', async () => {
  await hubFile(dataset, FILE);
  process.env.HF_HUB_OFFLINE = '1';
  seen.length = 0;
  assert.deepEqual(await readFile(await hubFile(dataset, FILE)), parquet);
  await assert.rejects(
    hubFile(dataset, 'sst2/train-00000-of-00001.parquet'),
    /HF_HUB_OFFLINE is set and 'sst2\/train/,
  );
  await assert.rejects(
    hubFile({ type: 'model', name: 'never/seen' }, 'config.json'),
    /HF_HUB_OFFLINE is set and model 'never\/seen' is not in/,
  );
  assert.deepEqual(seen, []);
});

test('no network: the endpoint is named', async () => {
  process.env.HF_ENDPOINT = 'http://127.0.0.1:1';
  await assert.rejects(hubFile(dataset, FILE), /at http:\/\/127\.0\.0\.1:1: could not be fetched/);
});

test('parquet that is none, or lacks a column, names the file', async () => {
  const path = join(home(), 'bad.parquet');
  await writeFile(path, 'not parquet');
  await assert.rejects(readParquet(path), /bad\.parquet: not a parquet file/);
  await assert.rejects(readGlueHub(findTask('rte'), 'dev'), /has no file 'rte\/validation/);
  files['rte/validation-00000-of-00001.parquet'] = parquet;
  await assert.rejects(
    readGlueHub(findTask('rte'), 'dev'),
    /row 0: no column 'sentence1'; there are: sentence, label, idx/,
  );
});
