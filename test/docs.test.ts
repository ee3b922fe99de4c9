/** README and docs: every link leads somewhere, and the README stays one that a person reads in five minutes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from './golden/golden.js';

const pages = [
  join(packageRoot, 'README.md'),
  ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(packageRoot, 'docs', file)),
];

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('links of README and docs lead to files and headings that are there', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, link]) => {
      const [path, anchor] = (link as string).split('#');
      const target = path ? join(dirname(page), path) : page;
      const found =
        existsSync(target) && (!anchor || anchorsOf(readFileSync(target, 'utf8')).includes(anchor));
      return found ? [] : [`${relative(packageRoot, page)}: ${link}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('the README has at most 8,000 characters', () => {
  assert.ok(readFileSync(join(packageRoot, 'README.md'), 'utf8').length <= 8000);
});
