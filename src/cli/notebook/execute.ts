/** Runs a notebook's cells in order, in a fresh kernel, up to the first error. */

import type { CodeCell, Notebook } from './document.js';
import { type Kernel, KernelTimeout, startKernel } from './kernel.js';
import { collectOutput, type Displays, stderrOf } from './outputs.js';

export interface ExecuteOptions {
  /** Working directory of the cells: the notebook's folder. */
  readonly folder: string;
  /** Seconds for one cell. */
  readonly timeout: number;
  /** Called before each code cell: its number from 1, and how many there are. */
  readonly onCell?: (cell: number, cells: number) => void;
}

/** What stopped a notebook; the cells before it, and its own outputs, are in `notebook`. */
export interface CellFailure {
  readonly cell: number;
  readonly cells: number;
  readonly source: string;
  readonly message: string;
}

export interface Execution {
  readonly notebook: Notebook;
  readonly failure?: CellFailure;
}

/** A cell with this tag may write to stderr. */
const ALLOW_STDERR = 'allow-stderr';

/**
 * Executes a notebook. tslab reports errors of a cell's own promises and timers only on stderr, with the cell's status `ok`; so any
 * text on stderr is a failure, unless the cell has the tag `allow-stderr`.
 */
export async function executeNotebook(source: Notebook, options: ExecuteOptions): Promise<Execution> {
  const notebook = structuredClone(source) as Notebook;
  const code = notebook.cells.filter((cell): cell is CodeCell => cell.cell_type === 'code');
  const kernel = await startKernel(options.folder);
  const displays: Displays = new Map();
  try {
    for (const [index, cell] of code.entries()) {
      options.onCell?.(index + 1, code.length);
      cell.execution_count = index + 1;
      const message = await executeCell(kernel, cell, displays, options.timeout);
      if (message === undefined) continue;
      const failure = { cell: index + 1, cells: code.length, source: cell.source.join(''), message };
      return { notebook, failure };
    }
    return { notebook };
  } finally {
    await kernel.close();
  }
}

/** @returns what went wrong, undefined when nothing did */
async function executeCell(
  kernel: Kernel,
  cell: CodeCell,
  displays: Displays,
  timeout: number,
): Promise<string | undefined> {
  kernel.onOutput((message) => collectOutput(cell.outputs, displays, message));
  try {
    const code = cell.source.join('');
    const { content } = await kernel.request('execute_request', { code, silent: false }, timeout);
    // Promises that the cell left without a handler are reported before the kernel takes its next message.
    await kernel.request('kernel_info_request', {}, timeout);
    const complaint = stderrOf(cell.outputs).trim();
    if (content.status !== 'ok')
      return complaint || `the kernel answered "${content.status}" without a message`;
    return complaint !== '' && !cell.metadata.tags?.includes(ALLOW_STDERR) ? complaint : undefined;
  } catch (error) {
    if (error instanceof KernelTimeout)
      return `the cell took longer than ${timeout} s; allow more with --timeout, or make it do less`;
    return (error as Error).message;
  }
}
