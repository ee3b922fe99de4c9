/**
 * Errors that a user can mend. The message is one line and answers: where, what was expected, what came, what to do.
 * Anything else that is thrown is a defect of ours and keeps its stack (message prefix `internal:`).
 */

/**
 * Wrong use: an unknown option, task, method or impossible setting. The command line exits with 2.
 * @example
 * ```ts
 * import { runSpec, UsageError } from 'progtuning';
 *
 * try {
 *   runSpec({ task: 'sst2', data: 'embedded', model: 'progtuning-bert-6x256', epochs: 0 });
 * } catch (error) {
 *   console.log(error instanceof UsageError); // true
 * }
 * ```
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/**
 * Right use, wrong material: a missing or malformed file, a wrong shape, a loss that is not a number. Exit code 1.
 * @example
 * ```ts
 * import { DataError, models } from 'progtuning';
 *
 * try {
 *   await models.readConfig('no-such-folder');
 * } catch (error) {
 *   console.log(error instanceof DataError); // true
 * }
 * ```
 */
export class DataError extends Error {
  override readonly name = 'DataError';
  readonly exitCode = 1;
}
