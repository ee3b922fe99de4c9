/** What a saved model was trained with, by the record in its folder: what predicting and evaluating start from where nobody says otherwise. */
import { join } from 'node:path';
import type { GivenColumns } from '../datasets/tables/columns.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import * as z from '../schema.js';
import { type RunSpec, runSpecSchema } from './run-spec.js';
import { RUN_FILE } from './save-folder.js';

const recordSchema = z.object({ spec: runSpecSchema.pick({ maxLength: true, columns: true }) });

/** Empty for a model that came from elsewhere. @throws DataError for a record that is not JSON */
export async function trainedWith(folder: string): Promise<Partial<Pick<RunSpec, 'maxLength' | 'columns'>>> {
  const path = join(folder, RUN_FILE);
  if (!(await exists(path))) return {};
  return recordSchema.safeParse(await readJson(path)).data?.spec ?? {};
}

/** What was said of a file's columns, and what was not: those of training, where the file has them. @param names of its columns */
export function withTrained(
  given: GivenColumns,
  trained: RunSpec['columns'],
  names: readonly string[],
): GivenColumns {
  if (!trained || given.text !== undefined) return given;
  const { text, textPair, label } = trained;
  const wanted = textPair === undefined ? [text] : [text, textPair];
  if (!wanted.every((name) => names.includes(name))) return given;
  const hasLabel = label !== undefined && names.includes(label);
  return { text, ...(textPair === undefined ? {} : { textPair }), ...(hasLabel ? { label } : {}), ...given };
}
