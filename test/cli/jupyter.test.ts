/** The committed notebooks run in Jupyter itself (Debian's `jupyter-nbconvert`), with the kernel spec that the command writes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const nbconvert = spawnSync('jupyter-nbconvert', ['--version'], { encoding: 'utf8' });
const skip = nbconvert.status === 0 ? false : 'jupyter-nbconvert is not installed';

/** One without training, so that the test is quick: the runner's own tests and `npm run reproduce` take the others. */
const NOTEBOOK = '02-parameter-savings.ipynb';

interface Output {
  readonly output_type: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

test('a notebook executes under jupyter nbconvert, with its figures', { skip }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'progtuning-jupyter-'));
  const cli = spawnSync(process.execPath, [join(root, 'dist/lib/cli.js'), 'notebooks', '--kernelspec', home]);
  assert.equal(cli.status, 0, String(cli.stderr));
  const args = ['--to', 'notebook', '--execute', `notebooks/${NOTEBOOK}`, '--output-dir', home];
  const env = { ...process.env, JUPYTER_PATH: home };
  const run = spawnSync('jupyter-nbconvert', args, { cwd: root, env, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const { cells } = JSON.parse(await readFile(join(home, NOTEBOOK), 'utf8')) as {
    cells: { cell_type: string; outputs?: Output[] }[];
  };
  const outputs = cells.flatMap((cell) => cell.outputs ?? []);
  assert.deepEqual(
    outputs.filter(({ output_type }) => output_type === 'error'),
    [],
  );
  assert.ok(outputs.some(({ data }) => data && 'text/html' in data));
  await rm(home, { recursive: true });
});
