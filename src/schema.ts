/**
 * zod, as far as it is used here. The build bundles this file: `zod` itself loads its messages in fifty languages, a quarter of the time
 * that `import 'progtuning'` took.
 */
export type { infer, ZodType } from 'zod';
export {
  array,
  boolean,
  custom,
  discriminatedUnion,
  enum,
  literal,
  looseObject,
  number,
  object,
  record,
  string,
  tuple,
  union,
  unknown,
} from 'zod';
export { toDotPath } from 'zod/v4/core';
