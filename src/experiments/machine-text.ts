/** Machines as a reader sees them. */
import type { Machine } from './run-record.js';

/** `AMD EPYC, 2 threads`. */
export const machineText = ({ processor, threads, device }: Machine): string =>
  `${processor}, ${threads} thread${threads === 1 ? '' : 's'}${device === undefined ? '' : `, device ${device}`}`;
