/**
 * After tsc: what of other packages goes into this one. `node tools/bundle.mjs` bundles the part of tfjs that `src/engine/tfjs.ts` names,
 * 1 MB of the 40 that it is installed with, and the part of zod that `src/schema.ts` names; `--pack` also tfjs's types, so that a project
 * that uses this one needs neither tfjs nor `skipLibCheck`, and then leaves the mark without which `npm pack` fails: `.npmignore` is a
 * link to it, and npm stops at an ignore file that it cannot read, whether lifecycle scripts are on or off.
 */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const SOURCE = 'src/engine/tfjs.ts';
const MADE = 'dist/src/engine/tfjs';
const MARK = 'dist/whole';

await rm(MARK, { force: true });
await chmod('dist/src/cli.js', 0o755);
await build({
  entryPoints: [SOURCE, 'src/schema.ts'],
  outbase: 'src',
  outdir: 'dist/src',
  bundle: true,
  // tfjs's modules, not its file for Node: what is not used stays out.
  mainFields: ['module', 'main'],
  format: 'esm',
  platform: 'node',
  external: ['node-fetch'],
  // tfjs asks for Node's modules with require.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});

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
