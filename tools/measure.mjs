/**
 * `node tools/measure.mjs FOLDER`, a project that has progtuning installed: what its node_modules weigh on the disk, by package, and how
 * long `import 'progtuning'` and `progtuning --help` take (medians of ten, with least and most). On a machine that does nothing else.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.'] = process.argv.slice(2);
const modules = join(folder, 'node_modules');
const TIMES = 10;

const bytesOf = (path) =>
  readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => {
    const inner = join(path, entry.name);
    return sum + (entry.isDirectory() ? bytesOf(inner) : lstatSync(inner).blocks * 512);
  }, 0);

const weights = readdirSync(modules, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => [name, bytesOf(join(modules, name)) / 1e6]);
const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
for (const [name, weight] of [...weights.sort(([, a], [, b]) => b - a).slice(0, 12), ['in all', total]])
  console.log(`${name.padEnd(24)} ${weight.toFixed(1).padStart(7)} MB`);

/** What a process prints, or how long it takes, in ms. */
function time(what, args) {
  const each = Array.from({ length: TIMES }, () => {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const took = performance.now() - start;
    if (status !== 0) throw new Error(stderr);
    return Number(stdout) || took;
  }).sort((a, b) => a - b);
  console.log(`${what.padEnd(24)} ${each[TIMES / 2].toFixed(0).padStart(7)} ms (${each[0].toFixed(0)}-${each.at(-1).toFixed(0)})`);
}

const IMPORT = "const start = performance.now(); await import('progtuning'); console.log(performance.now() - start);";
time('import', ['--input-type=module', '-e', IMPORT]);
const { bin } = JSON.parse(readFileSync(join(modules, 'progtuning/package.json'), 'utf8'));
time('--help', [join('node_modules/progtuning', bin.progtuning), '--help']);
