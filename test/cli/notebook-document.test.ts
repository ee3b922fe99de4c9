/** Notebook documents, kernel messages and outputs, without a kernel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  notebookFromJson,
  notebookFromMarkdown,
  notebookToJson,
  type Output,
  sourceHash,
  splitLines,
} from '../../src/cli/notebook/document.js';
import { inTurn } from '../../src/cli/notebook/kernel.js';
import { collectOutput, type Displays, stderrOf } from '../../src/cli/notebook/outputs.js';
import { decodeMessage, encodeRequest } from '../../src/cli/notebook/wire.js';

const markdown = `# Title

Text with a block that is no cell:

\`\`\`\`md
\`\`\`typescript
not a cell
\`\`\`
\`\`\`\`

\`\`\`typescript
const a = 1;

a;
\`\`\`

\`\`\`typescript allow-stderr slow
const a = 1;
\`\`\`
`;

test('fences named typescript become cells, everything else is text', () => {
  const { cells } = notebookFromMarkdown(markdown, 'a.md');
  assert.deepEqual(
    cells.map(({ cell_type }) => cell_type),
    ['markdown', 'code', 'code'],
  );
  assert.match(cells[0]?.source.join('') ?? '', /^# Title[\s\S]*not a cell\n```\n````$/);
  assert.deepEqual(cells[1]?.source, ['const a = 1;\n', '\n', 'a;']);
  assert.deepEqual(cells[2]?.metadata, { tags: ['allow-stderr', 'slow'] });
});

test('ids follow from the content, and repeat nowhere', () => {
  const twice = '```typescript\n1;\n```\n```typescript\n1;\n```\n';
  const ids = notebookFromMarkdown(twice, 'a.md').cells.map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(
    notebookFromMarkdown(`text\n${twice}`, 'a.md')
      .cells.slice(1)
      .map(({ id }) => id),
    ids,
  );
});

test('malformed sources are named with their line', () => {
  assert.throws(
    () => notebookFromMarkdown('text\n\n```typescript\n1;\n', 'a.md'),
    /^DataError: a\.md:3: this code block has no end/,
  );
  assert.throws(() => notebookFromMarkdown('text\n', 'a.md'), /a\.md: expected code cells/);
  assert.throws(() => notebookFromJson('{', 'a.ipynb'), /a\.ipynb:1:2: not JSON/);
  assert.throws(() => notebookFromJson('{"nbformat": 3}', 'a.ipynb'), /of format 4/);
});

test('JSON has sorted keys and is read back to the same notebook', () => {
  const notebook = notebookFromMarkdown(markdown, 'a.md');
  const json = notebookToJson(notebook);
  assert.match(json, /^\{\n "cells": \[\n {2}\{\n {3}"cell_type": "markdown",\n {3}"id": "/);
  assert.deepEqual(notebookFromJson(json, 'a.ipynb'), notebook);
});

test('the fingerprint changes with the sources and the version only', () => {
  const notebook = notebookFromMarkdown(markdown, 'a.md');
  const hash = sourceHash(notebook, '1');
  assert.equal(sourceHash(notebookFromJson(notebookToJson(notebook), 'a'), '1'), hash);
  assert.notEqual(sourceHash(notebook, '2'), hash);
  assert.notEqual(sourceHash(notebookFromMarkdown(markdown.replace('= 1', '= 2'), 'a.md'), '1'), hash);
});

test('messages are sent one after the other, also after one that could not be sent', async () => {
  const begun: string[] = [];
  let finish: ((error?: Error) => void) | undefined;
  const send = inTurn((frames) => {
    if (finish) throw new Error('busy writing');
    begun.push(String(frames[0]));
    return new Promise((resolve, reject) => {
      finish = (error) => {
        finish = undefined;
        if (error) reject(error);
        else resolve();
      };
    });
  });
  const sent = ['a', 'b', 'c'].map((text) => send([Buffer.from(text)]));
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await turn();
  assert.deepEqual(begun, ['a']);
  finish?.(new Error('lost'));
  await assert.rejects(sent[0] as Promise<void>, /lost/);
  await turn();
  finish?.();
  await turn();
  finish?.();
  await Promise.all(sent.slice(1));
  assert.deepEqual(begun, ['a', 'b', 'c']);
});

test('lines keep their ends', () => {
  assert.deepEqual(splitLines('a\n\nb'), ['a\n', '\n', 'b']);
  assert.deepEqual(splitLines(''), []);
});

const message = (type: string, content: Record<string, unknown>) => ({ type, parentId: 'x', content });

test('streams are joined; displays with an id are replaced in place, also from a later cell', () => {
  const first: Output[] = [];
  const second: Output[] = [];
  const displays: Displays = new Map();
  const show = (text: string) => ({
    data: { 'text/plain': text },
    metadata: {},
    transient: { display_id: 'p' },
  });
  collectOutput(first, displays, message('stream', { name: 'stdout', text: 'a' }));
  collectOutput(first, displays, message('stream', { name: 'stdout', text: 'b\nc' }));
  collectOutput(first, displays, message('display_data', show('1 of 2')));
  collectOutput(first, displays, message('stream', { name: 'stderr', text: '\u001b[31mred\u001b[0m' }));
  collectOutput(second, displays, message('update_display_data', show('2 of 2')));
  collectOutput(second, displays, message('status', { execution_state: 'idle' }));
  assert.deepEqual(first[0], { output_type: 'stream', name: 'stdout', text: ['ab\n', 'c'] });
  assert.deepEqual(first[1], {
    output_type: 'display_data',
    data: { 'text/plain': ['2 of 2'] },
    metadata: {},
  });
  assert.deepEqual(second, []);
  assert.equal(stderrOf(first), 'red');
});

test('JSON and base64 stay whole', () => {
  const outputs: Output[] = [];
  const data = {
    'application/vnd.plotly.v1+json': { data: [1] },
    'image/png': 'aGk=\n',
    'image/svg+xml': '<svg>\n</svg>',
  };
  collectOutput(outputs, new Map(), message('display_data', { data }));
  assert.deepEqual((outputs[0] as { data: unknown }).data, {
    ...data,
    'image/svg+xml': ['<svg>\n', '</svg>'],
  });
});

test('messages are signed; a changed one is refused', () => {
  const { id, frames } = encodeRequest('key', 'execute_request', { code: 'ü' });
  const buffers = ['routing', ...frames].map((frame) => Buffer.from(frame));
  assert.equal(decodeMessage('key', buffers).content.code, 'ü');
  assert.equal(decodeMessage('key', buffers).type, 'execute_request');
  assert.match(id, /^[\da-f-]{36}$/);
  assert.throws(() => decodeMessage('other key', buffers), /wrong signature/);
  buffers[6] = Buffer.from('{"code":"other"}');
  assert.throws(() => decodeMessage('key', buffers), /wrong signature/);
  assert.throws(() => decodeMessage('key', [Buffer.from('x')]), /malformed/);
});
