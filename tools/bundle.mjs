/**
 * After tsc. `node tools/bundle.mjs` bundles the part of tfjs that `src/engine/tfjs.ts` names, 1 MB of the 40 that it is installed with, and the part
 * of zod that `src/schema.ts` names; then all of `dist/src/`, with commander, into `dist/lib/`, which is what a user's program loads: to find and
 * read 400 small files takes longer than to run them. `--pack` also bundles tfjs's types, so that a project
 * that uses this one needs neither tfjs nor `skipLibCheck`, and then leaves the mark without which `npm pack` fails: `.npmignore` is a
 * link to it, and npm stops at an ignore file that it cannot read, whether lifecycle scripts are on or off.
 */
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const SOURCE = 'src/engine/tfjs.ts';
const MADE = 'dist/src/engine/tfjs';
const MARK = 'dist/whole';
const COMMANDER = 'dist/commander.js';

await rm(MARK, { force: true });
const shared = { bundle: true, format: 'esm', platform: 'node', logLevel: 'warning' };
// For packages that ask for Node's modules with require.
const banner = { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" };
await build({
  ...shared,
  entryPoints: [SOURCE, 'src/schema.ts'],
  outbase: 'src',
  outdir: 'dist/src',
  // tfjs's modules, not its file for Node: what is not used stays out.
  mainFields: ['module', 'main'],
  external: ['node-fetch'],
  banner,
});
await build({ ...shared, entryPoints: ['commander'], outfile: COMMANDER, banner });

await rm('dist/lib', { recursive: true, force: true });
await build({
  ...shared,
  // The door, the command, and what is started by its path (see src/package.ts).
  entryPoints: ['index', 'cli', 'experiments/run-child', 'cli/notebook/launch'].map((name) => `dist/src/${name}.js`),
  outbase: 'dist/src',
  outdir: 'dist/lib',
  // What is imported where it is called stays apart, and each module is there once, whoever imports it.
  splitting: true,
  packages: 'external',
  // The list of commands is then there without another package.
  alias: { commander: `./${COMMANDER}` },
});
await mkdir('dist/lib/engine');
await copyFile('dist/src/engine/arena.wasm', 'dist/lib/engine/arena.wasm');
await chmod('dist/lib/cli.js', 0o755);

if (process.argv.includes('--pack')) {
  const { generateDtsBundle } = await import('dts-bundle-generator');
  const [types] = generateDtsBundle(
    [
      {
        filePath: SOURCE,
        libraries: { inlinedLibraries: ['@tensorflow/tfjs-core'], allowedTypesLibraries: [], importedLibraries: [] },
        output: { noBanner: true, exportReferencedTypes: false },
      },
    ],
    { preferredConfigPath: 'tsconfig.json' },
  );
  // Names of browsers that a project's TypeScript need not know, in parts of tfjs's types that nothing here touches.
  const unknown = ['GPUBuffer', 'WebGLTexture', 'RequestInit', 'Response'].map((name) => `type ${name} = unknown;\n`);
  await writeFile(`${MADE}.d.ts`, `${unknown.join('')}${types}`);
  await writeFile(MARK, '');
}
