/** Pieces of the schemas that families read `config.json` with. */
import { DataError } from '../errors.js';
import * as z from '../schema.js';

export const count = z.number().int().positive();
export const rate = z.number().min(0).lt(1);
export const tokenId = z.number().int().nonnegative();

/** A class name; Python takes any value and shows it as text. */
const name = z.union([z.string(), z.number(), z.boolean()]).transform(String);

export const classFields = {
  num_labels: z.number().int().positive().optional(),
  id2label: z.record(z.string(), name).nullish(),
  label2id: z.record(z.string(), z.number().int().nonnegative()).nullish(),
};

/** What the `config.json` of every family may say. */
export const sharedFields = {
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  ...classFields,
  problem_type: z.string().nullish(),
};

/** @throws DataError that names file and field */
export function parseFields<T>(json: unknown, schema: z.ZodType<T>, path: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new DataError(`${path}: ${field}${issue?.message}`);
}

/** @throws DataError */
export function checkHeads(
  hidden: number,
  heads: number,
  path: string,
  names: readonly [string, string],
): void {
  if (hidden % heads !== 0)
    throw new DataError(`${path}: ${names[0]} ${hidden} is not a multiple of ${names[1]} ${heads}`);
}
