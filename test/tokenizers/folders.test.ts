/**
 * Tokenizer folders of many kinds against Python's transformers (test/golden/tokenizer_folders.py): ids, token types and offsets of
 * generated lines, alone and in pairs; the same again of what `saveTokenizer` writes.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { saveTokenizer } from '../../src/tokenizers/save.js';
import { encodeTexts, loadTokenizer, type TextTokenizer } from '../../src/tokenizers/tokenizer.js';
import { goldenJson } from '../golden/golden.js';

/** Ids and token types of a line, the same of a pair, offsets of the line's own tokens. */
type Row = readonly [number[], number[], number[], number[], number[]];

interface Golden {
  readonly lines: number;
  /** Lines that each folder takes, and how much further on than the folder before. */
  readonly share: number;
  readonly startStep: number;
  readonly chunk: number;
  readonly fragments: readonly string[];
  readonly glue: readonly string[];
  readonly wordpiece: readonly string[];
  readonly oddLines: string;
  readonly bytes: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly folders: readonly {
    readonly name: string;
    readonly size: number;
    readonly files: Readonly<Record<string, unknown>>;
    readonly rows: readonly Row[];
    readonly chunks: string;
  }[];
}

const golden = goldenJson<Golden>('tokenizer_folders.json');
const DIGEST = 10;
/** More than any line has tokens. */
const WHOLE = 100_000;

/** The lines of the script: Lehmer's generator draws glue and fragments. */
function* generatedLines(): Generator<string> {
  let state = 20250123;
  const draw = <T>(from: readonly T[]): T => from[next(from.length)] as T;
  const next = (n: number): number => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
  for (let line = 0; line < golden.lines; line++) {
    let text = '';
    for (let left = next(14); left > 0; left--) text += draw(golden.glue) + draw(golden.fragments);
    yield text;
  }
}
const every = [...generatedLines()];

const vocabularies: Readonly<Record<string, unknown>> = {
  wordpiece: Object.fromEntries(golden.wordpiece.map((token, id) => [token, id])),
  lines: `${golden.wordpiece.join('\n')}\n`,
  'odd lines': golden.oddLines,
  bytes: golden.bytes,
  merges: golden.merges,
  'merge lines': `#version: 0.2\n${golden.merges.map((pair) => `${pair.join(' ')}\n`).join('')}`,
};

/** A file's content, with the vocabularies that it names. */
function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [key, name] = entries[0] ?? [];
  if (entries.length === 1 && key === '$') return vocabularies[name as string];
  return Object.fromEntries(entries.map(([one, item]) => [one, written(item)]));
}

async function rowsOf(tokenizer: TextTokenizer, start: number): Promise<Row[]> {
  const line = (i: number): string => every[(start + i) % every.length] as string;
  const lines = Array.from({ length: golden.share }, (_, i) => line(i));
  const single = await encodeTexts(
    tokenizer,
    lines.map((text) => [text] as const),
    WHOLE,
  );
  const pairs = lines.map((text, i) => [text, line(i + 1)] as const);
  const pair = await encodeTexts(tokenizer, pairs, WHOLE);
  const bare = await tokenizer.tokenizer.encodeBatch(lines, { addSpecialTokens: false });
  return lines.map((_, i): Row => {
    const [one, two] = [single[i], pair[i]];
    const texts = [one?.inputIds, one?.tokenTypeIds, two?.inputIds, two?.tokenTypeIds].map((ids) => [
      ...(ids ?? []),
    ]);
    return [...texts, bare[i]?.getOffsets().flat()] as unknown as Row;
  });
}

const digestOf = (rows: readonly Row[]): string =>
  createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, DIGEST);

function compare(rows: readonly Row[], { name, rows: first, chunks }: Golden['folders'][number]): void {
  assert.deepEqual(rows.slice(0, first.length), first, name);
  for (let chunk = 0; chunk * golden.chunk < rows.length; chunk++) {
    const [ours, theirs] = [
      digestOf(rows.slice(chunk * golden.chunk, (chunk + 1) * golden.chunk)),
      chunks.slice(chunk * DIGEST, (chunk + 1) * DIGEST),
    ];
    assert.equal(ours, theirs, `${name}: chunk ${chunk}; see the script's head for how to print it`);
  }
}

describe('folders as Python reads them', () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'progtuning-folders-'));
  });
  after(() => rm(home, { recursive: true }));

  for (const [i, folder] of golden.folders.entries()) {
    test(folder.name, async () => {
      const path = join(home, folder.name);
      for (const [name, content] of Object.entries(folder.files)) {
        const full = written(content);
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), typeof full === 'string' ? full : JSON.stringify(full));
      }
      const tokenizer = await loadTokenizer(path);
      assert.equal(tokenizer.tokenizer.getVocabSize(true), folder.size);
      compare(await rowsOf(tokenizer, i * golden.startStep), folder);
      await saveTokenizer(`${path}-saved`, tokenizer, { maxLength: 512 });
      assert.equal((await loadTokenizer(`${path}-saved`)).hash, tokenizer.hash);
    });
  }
});
