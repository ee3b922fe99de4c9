/**
 * A tfjs backend whose tensors hold no data: each carries the name of a {@link Graph} value, and every kernel that tfjs calls
 * appends ONNX nodes. tfjs's own tape does the differentiation, and prunes everything below the lowest trained parameter.
 */

import { type ElementType, Graph, type Value } from './graph.js';
import type { AnyRule } from './kernels/rule.js';
import { kernelRules } from './kernels/table.js';
import * as tf from './tfjs.js';

// The production flag silences tfjs's advice to install its native backend, which this project replaces.
tf.enableProdMode();

const BACKEND = 'progtuning-trace';

/** How tfjs hands constants to a backend. */
type Written =
  | Float32Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | readonly number[]
  | readonly string[];

const elementType = (dtype: tf.DataType): ElementType => {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new TypeError(`tracing: a tensor of dtype '${dtype}' cannot be traced; use float32, int32 or bool`);
};

const dataType = (type: ElementType): tf.DataType =>
  type === 'uint8' ? 'bool' : type === 'int64' ? 'int32' : type;

class TraceBackend extends tf.KernelBackend {
  graph = new Graph();
  private values = new WeakMap<object, Value>();
  private constants = new WeakMap<object, Written>();

  begin(): Graph {
    this.graph = new Graph();
    this.values = new WeakMap();
    this.constants = new WeakMap();
    return this.graph;
  }

  /** Makes a tfjs tensor that stands for a graph value. */
  tensorOf(value: Value): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.infoOf(value));
  }

  infoOf(value: Value): tf.TensorInfo {
    const dataId = {};
    this.values.set(dataId, value);
    return { dataId, shape: [...value.shape], dtype: dataType(value.dtype) };
  }

  /** The graph value that a tensor stands for; constants enter the graph when they are first used. */
  graphValue(info: tf.TensorInfo): Value {
    const known = this.values.get(info.dataId);
    if (known) return known;
    const data = this.constants.get(info.dataId);
    if (!data) {
      throw new Error(
        `tracing: a tensor of shape [${info.shape}] was made outside the traced function; pass it as an input`,
      );
    }
    const value = this.constantValue(data, info.shape, elementType(info.dtype));
    this.values.set(info.dataId, value);
    return value;
  }

  override write(values: tf.BackendValues, _shape: number[], _dtype: tf.DataType): object {
    const dataId = {};
    this.constants.set(dataId, values as Written);
    return dataId;
  }

  override move(dataId: object, values: tf.BackendValues): void {
    this.constants.set(dataId, values as Written);
  }

  override readSync(dataId: object): tf.BackendValues {
    const data = this.constants.get(dataId);
    if (!data) {
      throw new Error(
        'tracing: the value of a tensor is not known while a function is traced; dataSync(), data() and control flow on values cannot be compiled',
      );
    }
    return data as Float32Array;
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(): boolean {
    return true;
  }
  override numDataIds(): number {
    return 0;
  }
  override incRef(): void {}
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override dispose(): void {}

  private constantValue(data: Written, shape: readonly number[], dtype: ElementType): Value {
    const first = Number(data[0]);
    const uniform = data.length > 0 && (data as readonly number[]).every((x: number) => x === first);
    if (uniform) return this.graph.uniform(first, shape, dtype);
    const numbers = data as readonly number[];
    const typed =
      dtype === 'float32'
        ? Float32Array.from(numbers)
        : dtype === 'int32'
          ? Int32Array.from(numbers)
          : Uint8Array.from(numbers);
    return this.graph.constant(typed, shape, dtype);
  }
}

let backend: TraceBackend | undefined;

function unknownKernel(name: string): never {
  throw new Error(
    `tracing: tfjs kernel '${name}' has no ONNX rule; write the function with other operations, or add a rule in src/engine/kernels/ and list it in src/engine/kernels/table.ts`,
  );
}

function register(): TraceBackend {
  const made = new TraceBackend();
  const run =
    (rule: AnyRule): tf.KernelFunc =>
    ({ inputs, attrs }) => {
      const values: Record<string, Value | Value[]> = {};
      for (const [key, info] of Object.entries(inputs)) {
        if (Array.isArray(info)) values[key] = info.map((item: tf.TensorInfo) => made.graphValue(item));
        else if (info) values[key] = made.graphValue(info as tf.TensorInfo);
      }
      const result = rule(made.graph, values, (attrs ?? {}) as Record<string, unknown>);
      return Array.isArray(result) ? result.map((value) => made.infoOf(value)) : made.infoOf(result as Value);
    };
  for (const [name, rule] of Object.entries(kernelRules)) {
    tf.registerKernel({ kernelName: name, backendName: BACKEND, kernelFunc: run(rule as AnyRule) });
  }
  // Kernels that tfjs has and we do not: one clear message instead of tfjs's.
  for (const kernelName of tf.KERNEL_NAMES) {
    if (kernelName in kernelRules) continue;
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc: () => unknownKernel(kernelName) });
  }
  return made;
}

/** Whether the code runs inside {@link traceWith}: fused pieces choose their form by it. */
export const isTracing = (): boolean => tf.engine().backendName === BACKEND;

/** What a traced function may ask of the tracer besides its inputs. */
export interface Tracer {
  readonly graph: Graph;
  /** A new graph input as a tensor. */
  input(name: string, shape: readonly number[], dtype: ElementType): tf.Tensor;
  /** Names a tensor as an output of the graph. */
  output(name: string, tensor: tf.Tensor): void;
}

/**
 * Runs `body` with the tracing backend current and returns the graph. Afterwards the former backend is back or, where there was none,
 * none is chosen: tfjs takes the best that is registered when it first needs one.
 */
export function traceWith(body: (tracer: Tracer) => void): Graph {
  backend ??= register();
  const current = backend;
  const former = tf.getBackend();
  if (former === BACKEND) throw new Error('tracing: a traced function cannot compile another one');
  const graph = current.begin();
  tf.registerBackend(BACKEND, () => current, 0);
  void tf.setBackend(BACKEND);
  try {
    tf.tidy(() => {
      body({
        graph,
        input: (name, shape, dtype) => current.tensorOf(graph.input(name, shape, dtype)),
        output: (name, tensor) => graph.output(name, graph.settle(current.graphValue(tensor))),
      });
    });
  } finally {
    tf.removeBackend(BACKEND);
    if (former) void tf.setBackend(former);
  }
  return graph;
}
