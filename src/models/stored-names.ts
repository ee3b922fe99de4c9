/** The names under which checkpoints hold a model's tensors: with or without the model's prefix, wrapped, or with old layer-norm names. */
import { DataError } from '../errors.js';
import type { Family } from './family.js';

/** What PyTorch's wrappers (`DataParallel`, `torch.compile`, FSDP, checkpointing) put into names. */
const WRAPPERS: ReadonlySet<string> = new Set([
  'module',
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
]);

function canonicalName(stored: string, family: Family): string {
  const unwrapped = stored
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
  const name = family.canonicalName(unwrapped);
  return family.bareNames.test(name) ? `${family.prefix}.${name}` : name;
}

/**
 * Hugging Face's name -> the name in the file. A tensor under its own name is taken before one that only comes to the same.
 * @throws DataError where two tensors come to the same name and neither has it
 */
export function storedNames(
  names: Iterable<string>,
  family: Family,
  path: string,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const doubled = new Map<string, readonly [string, string]>();
  for (const stored of names) {
    const name = canonicalName(stored, family);
    const former = found.get(name);
    if (former === undefined || stored === name) found.set(name, stored);
    else if (former !== name) doubled.set(name, [former, stored]);
  }
  for (const [name, [former, stored]] of doubled)
    if (found.get(name) !== name)
      throw new DataError(
        `${path}: tensors '${former}' and '${stored}' both are '${name}'; save the model without one of them`,
      );
  return found;
}
