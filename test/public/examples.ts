/** The examples in docstrings and in docs/library.md: found, written as programs, and what each says that it prints. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../golden/golden.js';

export interface ExampleCode {
  /** Of what it is an example. */
  readonly name: string;
  readonly code: string;
  /** What each `console.log(...); // text` prints; undefined for one that says nothing. */
  readonly prints: readonly (string | undefined)[];
}

const DOCSTRING =
  /\/\*\*((?:(?!\*\/)[\s\S])*?@example(?:(?!\*\/)[\s\S])*)\*\/\s*export (?:async )?(?:function\*?|const|class) (\w+)/g;
const FENCE = /^```ts\n([\s\S]*?)^```$/gm;

const exampleOf = (name: string, code: string): ExampleCode => ({
  name,
  code,
  prints: [...code.matchAll(/^ *console\.log\(.*?\);(?: \/\/ (.*))?$/gm)].map(([, text]) => text),
});

const fencesOf = (text: string): string[] => [...text.matchAll(FENCE)].map(([, code]) => code as string);

/** Examples by the name that they are of, in the order of files. */
export function docstringExamples(): ExampleCode[] {
  const files = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return files.flatMap((file) => {
    const text = readFileSync(join(packageRoot, 'src', file), 'utf8');
    return [...text.matchAll(DOCSTRING)].flatMap(([, comment = '', name = '']) =>
      fencesOf(comment.replace(/^ \* ?/gm, '')).map((code) => exampleOf(name, code)),
    );
  });
}

/** The programs of a page of the documentation. */
export const pageExamples = (page: string): ExampleCode[] =>
  fencesOf(readFileSync(join(packageRoot, page), 'utf8')).map((code, i) =>
    exampleOf(`${page} ${i + 1}`, code),
  );
