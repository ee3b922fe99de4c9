/** Runs a model that carries its weights, as exported ones do. */
import type { ExportedGraph } from './export.js';
import { memoryError } from './memory-error.js';
import { writeModel } from './onnx-writer.js';
import {
  closeSession,
  createSession,
  externalData,
  forDevice,
  onnxruntime,
  type SessionOptions,
} from './session.js';

/** A model with its weights inside and free sizes: fed token ids, gives float32. */
export interface ModelSession {
  /** Inputs that the model does not have are left out. Outputs are new at every run. */
  run(
    feeds: Readonly<Record<string, Int32Array>>,
    shape: readonly number[],
  ): Promise<Readonly<Record<string, Float32Array>>>;
  close(): Promise<void>;
}

/**
 * onnxruntime packs weights that cannot change once, for the layout of its products (or copies them to the device once), instead of
 * at every run. It reads them from our arrays.
 */
export async function openModelSession(
  { graph, weights }: ExportedGraph,
  options: SessionOptions,
): Promise<ModelSession> {
  const inside = [...weights.values()];
  const model = writeModel(forDevice(graph, options.device), { weights: inside, external: true });
  const session = await createSession(model, 'model', options, { externalData: externalData(inside) });
  return {
    async run(feeds, shape) {
      const fed = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
      const outputs = await session
        .run(
          Object.fromEntries(
            fed.map(([name, ids]) => [
              name,
              new (onnxruntime().Tensor)('int64', BigInt64Array.from(ids, BigInt), shape),
            ]),
          ),
        )
        .catch((error) => {
          throw memoryError(graph, error);
        });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [
          name,
          (tensor as { readonly data: unknown }).data as Float32Array,
        ]),
      );
    },
    close: () => closeSession(session, options.profile),
  };
}
