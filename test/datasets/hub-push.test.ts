/** To and from the hub: a saved folder is committed, a data set's files are found, against a local server that speaks the hub's protocol. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { taskAndData } from '../../src/cli/own-data-options.js';
import { buildProgram } from '../../src/cli/program.js';
import { datasetFiles, localFile } from '../../src/datasets/hub-dataset.js';
import { pushFolder } from '../../src/datasets/hub-push.js';
import { readRows } from '../../src/datasets/tables/rows.js';
import { createModel } from '../../src/experiments/create-model.js';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { withHub } from './hub-home.js';

const COMMIT = 'c'.repeat(40);
const rows = Array.from({ length: 12 }, (_, i) => ({
  text: `row ${i} of it`,
  label: i % 2 ? 'fine' : 'poor',
}));
const csv = `text,label\n${rows.map(({ text, label }) => `${text},${label}`).join('\n')}\n`;
const parquet = Buffer.from(
  parquetWriteBuffer({
    columnData: (['text', 'label'] as const).map((name) => ({ name, data: rows.map((row) => row[name]) })),
  }),
);
/** Files by data set. */
const datasets: Record<string, Record<string, Buffer>> = {
  'me/reviews': {
    'README.md': Buffer.from('# reviews'),
    'data/train-00000-of-00001.parquet': parquet,
    'data/validation-00000-of-00001.parquet': parquet,
  },
  'me/lines': { 'all.jsonl': Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')) },
  'me/several': { 'en/train.csv': Buffer.from(csv), 'de/train.csv': Buffer.from(csv) },
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly token: string | undefined;
  readonly body: Buffer;
}
const seen: Seen[] = [];
const repos = new Set<string>();
let refused = false;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const oid = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const infoOf = (path: string, bytes: Buffer): object => ({
  ...{ type: 'file', path, size: bytes.length, oid: 'b'.repeat(40) },
  lfs: { oid: oid(bytes), size: bytes.length, pointerSize: 130 },
});

function json(response: ServerResponse, value: unknown, status = 200): ServerResponse {
  return response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function answerDataset(
  url: URL,
  body: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): ServerResponse {
  const [, name = '', rest = ''] = /datasets\/([^/]+\/[^/]+)(.*)$/.exec(url.pathname) ?? [];
  const files = datasets[name];
  if (!files) return json(response, { error: 'Repository not found' }, 404);
  if (rest.startsWith('/tree/')) {
    const found = Object.entries(files).map(([path, bytes]) => infoOf(path, bytes));
    return json(response, found);
  }
  if (rest.startsWith('/paths-info/')) {
    const { paths } = JSON.parse(body.toString()) as { paths: string[] };
    return json(
      response,
      paths.flatMap((path) => (files[path] ? [infoOf(path, files[path])] : [])),
    );
  }
  const path = /^\/resolve\/[^/]+\/(.*)$/.exec(rest)?.[1];
  if (path === undefined)
    return json(response, {
      _id: '1',
      id: name,
      sha: COMMIT,
      likes: 0,
      downloads: 0,
      lastModified: '2026-01-01',
    });
  const bytes = files[decodeURIComponent(path)] as Buffer;
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  return response
    .writeHead(206, {
      'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      ETag: `"${oid(bytes)}"`,
      'X-Repo-Commit': COMMIT,
    })
    .end(bytes.subarray(from));
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://hub');
  const body = await bodyOf(request);
  seen.push({ method: request.method ?? '', url: url.pathname, token: request.headers.authorization, body });
  if (refused) return json(response, { error: 'no' }, 403);
  if (url.pathname === '/api/whoami-v2')
    return json(response, {
      type: 'user',
      id: '1',
      name: 'me',
      fullname: 'Me',
      orgs: [],
      auth: { type: 'access_token' },
    });
  if (url.pathname === '/api/repos/create') {
    const { organization, name } = JSON.parse(body.toString()) as { organization: string; name: string };
    if (repos.has(`${organization}/${name}`)) return json(response, { error: 'exists' }, 409);
    repos.add(`${organization}/${name}`);
    return json(response, { url: `http://hub/${organization}/${name}`, id: '1' });
  }
  if (url.pathname.includes('/preupload/')) {
    const { files } = JSON.parse(body.toString()) as { files: { path: string }[] };
    const mode = (path: string): string => (path.endsWith('.safetensors') ? 'lfs' : 'regular');
    return json(response, { files: files.map(({ path }) => ({ path, uploadMode: mode(path) })) });
  }
  if (url.pathname.endsWith('/info/lfs/objects/batch')) {
    const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
    const href = `${process.env.HF_ENDPOINT}/lfs/`;
    return json(response, {
      transfer: 'basic',
      objects: objects.map((each) => ({ ...each, actions: { upload: { href: href + each.oid } } })),
    });
  }
  if (url.pathname.startsWith('/lfs/')) return response.writeHead(200).end();
  if (url.pathname.includes('/commit/'))
    return json(response, { commitOid: COMMIT, commitUrl: 'http://hub/c', hookOutput: '' });
  return answerDataset(url, body, request, response);
});

const home = withHub(server, () => {
  seen.length = 0;
  repos.clear();
  refused = false;
});

/** What the last commit holds, by path: text of small files, hash of large ones. */
function committed(): Record<string, string> {
  const { body } = seen.findLast(({ url }) => url.includes('/commit/')) as Seen;
  const lines = body
    .toString()
    .split('\n')
    .map((line) => JSON.parse(line));
  return Object.fromEntries(
    lines.flatMap(({ key, value }) => {
      if (key === 'lfsFile') return [[value.path, value.oid]];
      return key === 'file' ? [[value.path, Buffer.from(value.content, 'base64').toString()]] : [];
    }),
  );
}

async function saved(): Promise<string> {
  const folder = join(home(), 'my-run');
  await mkdir(join(folder, 'unfinished'), { recursive: true });
  await writeFile(join(folder, 'config.json'), '{"model_type":"bert"}');
  await writeFile(join(folder, 'README.md'), '---\n---\n# card\n');
  await writeFile(join(folder, 'model.safetensors'), 'weights');
  await writeFile(join(folder, 'unfinished', 'state.bin'), 'x');
  await writeFile(join(folder, 'run.json.7.partial'), 'x');
  return folder;
}

test('a folder is one commit of a repository that is made for it; what is unfinished stays here', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  const folder = await saved();
  assert.equal(await pushFolder(folder, { private: true }), `${process.env.HF_ENDPOINT}/me/my-run`);
  assert.ok(seen.every(({ token, url }) => url.startsWith('/lfs/') || token === 'Bearer hf_secret'));
  const made = seen.find(({ url }) => url === '/api/repos/create') as Seen;
  assert.equal(JSON.parse(made.body.toString()).visibility, 'private');
  assert.deepEqual(committed(), {
    'README.md': '---\n---\n# card\n',
    'config.json': '{"model_type":"bert"}',
    'model.safetensors': oid(Buffer.from('weights')),
  });
  assert.equal(seen.find(({ method }) => method === 'PUT')?.body.toString(), 'weights');
  // It is there already: one more commit.
  await pushFolder(folder, { repo: 'me/my-run' });
  assert.equal(seen.filter(({ url }) => url.includes('/commit/')).length, 2);
});

test('paths of this machine are not sent, names of the hub are', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  const folder = await saved();
  const spec = { data: 'hf://datasets/a/b/c.csv', validationFile: '../v.csv', testFile: 'C:\\me\\t.csv' };
  await writeFile(
    join(folder, 'run.json'),
    JSON.stringify({ spec: { ...spec, model: 'owner/name' }, x: [1] }),
  );
  await writeFile(
    join(folder, 'adapter_config.json'),
    JSON.stringify({ base_model_name_or_path: `${home}/bert/` }),
  );
  await pushFolder(folder);
  assert.deepEqual(JSON.parse(committed()['run.json'] ?? ''), {
    spec: { data: spec.data, validationFile: 'v.csv', testFile: 't.csv', model: 'owner/name' },
    x: [1],
  });
  assert.deepEqual(JSON.parse(committed()['adapter_config.json'] ?? ''), { base_model_name_or_path: 'bert' });
});

test("the token is found where Python's client finds it", async () => {
  const folder = await saved();
  await assert.rejects(
    pushFolder(folder),
    /wants a token that may write: set HF_TOKEN, or put it in .*token/,
  );
  assert.equal(seen.length, 0);
  await writeFile(join(home(), 'token'), 'hf_of_file\n');
  await pushFolder(folder);
  assert.equal(seen[0]?.token, 'Bearer hf_of_file');
  process.env.HF_TOKEN_PATH = join(home(), 'other');
  await assert.rejects(pushFolder(folder), /other \(hf auth login\)/);
  await writeFile(join(home(), 'other'), 'hf_other');
  await pushFolder(folder);
  assert.equal(seen.at(-1)?.token, 'Bearer hf_other');
});

test('refusals are one line, without the token; a folder without a model is not sent', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  const folder = await saved();
  refused = true;
  await assert.rejects(pushFolder(folder, { repo: 'you/x' }), (error: Error) => {
    assert.match(error.message, /model 'you\/x' at .*: refused \(403\): the token in HF_TOKEN has no access/);
    return !error.message.includes('hf_secret');
  });
  await assert.rejects(pushFolder(join(home(), 'none')), /none: cannot be read/);
  await assert.rejects(pushFolder(folder, { repo: '../x' }), /no name of a repository/);
  process.env.HF_HUB_OFFLINE = '1';
  await assert.rejects(pushFolder(folder), /HF_HUB_OFFLINE is set/);
});

test('finetune --push-to-hub: asked whose token it is before it trains, sent when it is saved; push sends it again', async () => {
  const model = join(home(), 'model');
  const data = join(home(), 'own.csv');
  await writeFile(data, csv);
  const texts = rows.map(({ text }) => text);
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 24, texts, seed: 1 });
  const save = join(home(), 'sent');
  const words = ['finetune', '--train-file', data, '--model', model, '--epochs', '2', '--max-length', '16'];
  const call = (...more: string[]): Promise<unknown> =>
    buildProgram().then((program) =>
      program.parseAsync([...words, ...more, '--threads', '1', '--json'], { from: 'user' }),
    );
  await assert.rejects(call('--push-to-hub'), /--push-to-hub wants --save/);
  await assert.rejects(call('--push-to-hub', '--save', save), /wants a token/);
  process.env.HF_TOKEN = 'hf_secret';
  await call('--push-to-hub', '--save', save, '--hub-model-id', 'me/sent');
  const names = Object.keys(committed());
  for (const name of ['README.md', 'all_results.json', 'config.json', 'model.safetensors', 'run.json'])
    assert.ok(names.includes(name), name);
  assert.ok(
    !Object.values(committed()).some((text) => text.includes(home)),
    'a path of this machine is sent',
  );
  const { spec } = JSON.parse(committed()['run.json'] ?? '');
  assert.deepEqual([spec.data, spec.model], ['own.csv', 'model']);
  assert.match(await readFile(join(save, 'run.json'), 'utf8'), /own\.csv/);
  await (await buildProgram()).parseAsync(['push', save], { from: 'user' });
  assert.deepEqual(Object.keys(committed()), names);
});

test('a data set by its id: its files by the words in their names, with the commit', async () => {
  const at = (name: string, path: string): string => `hf://datasets/${name}@${COMMIT}/${path}`;
  assert.deepEqual(await datasetFiles({ name: 'me/reviews' }), {
    train: at('me/reviews', 'data/train-00000-of-00001.parquet'),
    validation: at('me/reviews', 'data/validation-00000-of-00001.parquet'),
  });
  assert.deepEqual(await datasetFiles({ name: 'me/lines' }), { train: at('me/lines', 'all.jsonl') });
  await assert.rejects(datasetFiles({ name: 'me/several' }), /2 files are its train split \(de\/train\.csv/);
  const german = await datasetFiles({ name: 'me/several', config: 'de' });
  const found: unknown[] = [];
  for await (const { values } of readRows(await localFile(german.train))) found.push(values);
  assert.deepEqual(found, rows);
  await assert.rejects(datasetFiles({ name: 'me/none' }), /dataset 'me\/none' at .*: not found \(404\)/);
  await assert.rejects(localFile('hf://models/x'), /wanted hf:\/\/datasets\/owner\/name\/path/);
});

test('a run on a data set of the hub: parquet, json lines, csv', async () => {
  const model = join(home(), 'model');
  const texts = rows.map(({ text }) => text);
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 24, texts, seed: 1 });
  for (const [name, config] of [['me/reviews'], ['me/lines'], ['me/several', 'en']] as const) {
    const source = await taskAndData({
      datasetName: name,
      ...(config === undefined ? {} : { datasetConfigName: config }),
    });
    assert.equal(source.task, 'classification');
    const spec = runSpec({ ...source, model, epochs: 1, maxLength: 16, schedule: { kind: 'full' } });
    const { metrics, spec: kept } = await run(spec, { threads: 1 });
    assert.ok('accuracy' in metrics);
    assert.match(kept.data, /^hf:\/\/datasets\/me\/\w+@c{40}\//);
  }
});

test('the file that was read is the one of the commit', async () => {
  const path = await localFile(`hf://datasets/me/lines@${COMMIT}/all.jsonl`);
  assert.equal((await readFile(path, 'utf8')).split('\n').length, rows.length);
});
