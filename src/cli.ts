#!/usr/bin/env node
/** The `progtuning` command: argv -> one subcommand. Exit codes: 0 done, 1 data or run failed, 2 wrong use. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { registerEvaluate } from './cli/evaluate.js';
import { registerExport } from './cli/export.js';
import { registerFinetune } from './cli/finetune.js';
import { registerGenerate } from './cli/generate.js';
import { registerGrid } from './cli/grid.js';
import { registerInit } from './cli/init.js';
import { registerNotebooks } from './cli/notebooks.js';
import { registerParams } from './cli/params.js';
import { registerPredict } from './cli/predict.js';
import { registerPretrain } from './cli/pretrain.js';
import { registerReproduce } from './cli/reproduce.js';
import { DataError, UsageError } from './errors.js';

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function buildProgram(): Command {
  const program = new Command('progtuning')
    .description(
      'Progressive fine-tuning of Transformers (arXiv 2506.21119), on an ordinary CPU, without Python.',
    )
    .version(packageVersion())
    .exitOverride();
  for (const register of [
    registerFinetune,
    registerParams,
    registerEvaluate,
    registerPredict,
    registerExport,
    registerInit,
    registerPretrain,
    registerGenerate,
    registerGrid,
    registerNotebooks,
    registerReproduce,
  ]) {
    register(program);
  }
  for (const command of program.commands) command.exitOverride();
  return program;
}

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
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
