/** What is said of what: a meaning representation and every text that says it. */

/** A meaning representation in one line, and its references. */
export interface DataToTextExample {
  /** `Airport/1/Id1`; E2E has none: file and number of the meaning representation. */
  readonly id: string;
  /** The meaning representation as a model reads it. */
  readonly input: string;
  /** Every text that says it, in the order of the file. */
  readonly references: readonly string[];
  /** WebNLG: what it is about. */
  readonly category?: string;
}

/** One example for each meaning representation, with the references of all its rows. */
export function grouped(rows: readonly DataToTextExample[]): DataToTextExample[] {
  const byInput = new Map<string, DataToTextExample>();
  for (const row of rows) {
    const former = byInput.get(row.input);
    byInput.set(
      row.input,
      former ? { ...former, references: [...former.references, ...row.references] } : row,
    );
  }
  return [...byInput.values()];
}

/** One text to learn: as many of them as an example has references. */
export interface InputOutput {
  readonly id: string;
  readonly input: string;
  readonly output: string;
}

/**
 * What is trained on: each reference with its input, in the order of the examples.
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const examples = [{ id: '1', input: 'name[Aromi]', references: ['This is Aromi.', 'Aromi.'] }];
 * console.log(datasets.inputOutputs(examples).map(({ output }) => output).join(' | ')); // This is Aromi. | Aromi.
 * ```
 */
export const inputOutputs = (examples: readonly DataToTextExample[]): InputOutput[] =>
  examples.flatMap(({ id, input, references }) => references.map((output) => ({ id, input, output })));
