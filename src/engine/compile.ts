/**
 * `compile(fn)`: a function of tensors, with its gradients, as one native program. The function is run once to trace it into an
 * ONNX graph (device cpu, webgpu, cuda), or at every call (device `tfjs`): the numbers are the same.
 */
import * as tf from '@tensorflow/tfjs';
import { mixKey, type RandomKey } from '../random.js';
import { Arena, arenaBytes } from './arena.js';
import type { Device } from './device.js';
import type { Graph } from './graph.js';
import { sizeOf } from './kernels/rule.js';
import { type Profile, span } from './profile.js';
import { type Array1D, type Feeds, openResidentSession, openSession, type Resident } from './session.js';
import { traceWith } from './trace-backend.js';
import { workingBytes } from './working-memory.js';

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: 'float32' | 'int32';
}
export type TensorSpecs = Readonly<Record<string, TensorSpec>>;

export interface Randomness {
  /** An inverted-dropout mask of 0 and 1 / (1 - rate), fresh at every run; undefined at rate 0. */
  mask(shape: readonly number[], rate: number): tf.Tensor | undefined;
}

export type TensorFunction<I extends TensorSpecs> = (
  inputs: { readonly [K in keyof I]: tf.Tensor },
  random: Randomness,
) => Readonly<Record<string, tf.Tensor>>;

export interface CompileOptions {
  readonly device?: Device;
  /** 0: one per core. */
  readonly threads?: number;
  /** Collects where the time goes. */
  readonly profile?: Profile | undefined;
}

/** A random input of a traced function. */
export interface MaskSite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rate: number;
}

export interface Traced {
  readonly graph: Graph;
  readonly masks: readonly MaskSite[];
}

export interface RunOptions {
  /** Arrays that outputs are written into, by name; others go to arrays kept from run to run. */
  readonly into?: Feeds;
  /** Which dropout masks: (seed, stream, step). Needed when the function draws any. */
  readonly random?: RandomKey;
}

export interface Compiled {
  /** Inputs by name, row-major. The arrays returned are overwritten by the next run. */
  run(feeds: Feeds, options?: RunOptions): Promise<Readonly<Record<string, Array1D>>>;
  /** The traced program; undefined on the eager device. Print it with `String(graph)`. */
  readonly graph: Graph | undefined;
  /** What it holds between runs, estimated: intermediate values and dropout masks. 0 on the eager device. */
  readonly heldBytes: number;
  close(): Promise<void>;
}

/** Traces without compiling: to look at the graph, or to count what a stage computes. */
export function trace<I extends TensorSpecs>(inputs: I, fn: TensorFunction<I>): Traced {
  const masks: MaskSite[] = [];
  const graph = traceWith((tracer) => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        tracer.input(name, shape, dtype ?? 'float32'),
      ]),
    ) as { [K in keyof I]: tf.Tensor };
    const mask: Randomness['mask'] = (shape, rate) => {
      if (rate === 0) return undefined;
      const site = { name: `mask${masks.length}`, shape: [...shape], rate };
      masks.push(site);
      return tracer.input(site.name, shape, 'float32');
    };
    for (const [name, tensor] of Object.entries(fn(tensors, { mask }))) tracer.output(name, tensor);
  });
  return { graph, masks };
}

/** Masks of one function: arrays in an arena, refilled from the key before each run. */
function maskSource(sites: readonly MaskSite[]) {
  if (sites.length === 0) return { fill: (): Feeds => ({}) };
  const arena = new Arena(
    sites.reduce((sum, { shape }) => sum + arenaBytes(sizeOf(shape)), 0),
    { purpose: `${sites.length} dropout masks`, remedy: 'lower --batch-size or --max-length' },
  );
  const arrays = sites.map(({ name, shape, rate }, index) => ({
    name,
    rate,
    index,
    array: arena.array(sizeOf(shape)),
  }));
  const feeds = Object.fromEntries(arrays.map(({ name, array }) => [name, array]));
  return {
    fill(key: RandomKey | undefined): Feeds {
      if (!key) throw new Error('internal: a function with dropout is run without a random key');
      for (const { array, rate, index } of arrays) arena.fillMask(array, maskKey(key, index), rate);
      return feeds;
    },
  };
}

/** The 32-bit key of the `site`-th mask: sites of one step draw different numbers. */
const maskKey = (key: RandomKey, site: number): number =>
  mixKey({ ...key, stream: key.stream + 256 * (site + 1) });

const heldBytes = (graph: Graph, masks: readonly MaskSite[]): number =>
  workingBytes(graph) + masks.reduce((sum, { shape }) => sum + arenaBytes(sizeOf(shape)), 0);

/** Compiles `fn` for inputs of fixed shapes. Errors of tracing name the kernel; errors of the device, what to install. */
export async function compile<I extends TensorSpecs>(
  inputs: I,
  fn: TensorFunction<I>,
  { device = 'cpu', threads = 0, profile }: CompileOptions = {},
): Promise<Compiled> {
  if (device === 'tfjs') return eager(inputs, fn);
  const { graph, masks } = trace(inputs, fn);
  const session = await openSession(graph, {
    device,
    threads,
    profile,
  });
  const source = maskSource(masks);
  return {
    graph,
    heldBytes: heldBytes(graph, masks),
    run(feeds, { into, random } = {}) {
      const masked = span(profile, 'dropout masks', () => source.fill(random));
      return session.run({ ...feeds, ...masked }, into);
    },
    close: () => session.close(),
  };
}

/** A compiled function some of whose outputs stay on the device. */
export interface CompiledResident {
  /** Outputs are new at every run: arrays, or for those that stay {@link Resident}s, the caller's to dispose of. */
  run(
    feeds: Readonly<Record<string, Array1D | Resident>>,
    random?: RandomKey,
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
  const source = maskSource(masks);
  return {
    heldBytes: heldBytes(graph, masks),
    run: (feeds, random) => session.run({ ...feeds, ...source.fill(random) }),
    close: () => session.close(),
  };
}

/** The same function on the current tfjs backend (`tfjs-node-gpu`, or `cpu` in tests), operation by operation. */
function eager<I extends TensorSpecs>(inputs: I, fn: TensorFunction<I>): Compiled {
  let source: ReturnType<typeof maskSource> | undefined;
  const sites: MaskSite[] = [];
  const call = (feeds: Feeds, masks: Feeds | undefined): Record<string, tf.Tensor> => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        tf.tensor(feeds[name] as Array1D, [...shape], dtype ?? 'float32'),
      ]),
    ) as { [K in keyof I]: tf.Tensor };
    let site = 0;
    const mask: Randomness['mask'] = (shape, rate) => {
      if (rate === 0) return undefined;
      const name = `mask${site++}`;
      if (masks) return tf.tensor(masks[name] as Float32Array, [...shape]);
      sites.push({ name, shape: [...shape], rate });
      return tf.ones([...shape]);
    };
    return tf.tidy(() => fn(tensors, { mask })) as Record<string, tf.Tensor>;
  };
  return {
    graph: undefined,
    heldBytes: 0,
    async run(feeds, { into = {}, random } = {}) {
      const results: Record<string, Array1D> = {};
      await tf.nextFrame?.();
      tf.engine().startScope();
      if (!source) {
        call(feeds, undefined);
        source = maskSource(sites);
      }
      const outputs = call(feeds, source.fill(random as RandomKey));
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
