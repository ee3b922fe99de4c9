/** Options of every command that reads a task's data. */

/** What `--strict` says of itself. */
export const STRICT =
  'refuse data that is otherwise read with a warning: broken rows, blank lines, too many columns, answers not at their place';
