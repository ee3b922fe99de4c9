/** {@link compile} for many runs in one: the program that a stage's steps run in where no tensor can be left on the device. */
import {
  type CompileOptions,
  type MaskKey,
  type TensorFunction,
  type TensorSpecs,
  trace,
} from './compile.js';
import { lackingOnCuda } from './cuda-operators.js';
import { maskBytes, maskSource } from './dropout.js';
import type { Graph } from './graph.js';
import { ITERATIONS, type LoopOptions, loopGraph, maskBytesPacked } from './loop.js';
import { span } from './profile.js';
import { type Array1D, type Feeds, openSession } from './session.js';
import { bytesOf, workingBytes } from './working-memory.js';

/** A compiled function that runs many times in one run of the device. */
export interface CompiledLoop {
  readonly capacity: number;
  /**
   * @param feeds what is stacked, stacked; the rest as one iteration has it
   * @param keys which dropout masks each iteration has: as many iterations as there are keys, at most `capacity`
   * @param into arrays of outputs, by name: an output may go where its input came from
   */
  run(feeds: Feeds, keys: readonly MaskKey[], into: Feeds): Promise<Readonly<Record<string, Array1D>>>;
  readonly graph: Graph;
  readonly heldBytes: number;
  close(): Promise<void>;
}

/** Of a loop, what does not depend on its capacity. */
export interface LoopFunction extends Omit<LoopOptions, 'capacity'> {
  readonly inputs: TensorSpecs;
  readonly fn: TensorFunction<TensorSpecs>;
}

/** As {@link compile}, for a loop: see `loop.ts`. @param bytes most that all that is stacked may take @param least iterations, whatever they take */
export async function compileLoop(
  { inputs, fn, ...loop }: LoopFunction,
  { bytes, least, most }: { readonly bytes: number; readonly least: number; readonly most: number },
  { device = 'cpu', threads = 0, profile }: CompileOptions = {},
): Promise<CompiledLoop> {
  const { graph: step, masks } = trace(inputs, fn);
  const fed = step.inputs.filter(({ name }) => loop.stacked.has(name));
  const each =
    fed.reduce((sum, value) => sum + bytesOf(value), 0) +
    masks.reduce((sum, site) => sum + maskBytesPacked(site), 0);
  const capacity = Math.max(least, Math.min(most, Math.floor(bytes / Math.max(1, each))));
  const graph = loopGraph(step, masks, { ...loop, capacity });
  const lacking = lackingOnCuda(graph);
  if (lacking.length > 0) throw new Error(`internal: cuda has no kernel for ${lacking.join(', ')}`);
  const session = await openSession(graph, { device, threads, profile });
  const source = maskSource();
  const bits = Object.fromEntries(
    masks.map((site) => [site.name, new Uint8Array(capacity * maskBytesPacked(site))]),
  );
  return {
    capacity,
    graph,
    heldBytes: workingBytes(step) + maskBytes(masks) + each * capacity,
    run(feeds, keys, into) {
      span(profile, 'dropout masks', () => {
        for (const [at, key] of keys.entries())
          for (const [name, drawn] of Object.entries(source.bits(masks, key)))
            bits[name]?.set(drawn, at * drawn.length);
      });
      return session.run({ ...feeds, ...bits, [ITERATIONS]: Int32Array.of(keys.length) }, into);
    },
    close: () => session.close(),
  };
}
