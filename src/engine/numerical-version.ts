/**
 * Raised whenever a change of the code changes a number that a run gives (a kernel, a gradient, the draw of dropout, the order of
 * batches): records and resume points of another version are then other runs.
 * 4: dropout is drawn by (seed, step, example, position in the example), training batches are packed.
 */
export const NUMERICAL_VERSION = 4;
