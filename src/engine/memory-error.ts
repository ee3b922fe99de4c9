/** Memory that could not be had: which tensor it was for, and what to lower. */
import { DataError } from '../errors.js';
import type { Graph } from './graph.js';

const REMEDY =
  'lower --batch-size or --max-length, or take the batch in parts with --gradient-accumulation-steps';

/** onnxruntime's word that an allocation failed, as an error for the user; other errors as they are. */
export function memoryError(graph: Graph, error: unknown): unknown {
  const message = error instanceof Error ? error.message : '';
  const failed =
    /while running \w+ node\. Name:'([^']*)'.*Failed to allocate memory for requested buffer of size (\d+)/s.exec(
      message,
    );
  if (!failed) return error;
  const [, name = '', bytes] = failed;
  const node = graph.nodesInUse.find(({ outputs }) => name.endsWith(`:${outputs[0]?.name}`));
  const tensor = node ? `the result of ${node.op}, [${node.outputs[0]?.shape}]` : name;
  const size = `${(Number(bytes) / 2 ** 20).toFixed(0)} MiB`;
  return new DataError(`memory: ${size} for ${tensor} could not be allocated; ${REMEDY}`, { cause: error });
}
