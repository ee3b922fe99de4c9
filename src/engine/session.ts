/** Runs a {@link Graph} natively: the only file, with device.ts, that loads onnxruntime. */
import { createRequire } from 'node:module';
import os from 'node:os';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Device } from './device.js';
import { deviceError, executionProviders } from './device.js';
import { type BatchSize, shapeAt } from './free.js';
import type { Constant, Graph, Value } from './graph.js';
import { sameShape, sizeOf } from './kernels/rule.js';
import { memoryError } from './memory-error.js';
import { writeModel } from './onnx-writer.js';
import type { Profile } from './profile.js';
import { withWebgpuOperators } from './webgpu-operators.js';

const require = createRequire(import.meta.url);

/** Loaded with the first session: who only reads or counts a model does without its library. */
export const onnxruntime = (): typeof import('onnxruntime-node') => require('onnxruntime-node');

/** Values of a tensor, row-major. */
export type Array1D = Float32Array | Int32Array;

/**
 * Processors that this process may use: the threads that `0` stands for. onnxruntime's own 0 counts cores by CPUID, which on a virtual
 * machine of two cores may say one.
 */
export const processors = (): number => os.availableParallelism();

/** Values by the name of their input. */
export type Feeds = Readonly<Record<string, Array1D>>;
/** What a program may be fed: bits of dropout masks come in bytes. */
type Fed = Array1D | Uint8Array;

export interface SessionOptions {
  readonly device: Device;
  /** Threads of the matrix products; 0: {@link processors}. Results do not depend on it. */
  readonly threads: number;
  readonly profile?: Profile | undefined;
}

/** onnxruntime's tensor. Its types name a browser's, which a program need not know. */
interface DeviceTensor {
  dispose(): void;
}

/** An output that stayed on the device: an input of later runs, of any program, until it is disposed of. */
export class Resident {
  constructor(
    readonly tensor: DeviceTensor,
    private readonly onDispose: () => void,
  ) {}

  dispose(): void {
    this.tensor.dispose();
    this.onDispose();
  }
}

export interface Session {
  /**
   * Runs once. Outputs are written into `into` where it names them, else into arrays kept from run to run.
   * @param size of the batch, where the program's sizes are free
   */
  run(
    feeds: Readonly<Record<string, Fed>>,
    into?: Feeds,
    size?: BatchSize,
  ): Promise<Readonly<Record<string, Array1D>>>;
  close(): Promise<void>;
}

const dataOf = ({ dtype, shape }: Pick<Value, 'dtype' | 'shape'>): Array1D =>
  dtype === 'int32' ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));

/** A tensor over the array, kept while the array is the same: wrapping costs more than small graphs. */
function wrap(
  kept: Map<string, { array: Fed; tensor: Tensor }>,
  name: string,
  { dtype, shape }: Pick<Value, 'dtype' | 'shape'>,
  array: Fed,
): Tensor {
  const known = kept.get(name);
  if (known?.array === array && sameShape(known.tensor.dims, shape)) return known.tensor;
  const expected = sizeOf(shape);
  if (array.length !== expected) {
    throw new Error(`internal: '${name}' wants ${expected} elements [${shape}], got ${array.length}`);
  }
  const type = dtype === 'int32' || dtype === 'uint8' ? dtype : 'float32';
  const tensor = new (onnxruntime().Tensor)(type, array as Float32Array, shape);
  kept.set(name, { array, tensor });
  return tensor;
}

/** A program's name in a profile: what comes in besides the parameters, how many outputs there are. */
const label = ({ inputs, outputs }: Graph): string =>
  `${inputs.find(({ dtype }) => dtype === 'int32')?.shape.join(' x ') ?? 'program'}, ${outputs.length} outputs`;

/**
 * onnxruntime-node writes outputs into the arrays it is given, and then copies each of them once more into an array of its own: for
 * BERT-base's gradients 437 MB a step, of fresh memory. It goes through the outputs in their order and stops at one that it cannot
 * hand to JavaScript, a sequence; so every program has an empty sequence as its first output. What we asked for is then in our arrays.
 */
const NOT_HANDED_OVER = 'not handed over';
const stopsAtSequence = (error: unknown): boolean => /Non tensor type/.test((error as Error).message);

export const forDevice = (graph: Graph, device: Device): Graph =>
  device === 'webgpu' ? withWebgpuOperators(graph) : graph;

export async function createSession(
  model: Uint8Array,
  name: string,
  { device, threads, profile }: SessionOptions,
  more: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  const program = profile?.program(name);
  const session = await onnxruntime()
    .InferenceSession.create(model, {
      executionProviders: executionProviders(device),
      intraOpNumThreads: threads || processors(),
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // A memory pattern is a second block as large as all activations, made at the second run: no faster here, only larger.
      enableMemPattern: false,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      ...(program ? { enableProfiling: true, profileFilePrefix: program.prefix } : {}),
      ...more,
    })
    .catch((error) => {
      throw deviceError(device, error);
    });
  program?.opened();
  return session;
}

const locations = (graph: Graph, resident: ReadonlySet<string>) =>
  Object.fromEntries(
    graph.outputs.map(({ name }) => [name, resident.has(name) ? 'gpu-buffer' : 'cpu'] as const),
  );

export async function closeSession(session: InferenceSession, profile: Profile | undefined): Promise<void> {
  if (profile) session.endProfiling();
  await session.release();
}

export interface ResidentSession {
  /** Runs once; outputs are new at every run. Those that stay on the device are the caller's to dispose of, before `close` or after. */
  run(
    feeds: Readonly<Record<string, Array1D | Resident>>,
  ): Promise<Readonly<Record<string, Array1D | Resident>>>;
  close(): Promise<void>;
}

/** A session whose outputs named in `resident` stay on the device (webgpu: the one provider of the npm package that can). */
export async function openResidentSession(
  graph: Graph,
  resident: ReadonlySet<string>,
  options: SessionOptions,
): Promise<ResidentSession> {
  const preferredOutputLocation = locations(graph, resident);
  const model = writeModel(forDevice(graph, options.device));
  const session = await createSession(model, label(graph), options, {
    preferredOutputLocation,
    // An operator that the device lacks is an error, not a detour over the CPU.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  const wrapped = new Map<string, { array: Array1D; tensor: Tensor }>();
  const used = new Set(session.inputNames);
  // A session's memory is its own: released before its last tensor, it takes the process down.
  let alive = 0;
  let closed = false;
  const release = (): Promise<void> => closeSession(session, options.profile);
  const disposed = (): void => {
    alive -= 1;
    if (closed && alive === 0) void release();
  };
  return {
    async run(feeds) {
      const fed: Record<string, Tensor> = {};
      for (const value of graph.inputs) {
        if (!used.has(value.name)) continue;
        const feed = feeds[value.name];
        if (!feed) throw new Error(`internal: input '${value.name}' is not fed`);
        fed[value.name] =
          feed instanceof Resident ? (feed.tensor as Tensor) : wrap(wrapped, value.name, value, feed);
      }
      const results = await session.run(fed);
      alive += resident.size;
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [
          name,
          resident.has(name)
            ? new Resident(tensor as Tensor, disposed)
            : ((tensor as Tensor).data as Array1D),
        ]),
      );
    },
    async close() {
      closed = true;
      if (alive === 0) await release();
    },
  };
}

/** Where no size is free. */
const NO_SIZE: BatchSize = { rows: 0, length: 0 };

/** Weights as onnxruntime reads them from our arrays: their path in the model is their name. */
export const externalData = (weights: readonly Constant[]) =>
  weights.map(({ value, data }) => ({
    path: value.name,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));

/** @param constants values of inputs that are the same at every run, by name: they stay in these arrays, and are not fed */
export async function openSession(
  graph: Graph,
  options: SessionOptions,
  constants: Feeds = {},
): Promise<Session> {
  const weights = graph.inputs.flatMap((value) => {
    const data = constants[value.name];
    return data ? [{ value, data }] : [];
  });
  const model = writeModel(forDevice(graph, options.device), {
    firstOutput: NOT_HANDED_OVER,
    ...{ weights, external: true },
  });
  const session = await createSession(model, label(graph), options, { externalData: externalData(weights) });
  const inputs = new Map<string, { array: Fed; tensor: Tensor }>();
  const outputs = new Map<string, { array: Array1D; tensor: Tensor }>();
  const own = new Map(
    graph.outputs.map(({ name, value }) => [name, { value, array: undefined as Array1D | undefined }]),
  );
  const used = new Set(session.inputNames);
  return {
    async run(feeds, into = {}, size = NO_SIZE) {
      const fed: Record<string, Tensor> = {};
      for (const value of graph.inputs) {
        if (!used.has(value.name)) continue;
        const array = feeds[value.name];
        if (!array) throw new Error(`internal: input '${value.name}' is not fed`);
        const shape = shapeAt(value.shape, size);
        fed[value.name] = wrap(inputs, value.name, { dtype: value.dtype, shape }, array);
      }
      const fetched: Record<string, Tensor | null> = { [NOT_HANDED_OVER]: null };
      const results: Record<string, Array1D> = {};
      for (const [name, entry] of own) {
        const value = { dtype: entry.value.dtype, shape: shapeAt(entry.value.shape, size) };
        if (!into[name] && entry.array?.length !== sizeOf(value.shape)) entry.array = dataOf(value);
        const array = (into[name] ?? entry.array) as Array1D;
        fetched[name] = wrap(outputs, name, value, array);
        results[name] = array;
      }
      await session.run(fed, fetched).catch((error) => {
        if (!stopsAtSequence(error)) throw memoryError(graph, error);
      });
      return results;
    },
    close: () => closeSession(session, options.profile),
  };
}
