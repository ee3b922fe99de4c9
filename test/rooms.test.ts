/** Holds the design's import table: which room may import which, and which packages stay in one place. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { roomsOf, roomsSvg, walkOf } from './rooms-drawing.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const src = join(root, 'src');

/** Room or file -> rooms and files it may import besides itself, as docs/architecture.md says; seven files are open to all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  exists: [],
  json: [],
  nearest: [],
  package: [],
  partial: [],
  schema: [],
  random: [],
  ...Object.fromEntries(
    [
      ...readFileSync(join(root, 'docs/architecture.md'), 'utf8').matchAll(
        /^\| (\w+) \| [^|]+ \|([^|]*)\|$/gm,
      ),
    ].map(([, room, allowed]) => [room, (allowed as string).split(',').flatMap((name) => name.trim() || [])]),
  ),
};

/** A package -> the files that may import it. */
const PACKAGES: Record<string, RegExp> = {
  'onnxruntime-node': /^engine\/session\.ts$/,
  zod: /^schema\.ts$/,
  '@tensorflow/tfjs-core': /^engine\/tfjs\.ts$/,
  pbf: /^(engine\/onnx-writer|experiments\/event-file)\.ts$/,
  'plotly.js-dist-min': /^report\//,
  jsdom: /^report\//,
  tslab: /^report\//,
  tokenizers: /^tokenizers\//,
  hyparquet: /^datasets\//,
  '@huggingface/hub': /^datasets\//,
  '@huggingface/jinja': /^tokenizers\/chat-template\.ts$/,
  commander: /^cli/,
  'cli-progress': /^cli/,
  'fastest-levenshtein': /^nearest\.ts$/,
};

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.as.ts'))
  .map((file) => ({ file, text: readFileSync(join(src, file), 'utf8') }));

const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from|import|require)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);

const withoutExtension = (path: string): string => path.replace(/\.(js|ts)$/, '');

test('every import stays within the room table', () => {
  const broken: string[] = [];
  for (const { file, text } of sources) {
    const room = withoutExtension(file.includes('/') ? (file.split('/')[0] as string) : file);
    const allowed = ALLOWED[room];
    assert.ok(allowed, `src/${file}: room '${room}' is not in the table`);
    for (const target of importsOf(text).filter((path) => path.startsWith('.'))) {
      const to = withoutExtension(relative(src, resolve(dirname(join(src, file)), target)));
      const open =
        ['errors', 'exists', 'json', 'nearest', 'package', 'partial', 'schema'].includes(to) ||
        to.startsWith(`${room}/`) ||
        to === room ||
        allowed.includes('*');
      if (open || allowed.some((name) => to === name || to.startsWith(`${name}/`))) continue;
      broken.push(`src/${file} imports ${to}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('every test lies where the suite looks for it: in a room of test/, no deeper', () => {
  const names = readdirSync(join(root, 'test'), { recursive: true }).map(String);
  assert.deepEqual(
    names.filter((name) => name.endsWith('.test.ts') && name.split('/').length > 2),
    [],
  );
});

test('libraries stay in the files that own them', () => {
  const broken = sources.flatMap(({ file, text }) =>
    importsOf(text)
      .filter((name) => PACKAGES[name]?.test(file) === false)
      .map((name) => `src/${file} imports ${name}`),
  );
  assert.deepEqual(broken, []);
});

/** Packages that loading a file loads too: its own imports and those of the files it imports, types and dynamic imports left out. */
function loads(file: string, seen: Set<string>): Set<string> {
  // Examples in comments import too, and are not run.
  const text = sources.find((source) => source.file === file)?.text.replace(/\/\*[\s\S]*?\*\//g, '');
  assert.ok(text !== undefined, file);
  for (const [, target] of text.matchAll(/^(?:import|export)\s(?!type\b)(?:[^;'=]*\bfrom\s+)?'([^']+)'/gm)) {
    const name = target as string;
    const next = name.startsWith('.')
      ? relative(src, resolve(dirname(join(src, file)), name)).replace(/\.js$/, '.ts')
      : name;
    if (seen.has(next)) continue;
    seen.add(next);
    if (name.startsWith('.')) loads(next, seen);
  }
  return seen;
}

const packagesOf = (file: string): string[] =>
  [...loads(file, new Set())]
    .filter((name) => !name.endsWith('.ts') && !name.startsWith('node:'))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));

/** Used as if installed, and packed by tools/bundle.mjs. */
const BUNDLED = ['@tensorflow/tfjs-core', 'commander'];

test("the list of commands loads no command's code", () =>
  assert.deepEqual(packagesOf('cli.ts'), ['commander']));

test('the door loads little: the rest where it is called', () =>
  assert.deepEqual([...new Set(packagesOf('index.ts'))].sort(), [
    '@tensorflow/tfjs-core',
    'fastest-levenshtein',
    'pbf',
    'simple-statistics',
    'zod',
  ]));

test('what is optional is loaded on demand', () => {
  const { peerDependencies, dependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'peerDependencies', Record<string, string>>;
  for (const door of ['index.ts', 'cli/finetune.ts', 'cli/notebooks.ts'])
    for (const name of packagesOf(door)) {
      assert.ok(!(name in peerDependencies), `${door} loads ${name}`);
      assert.ok(name in dependencies || BUNDLED.includes(name), `${name} is not installed`);
    }
});

const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

/** Files under src/ that are reached from a file by imports, types and dynamic ones with them. */
function reached(file: string, seen = new Set<string>([file])): Set<string> {
  const text = sources.find((source) => source.file === file)?.text ?? '';
  for (const target of importsOf(text).filter((path) => path.startsWith('.'))) {
    const next = `${withoutExtension(relative(src, resolve(dirname(join(src, file)), target)))}.ts`;
    if (!seen.has(next)) reached(next, seen.add(next));
  }
  return seen;
}

test("a batch's walk leads through files that a run, and what shows it, import", () => {
  const walk = walkOf(page);
  assert.deepEqual(
    walk.map(({ step }) => step),
    walk.map((_, i) => i + 1),
  );
  const files = new Set([...reached('experiments/run.ts'), ...reached('cli/reproduce.ts')]);
  for (const step of walk) {
    assert.ok(step.files.length > 0, `step ${step.step} names no file`);
    for (const file of step.files) assert.ok(files.has(file), `step ${step.step}: ${file}`);
  }
});

test('the drawing of rooms is that of the table (`UPDATE_SNAPSHOTS=1` rewrites it)', () => {
  const steps = new Map<string, number[]>();
  for (const { step, files } of walkOf(page))
    for (const room of new Set(files.map((file) => file.split('/')[0] as string)))
      steps.set(room, [...(steps.get(room) ?? []), step]);
  const svg = roomsSvg(roomsOf(page), steps);
  const path = join(root, 'docs/figures/rooms.svg');
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(path, svg);
  assert.equal(readFileSync(path, 'utf8'), svg);
});
