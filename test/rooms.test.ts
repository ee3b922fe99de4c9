/** Holds the design's import table: which room may import which, and which packages stay in one place. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const src = join(root, 'src');

/** Room or file -> rooms and files it may import besides itself, as docs/architecture.md says; `errors` and `json` are open to all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  json: [],
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
  'onnxruntime-node': /^engine\/(session|device)\.ts$/,
  pbf: /^engine\/onnx-writer\.ts$/,
  'plotly.js-dist-min': /^report\//,
  'danfojs-node': /^report\//,
  jsdom: /^report\//,
  tslab: /^report\//,
  tokenizers: /^(tokenizers|datasets)\//,
  hyparquet: /^datasets\//,
  '@huggingface/hub': /^datasets\//,
  commander: /^cli/,
  'cli-progress': /^cli/,
};

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.as.ts'))
  .map((file) => ({ file, text: readFileSync(join(src, file), 'utf8') }));

const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);

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
        to === 'errors' || to === 'json' || to.startsWith(`${room}/`) || to === room || allowed.includes('*');
      if (open || allowed.some((name) => to === name || to.startsWith(`${name}/`))) continue;
      broken.push(`src/${file} imports ${to}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('libraries stay in the files that own them', () => {
  const broken = sources.flatMap(({ file, text }) =>
    importsOf(text)
      .filter((name) => PACKAGES[name]?.test(file) === false)
      .map((name) => `src/${file} imports ${name}`),
  );
  assert.deepEqual(broken, []);
});
