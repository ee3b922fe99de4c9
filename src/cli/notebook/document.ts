/** Notebook documents, nbformat 4.5: from Markdown sources, from and to `.ipynb` text. */

import { createHash } from 'node:crypto';
import { DataError } from '../../errors.js';
import { parseJson } from '../../json.js';

/** nbformat's `multiline_string`, always kept as lines with their ends. */
export type Lines = readonly string[];

export interface StreamOutput {
  readonly output_type: 'stream';
  readonly name: string;
  text: Lines;
}
export interface DisplayOutput {
  readonly output_type: 'display_data';
  data: Readonly<Record<string, unknown>>;
  metadata: Readonly<Record<string, unknown>>;
}
export type Output = StreamOutput | DisplayOutput;

export interface CodeCell {
  readonly cell_type: 'code';
  readonly id: string;
  readonly metadata: { readonly tags?: readonly string[] };
  readonly source: Lines;
  execution_count: number | null;
  outputs: Output[];
}
export interface MarkdownCell {
  readonly cell_type: 'markdown';
  readonly id: string;
  readonly metadata: Readonly<Record<string, never>>;
  readonly source: Lines;
}
export type NotebookCell = CodeCell | MarkdownCell;

export interface Notebook {
  readonly cells: readonly NotebookCell[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly nbformat: 4;
  readonly nbformat_minor: 5;
}

/** What the tslab kernel says of itself, as Jupyter would write it. */
const METADATA = {
  kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'tslab' },
  language_info: {
    codemirror_mode: { mode: 'typescript', name: 'javascript', typescript: true },
    file_extension: '.ts',
    mimetype: 'text/typescript',
    name: 'typescript',
    version: '3.7.2',
  },
};

/** Text as lines that keep their line ends. */
export const splitLines = (text: string): Lines => text.match(/[^\n]*\n|[^\n]+/g) ?? [];

interface SourceCell {
  readonly kind: 'code' | 'markdown';
  readonly tags: readonly string[];
  readonly text: string;
}

/**
 * Builds a notebook from Markdown: every block fenced by ` ```typescript ` is a code cell (words after it are the cell's tags), the
 * text between two of them is one Markdown cell. Other fences stay text.
 * @param path named in errors
 * @throws DataError for a fence without its end, or a source without code
 */
export function notebookFromMarkdown(source: string, path: string): Notebook {
  const cells: SourceCell[] = [];
  let text: string[] = [];
  let open: {
    readonly line: number;
    readonly fence: string;
    readonly tags: readonly string[] | null;
  } | null = null;
  const close = (kind: SourceCell['kind'], tags: readonly string[] = []): void => {
    const body = text
      .join('\n')
      .replace(/^\s*\n/, '')
      .trimEnd();
    if (body !== '') cells.push({ kind, tags, text: body });
    text = [];
  };
  for (const [index, line] of source.split(/\r?\n/).entries()) {
    const [, fence, info = ''] = /^(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    const [language, ...tags] = info.trim().split(/\s+/);
    if (open === null && fence !== undefined && language === 'typescript') {
      close('markdown');
      open = { line: index + 1, fence, tags };
    } else if (open === null && fence !== undefined) {
      open = { line: index + 1, fence, tags: null };
      text.push(line);
    } else if (open !== null && fence?.startsWith(open.fence) && info.trim() === '') {
      if (open.tags === null) text.push(line);
      else close('code', open.tags);
      open = null;
    } else text.push(line);
  }
  if (open !== null)
    throw new DataError(`${path}:${open.line}: this code block has no end; close it with ${open.fence}.`);
  close('markdown');
  if (!cells.some(({ kind }) => kind === 'code'))
    throw new DataError(
      `${path}: expected code cells, that is blocks that begin with \`\`\`typescript; found none.`,
    );
  return notebookOf(cells);
}

function notebookOf(cells: readonly SourceCell[]): Notebook {
  const seen = new Map<string, number>();
  const idOf = ({ kind, text }: SourceCell): string => {
    const hash = createHash('sha256').update(`${kind}\n${text}`).digest('hex').slice(0, 8);
    const times = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, times);
    return times === 1 ? hash : `${hash}-${times}`;
  };
  const built = cells.map((cell): NotebookCell => {
    const base = { id: idOf(cell), source: splitLines(cell.text) };
    if (cell.kind === 'markdown') return { ...base, cell_type: 'markdown', metadata: {} };
    const metadata = cell.tags.length > 0 ? { tags: cell.tags } : {};
    return { ...base, cell_type: 'code', metadata, execution_count: null, outputs: [] };
  });
  return { cells: built, metadata: METADATA, nbformat: 4, nbformat_minor: 5 };
}

/**
 * Reads an `.ipynb`, without its outputs, and with ids that follow from the sources.
 * @param path named in errors
 * @throws DataError when it is not a notebook of format 4
 */
export function notebookFromJson(json: string, path: string): Notebook {
  const { cells, nbformat } = parse(json, path) as { cells?: unknown; nbformat?: unknown };
  if (nbformat !== 4 || !Array.isArray(cells))
    throw new DataError(
      `${path}: expected a Jupyter notebook of format 4 ("nbformat": 4 and a list of "cells").`,
    );
  const sources = cells.map(({ cell_type, source, metadata }): SourceCell => {
    const text = Array.isArray(source) ? source.join('') : String(source ?? '');
    return { kind: cell_type === 'code' ? 'code' : 'markdown', tags: metadata?.tags ?? [], text };
  });
  return notebookOf(sources.filter(({ text }) => text.trim() !== ''));
}

function parse(json: string, path: string): object {
  const value = parseJson(json, path);
  if (value !== null && typeof value === 'object') return value;
  throw new DataError(`${path}: not a notebook: expected a JSON object.`);
}

/** `.ipynb` text as Python's nbformat writes it (sorted keys, one blank of indent, line end), so that diffs stay small. */
export const notebookToJson = (notebook: Notebook): string =>
  `${JSON.stringify(sortKeys(notebook), null, 1)}\n`;

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

/** Fingerprint of what a run depends on: the cells' sources and tags, and the package's version. */
export function sourceHash({ cells }: Notebook, version: string): string {
  const sources = cells.map(({ cell_type, source, metadata }) => [cell_type, metadata, source]);
  return createHash('sha256')
    .update(JSON.stringify([version, sources]))
    .digest('hex')
    .slice(0, 16);
}
