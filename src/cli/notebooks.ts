/** `progtuning notebooks`: builds notebooks from their Markdown sources and executes them with the tslab kernel, without Python. */

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { type NotebookEvent, runNotebooks, SOURCE_FOLDER, TIMEOUT } from './notebook/run.js';
import { findTslab, writeKernelspec } from './notebook/tslab.js';
import { duration, isInteractive } from './progress.js';

/** The sources in `notebooks/source/` below the current folder, by name. */
async function defaultFiles(): Promise<string[]> {
  const folder = join('notebooks', SOURCE_FOLDER);
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.md')).sort();
  if (files.length === 0)
    throw new UsageError(
      `No sources in ${folder}/ here: name the notebooks, or call this in the project's folder.`,
    );
  return files.map((name) => join(folder, name));
}

/** On a terminal one line a notebook, redrawn every second; elsewhere one line a notebook when it is done. */
function reporter(): { readonly onProgress: (event: NotebookEvent) => void; readonly stop: () => void } {
  const start = performance.now();
  let line = '';
  const draw = (): void => {
    if (line) process.stderr.write(`\r\u001b[K${line}, ${duration((performance.now() - start) / 1000)}`);
  };
  const timer = isInteractive() ? setInterval(draw, 1000) : undefined;
  const clear = timer ? '\r\u001b[K' : '';
  return {
    onProgress: (event) => {
      line = event.kind === 'cell' ? `${event.name}: cell ${event.cell}/${event.cells}` : '';
      if (event.kind === 'cell' && timer) draw();
      if (event.kind === 'unchanged') process.stderr.write(`${clear}${event.name}: unchanged\n`);
      if (event.kind === 'done')
        process.stderr.write(`${clear}${event.name}: done in ${duration(event.seconds)}\n`);
    },
    stop: () => {
      clearInterval(timer);
      if (line && timer) process.stderr.write(clear);
    },
  };
}

interface NotebooksFlags {
  readonly outputDir?: string;
  readonly timeout?: number;
  readonly changed?: boolean;
  readonly inputs?: string;
  readonly kernelspec?: string;
}

/** Builds and executes, with a line for each. @param files default: the sources below the current folder */
export async function notebooksCommand(
  files: readonly string[],
  { kernelspec, ...options }: NotebooksFlags,
): Promise<void> {
  if (kernelspec !== undefined) {
    const path = await writeKernelspec(kernelspec);
    process.stderr.write(`${path} written: start Jupyter with JUPYTER_PATH=${resolve(kernelspec)}\n`);
    return;
  }
  findTslab(process.cwd());
  const progress = reporter();
  try {
    await runNotebooks(files.length > 0 ? files : await defaultFiles(), {
      ...options,
      onProgress: progress.onProgress,
    });
  } finally {
    progress.stop();
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 2_000_000))
    throw new UsageError(`--timeout: expected seconds above 0, found "${text}".`);
  return seconds;
}

const EXAMPLES = `
Examples:
  One notebook from its Markdown source, into another folder:
    progtuning notebooks lesson.md --output-dir executed
  Those of notebooks/source/ whose sources have changed:
    progtuning notebooks --changed
  For Jupyter:
    progtuning notebooks --kernelspec jupyter`;

/** Adds `notebooks` to the program. */
export function registerNotebooks(program: Command): void {
  program
    .command('notebooks')
    .argument('[files...]', 'sources (.md) or notebooks (.ipynb); default: notebooks/source/*.md')
    .option('--output-dir <folder>', 'write executed notebooks here instead of to their own folder')
    .option('--timeout <seconds>', 'time allowed for one cell', parseSeconds, TIMEOUT)
    .option('--changed', 'skip notebooks whose sources and package version are as when they were executed')
    .option('--kernelspec <folder>', 'only write the kernel spec, for Jupyter with JUPYTER_PATH=<folder>')
    .addHelpText('after', EXAMPLES)
    .action(notebooksCommand);
}
