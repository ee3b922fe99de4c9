/** What every metric of generated texts wants: as many lists of references as texts, none of them empty. */
import { DataError } from '../../errors.js';

/** @throws DataError that says how many there are, and which has none */
export function checkTexts(predictions: readonly string[], references: readonly (readonly string[])[]): void {
  if (predictions.length === 0 || predictions.length !== references.length)
    throw new DataError(
      `metrics: ${predictions.length} texts, ${references.length} lists of references: expected as many of both, at least one`,
    );
  const without = references.findIndex((list) => list.length === 0);
  if (without >= 0)
    throw new DataError(
      `metrics: text ${without + 1} has no reference; leave it out, or give the file with references`,
    );
}
