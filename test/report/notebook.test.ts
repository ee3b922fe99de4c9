/** What is shown outside a notebook; inside one it is test/cli/notebooks.test.ts that looks. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { figureText, inNotebook, progressLine } from '../../src/report/notebook.js';
import { EXAMPLES } from './figure-examples.js';

test('this is no notebook', () => assert.equal(inNotebook(), false));

test('plain Node gets text on stdout, no progress, and loads neither plotly nor jsdom', () => {
  const script = `
    import { showFigure, showMarkdown, showProgress, showTable } from '${new URL('../../src/report/notebook.js', import.meta.url)}';
    await showFigure({ data: [], layout: { width: 1, height: 1 }, title: 'What is seen', caption: 'From where' });
    showMarkdown('**b**');
    const progress = showProgress('training', 2, 'steps');
    progress.update(1);
    progress.stop();
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(loaded.some((file) => /node_modules.(jsdom|plotly)/.test(file)));
    showTable([{ a: 1 }]);`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(out, '[figure] What is seen\nFrom where\n**b**\nfalse\na\n-\n1\n');
});

test('a figure has words', () => {
  const figure = EXAMPLES['box-plot'] as (typeof EXAMPLES)[string];
  assert.equal(figureText(figure), `[figure] ${figure.title}\n${figure.caption}`);
});

test('progress lines', () => {
  assert.equal(
    progressLine('training', 6, 24, 'steps', '2.0/s, 0:09 left', 'loss 0.5'),
    `training ${'█'.repeat(6)}${'░'.repeat(18)} 25 % | 6/24 steps | 2.0/s, 0:09 left | loss 0.5`,
  );
  assert.equal(progressLine('reading', 0, 0, 'rows', '', ''), `reading ${'█'.repeat(24)} 100 % | 0/0 rows`);
});
