/** README and docs: every link leads somewhere, and the README stays one that a person reads in five minutes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from './golden/golden.js';

const pages = [
  join(packageRoot, 'README.md'),
  ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    // The site is laid out of the others.
    .filter((file) => file.endsWith('.md') && !file.startsWith('site'))
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

interface Notebook {
  readonly cells: readonly {
    readonly outputs?: readonly { readonly data?: Readonly<Record<string, string | readonly string[]>> }[];
  }[];
}

/** Title and picture of a notebook's first figure. */
function firstFigure(name: string): { readonly title: string; readonly svg: string } | undefined {
  const { cells } = JSON.parse(readFileSync(join(packageRoot, 'notebooks', name), 'utf8')) as Notebook;
  const data = cells
    .flatMap(({ outputs = [] }) => outputs)
    .find((output) => output.data?.['image/svg+xml'])?.data;
  if (!data) return undefined;
  const of = (mime: string): string => [data[mime] ?? []].flat().join('');
  const title = of('text/plain').split('\n')[0]?.replace('[figure] ', '') ?? '';
  return { title, svg: `${of('image/svg+xml').trimEnd()}\n` };
}

test("the notebooks' index names each with a sentence and its own first picture (`UPDATE_SNAPSHOTS=1` takes it anew)", () => {
  const page = readFileSync(join(packageRoot, 'docs/notebooks.md'), 'utf8');
  for (const file of readdirSync(join(packageRoot, 'notebooks')).filter((name) => name.endsWith('.ipynb'))) {
    const [, sentence] =
      new RegExp(`^## \\[.+\\]\\(\\.\\./notebooks/${file}\\)\n\n(.+)$`, 'm').exec(page) ?? [];
    assert.ok(sentence, `${file} is not in docs/notebooks.md`);
    const figure = firstFigure(file);
    if (!figure) continue;
    const picture = `figures/notebooks/${file.replace('.ipynb', '.svg')}`;
    assert.ok(page.includes(`![${figure.title}](${picture})`), `${file}: its picture with its title`);
    const path = join(packageRoot, 'docs', picture);
    if (process.env.UPDATE_SNAPSHOTS) writeFileSync(path, figure.svg);
    assert.equal(readFileSync(path, 'utf8'), figure.svg, picture);
  }
});
