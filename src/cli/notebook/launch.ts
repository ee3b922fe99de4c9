/**
 * Entry of the kernel's process: `node launch.js <tslab's main.js> <connection file>`. As `tslab kernel`, but it ends when the
 * runner that holds its standard input is gone, however that ended.
 */
import { createRequire } from 'node:module';

const [main, configPath] = process.argv.slice(2) as [string, string];
process.stdin.on('end', () => process.exit()).resume();
createRequire(import.meta.url)(main).startKernel({ configPath });
