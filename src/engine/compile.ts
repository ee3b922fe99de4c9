/**
 * `compile(fn)`: a function of tensors, with its gradients, as one native program. The function is run once to trace it into an
 * ONNX graph (device cpu, webgpu, cuda), or at every call (device `tfjs`): the numbers are the same.
 */

import { type Device, openTfjsBackend } from './device.js';
import { type MaskKey, type MaskSite, maskBytes, maskSource, type Randomness } from './dropout.js';
import { type BatchSize, freeGraph, freeShape, shapeAt } from './free.js';
import type { Graph } from './graph.js';
import { type Profile, span } from './profile.js';
import { type Array1D, type Feeds, openResidentSession, openSession, type Resident } from './session.js';
import * as tf from './tfjs.js';
import { traceWith } from './trace-backend.js';
import { workingBytes } from './working-memory.js';

export type { MaskKey, Randomness };

/** An input: its shape, and `float32` (default) or `int32`. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: 'float32' | 'int32';
}

/** Inputs by name. */
export type TensorSpecs = Readonly<Record<string, TensorSpec>>;

/** A function of tfjs tensors, by name, to tensors by name; called to trace it, so it must not read their values. */
export type TensorFunction<I extends TensorSpecs> = (
  inputs: { readonly [K in keyof I]: tf.Tensor },
  random: Randomness,
) => Readonly<Record<string, tf.Tensor>>;

/** Where and on how many threads a program runs. Threads change no number. */
export interface CompileOptions {
  readonly device?: Device;
  /** 0: one per core. */
  readonly threads?: number;
  /** Values of inputs that are the same at every run, by name: they are not fed, and stay in these arrays, which must not change. */
  readonly constants?: Feeds;
  /** Steps run in chunks, as they do on cuda: for tests. */
  readonly chunked?: boolean;
  /** Collects where the time goes. */
  readonly profile?: Profile | undefined;
}

/** A traced function: `String(graph)` shows it, `masks` are its random inputs. */
export interface Traced {
  readonly graph: Graph;
  readonly masks: readonly MaskSite[];
}

/** Of one run of a {@link Compiled}. */
export interface RunOptions {
  /** Arrays that outputs are written into, by name; others go to arrays kept from run to run. */
  readonly into?: Feeds;
  /** Which dropout masks. Needed when the function draws any. */
  readonly random?: MaskKey;
}

/** A native program of fixed shapes. Close it when done: it holds memory outside the JavaScript heap. */
export interface Compiled {
  /** Inputs by name, row-major. The arrays returned are overwritten by the next run. */
  run(feeds: Feeds, options?: RunOptions): Promise<Readonly<Record<string, Array1D>>>;
  /** The traced program; undefined on the eager device. Print it with `String(graph)`. */
  readonly graph: Graph | undefined;
  /** What it holds between runs, estimated: intermediate values and dropout masks. 0 on the eager device. */
  readonly heldBytes: number;
  /** Gives back its memory. */
  close(): Promise<void>;
}

/**
 * Traces without compiling: to look at the graph, or to count what a stage computes.
 * @example
 * ```ts
 * import { engine } from 'progtuning';
 *
 * const { graph } = engine.trace({ x: { shape: [1, 3] } }, ({ x }) => ({ y: engine.fused.gelu(x) }));
 * console.log(String(graph).split('\n')[0]); // input x: float32[1,3]
 * ```
 */
export function trace<I extends TensorSpecs>(inputs: I, fn: TensorFunction<I>): Traced {
  const masks: MaskSite[] = [];
  const graph = traceWith((tracer) => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        tracer.input(name, shape, dtype ?? 'float32'),
      ]),
    ) as { [K in keyof I]: tf.Tensor };
    const mask: Randomness['mask'] = (shape, rate, of) => {
      if (rate === 0) return undefined;
      const site = { name: `mask${masks.length}`, shape: [...shape], rate, of };
      masks.push(site);
      return tracer.input(site.name, shape, 'float32');
    };
    for (const [name, tensor] of Object.entries(fn(tensors, { mask }))) tracer.output(name, tensor);
  });
  return { graph, masks };
}

const heldBytes = (graph: Graph, masks: readonly MaskSite[]): number =>
  workingBytes(graph) + maskBytes(masks);

/**
 * Compiles `fn` for inputs of fixed shapes. Errors of tracing name the kernel; errors of the device, what to install.
 * @throws UsageError for a device that is not there, with what to install
 * @param options device, threads
 * @example
 * ```ts
 * import { engine } from 'progtuning';
 *
 * const program = await engine.compile({ x: { shape: [1, 3] } }, ({ x }) => ({ y: engine.fused.gelu(x) }));
 * const { y } = await program.run({ x: Float32Array.of(-1, 0, 1) });
 * console.log(y[2].toFixed(4)); // 0.8413
 * await program.close();
 * ```
 */
export async function compile<I extends TensorSpecs>(
  inputs: I,
  fn: TensorFunction<I>,
  { device = 'cpu', threads = 0, profile, constants = {} }: CompileOptions = {},
): Promise<Compiled> {
  if (device === 'tfjs') {
    await openTfjsBackend();
    const program = eager(inputs, fn);
    return { ...program, run: (feeds, options) => program.run({ ...constants, ...feeds }, options) };
  }
  const { graph, masks } = trace(inputs, fn);
  const session = await openSession(graph, { device, threads, profile }, constants);
  const source = maskSource();
  return {
    graph,
    heldBytes: heldBytes(graph, masks),
    run(feeds, { into, random } = {}) {
      const masked = span(profile, 'dropout masks', () => source.fill(masks, random));
      return session.run({ ...feeds, ...masked }, into);
    },
    close: () => session.close(),
  };
}

/** One program for batches of every size. */
export interface CompiledFree {
  /** As {@link Compiled.run}, for a batch of the size. */
  run(size: BatchSize, feeds: Feeds, options?: RunOptions): Promise<Readonly<Record<string, Array1D>>>;
  close(): Promise<void>;
}

/** A function at one size. */
export interface SizedFunction {
  readonly inputs: TensorSpecs;
  readonly fn: TensorFunction<TensorSpecs>;
}

/**
 * Compiles a function whose inputs depend on the size of the batch, once for all sizes: see `free.ts`. On the eager device it is
 * called at the size that is asked for.
 */
export async function compileFree(
  at: (size: BatchSize) => SizedFunction,
  { device = 'cpu', threads = 0, profile, constants = {} }: CompileOptions = {},
): Promise<CompiledFree> {
  if (device === 'tfjs') {
    await openTfjsBackend();
    return {
      run: (size, feeds, options) =>
        eager(at(size).inputs, at(size).fn).run({ ...constants, ...feeds }, options),
      close: async () => {},
    };
  }
  const traces: (readonly MaskSite[])[] = [];
  const graph = freeGraph((size) => {
    const { inputs, fn } = at(size);
    const traced = trace(inputs, fn);
    traces.push(traced.masks);
    return traced.graph;
  });
  const [first = [], second = []] = traces;
  const sites = first.map((site, i) => ({ ...site, shape: freeShape(site.shape, second[i]?.shape ?? []) }));
  const session = await openSession(graph, { device, threads, profile }, constants);
  const source = maskSource();
  return {
    run(size, feeds, { into, random } = {}) {
      const masks = sites.map((site) => ({ ...site, shape: shapeAt(site.shape, size) }));
      const masked = span(profile, 'dropout masks', () => source.fill(masks, random));
      return session.run({ ...feeds, ...masked }, into, size);
    },
    close: () => session.close(),
  };
}

/** A compiled function some of whose outputs stay on the device. */
export interface CompiledResident {
  /** Outputs are new at every run: arrays, or for those that stay {@link Resident}s, the caller's to dispose of. */
  run(
    feeds: Readonly<Record<string, Array1D | Resident>>,
    random?: MaskKey,
  ): Promise<Readonly<Record<string, Array1D | Resident>>>;
  readonly heldBytes: number;
  close(): Promise<void>;
}

/** As {@link compile}, for a device that keeps outputs (webgpu). @param resident tells by its name whether an output stays */
export async function compileResident<I extends TensorSpecs>(
  inputs: I,
  fn: TensorFunction<I>,
  resident: (output: string) => boolean,
  { device = 'webgpu', threads = 0, profile }: CompileOptions = {},
): Promise<CompiledResident> {
  const { graph, masks } = trace(inputs, fn);
  const names = new Set(graph.outputs.map(({ name }) => name).filter(resident));
  const session = await openResidentSession(graph, names, { device, threads, profile });
  const source = maskSource();
  return {
    heldBytes: heldBytes(graph, masks),
    run: (feeds, random) => session.run({ ...feeds, ...source.fill(masks, random) }),
    close: () => session.close(),
  };
}

/** The same function on the current tfjs backend (`tfjs-node-gpu`, or `cpu` in tests), operation by operation. */
function eager<I extends TensorSpecs>(inputs: I, fn: TensorFunction<I>): Compiled {
  const source = maskSource();
  let sites: MaskSite[] | undefined;
  const call = (feeds: Feeds, masks: Feeds | undefined): Record<string, tf.Tensor> => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        tf.tensor(feeds[name] as Array1D, [...shape], dtype ?? 'float32'),
      ]),
    ) as { [K in keyof I]: tf.Tensor };
    const found: MaskSite[] = [];
    const mask: Randomness['mask'] = (shape, rate, of) => {
      if (rate === 0) return undefined;
      const name = `mask${found.length}`;
      found.push({ name, shape: [...shape], rate, of });
      return masks ? tf.tensor(masks[name] as Float32Array, [...shape]) : tf.ones([...shape]);
    };
    const outputs = tf.tidy(() => fn(tensors, { mask })) as Record<string, tf.Tensor>;
    sites = found;
    return outputs;
  };
  return {
    graph: undefined,
    heldBytes: 0,
    async run(feeds, { into = {}, random } = {}) {
      const results: Record<string, Array1D> = {};
      await tf.nextFrame?.();
      tf.engine().startScope();
      if (!sites) call(feeds, undefined);
      const outputs = call(feeds, source.fill(sites ?? [], random));
      for (const [name, tensor] of Object.entries(outputs)) {
        const data = tensor.dataSync() as Array1D;
        const target = into[name];
        if (target) target.set(data);
        results[name] = target ?? data;
      }
      tf.engine().endScope();
      return results;
    },
    close: async () => {},
  };
}
