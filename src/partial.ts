/** Names under which files are written before they are renamed: no two writers have the same, on whatever machines they run. */
import { randomUUID } from 'node:crypto';

/** Process ids repeat from host to host, and host names among containers. */
const WRITER = `${process.pid}-${randomUUID().slice(0, 8)}`;

/** `model.safetensors.4711-9b2c01d4.partial`: beside the file that it becomes. */
export const partialOf = (path: string): string => `${path}.${WRITER}.partial`;
