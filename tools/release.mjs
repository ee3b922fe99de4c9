/** `node tools/release.mjs`: packs what is built, and keeps the tarball only if it is whole and CHANGELOG.md tells of its version. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';

/** Without these the package does not run. */
const NEEDED = [
  'LICENSE',
  'README.md',
  'dist/lib/index.js',
  'dist/src/index.d.ts',
  'dist/lib/cli.js',
  'dist/lib/engine/arena.wasm',
  'data/models/progtuning-bert-6x256/model.safetensors',
];

const fail = (text) => {
  console.error(`release: ${text}`);
  process.exit(1);
};

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
if (!readFileSync('CHANGELOG.md', 'utf8').includes(`\n## [${version}]`))
  fail(`CHANGELOG.md has no section [${version}]; write down what changed`);

// Lifecycle scripts are off in .npmrc, for the sake of what others install; ours is wanted.
const { status, stdout } = spawnSync('npm', ['pack', '--json', '--ignore-scripts=false', '--foreground-scripts=false'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status !== 0) fail('npm pack failed');
const [{ filename, files, size, unpackedSize }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
const paths = new Set(files.map(({ path }) => path));
const missing = NEEDED.filter((path) => !paths.has(path));
if (missing.length > 0) {
  rmSync(filename);
  fail(`the tarball lacks ${missing.join(', ')}; npm run build`);
}
const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
console.log(`${filename}: ${files.length} files, ${mebibytes(size)} MiB, ${mebibytes(unpackedSize)} MiB unpacked`);
