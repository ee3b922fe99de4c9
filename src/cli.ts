#!/usr/bin/env node
/** The `progtuning` command: argv -> one subcommand. Exit codes: 0 done, 1 data or run failed, 2 wrong use. */
import { CommanderError } from 'commander';
import { buildProgram } from './cli/program.js';
import { DataError, UsageError } from './errors.js';

/** One clear line for an error that the user can mend; the stack for a defect of ours. @returns the exit code */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError || error instanceof DataError) {
    process.stderr.write(`progtuning: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  const program = await buildProgram(process.argv.slice(2));
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
