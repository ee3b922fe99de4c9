/**
 * A program whose batch is free: one for all numbers of rows and all lengths, where a trace has fixed sizes. The same function is
 * traced at two sizes; where the two differ, the number stands for a size (or a multiple of one, or a size and a shift) and is computed
 * from the shapes of the inputs at run time. One program then serves a whole stage: nothing is compiled for another batch, and
 * onnxruntime holds one set of activations instead of one for each shape.
 */
import { type Constant, Graph, type Node, type Value } from './graph.js';

/** Sizes of a batch of token rows. */
export interface BatchSize {
  readonly rows: number;
  readonly length: number;
  /** Of the rows that a second stack reads; absent: there is none. */
  readonly targetLength?: number | undefined;
  /** Tokens before those of the rows, whose keys and values are kept. */
  readonly past?: number | undefined;
  /** Of the text that a second stack reads of, those whose keys and values are kept. */
  readonly readBefore?: number | undefined;
}

type TracedSize = { readonly [size in keyof BatchSize]-?: number };

/** Sizes of the two traces: primes, whose differences no two symbols share. */
export const TRACED_SIZES: readonly [TracedSize, TracedSize] = [
  { rows: 101, length: 61, targetLength: 43, past: 31, readBefore: 23 },
  { rows: 127, length: 113, targetLength: 89, past: 71, readBefore: 53 },
];

/**
 * What is free, by the names of Hugging Face's exporters; `tokens` is rows x length, `decoder_tokens` rows x target length. In the shapes of a
 * free graph each is a number below 0.
 */
export const FREE = {
  ...{ batch_size: -1, sequence_length: -2, tokens: -3 },
  ...{ decoder_sequence_length: -4, decoder_tokens: -5 },
  ...{ past_sequence_length: -6, total_sequence_length: -7, decoder_total_sequence_length: -8 },
  ...{ encoder_past_sequence_length: -9, encoder_new_sequence_length: -10, encoder_new_tokens: -11 },
} as const;
type FreeName = keyof typeof FREE;

const [FIRST, SECOND] = TRACED_SIZES;
const PAIRS: readonly (readonly [FreeName, number, number])[] = [
  ['tokens', FIRST.rows * FIRST.length, SECOND.rows * SECOND.length],
  ['batch_size', FIRST.rows, SECOND.rows],
  ['sequence_length', FIRST.length, SECOND.length],
  ['decoder_tokens', FIRST.rows * FIRST.targetLength, SECOND.rows * SECOND.targetLength],
  ['decoder_sequence_length', FIRST.targetLength, SECOND.targetLength],
  ['past_sequence_length', FIRST.past, SECOND.past],
  ['total_sequence_length', FIRST.past + FIRST.length, SECOND.past + SECOND.length],
  ['decoder_total_sequence_length', FIRST.past + FIRST.targetLength, SECOND.past + SECOND.targetLength],
  ['encoder_past_sequence_length', FIRST.readBefore, SECOND.readBefore],
  ['encoder_new_sequence_length', FIRST.length - FIRST.readBefore, SECOND.length - SECOND.readBefore],
  [
    'encoder_new_tokens',
    FIRST.rows * (FIRST.length - FIRST.readBefore),
    SECOND.rows * (SECOND.length - SECOND.readBefore),
  ],
];

/** What no input need have as a size of its own. */
const DERIVED: Partial<Record<FreeName, readonly ['Mul' | 'Add' | 'Sub', FreeName, FreeName]>> = {
  tokens: ['Mul', 'batch_size', 'sequence_length'],
  decoder_tokens: ['Mul', 'batch_size', 'decoder_sequence_length'],
  total_sequence_length: ['Add', 'past_sequence_length', 'sequence_length'],
  decoder_total_sequence_length: ['Add', 'past_sequence_length', 'decoder_sequence_length'],
  encoder_new_sequence_length: ['Sub', 'sequence_length', 'encoder_past_sequence_length'],
  encoder_new_tokens: ['Mul', 'batch_size', 'encoder_new_sequence_length'],
};

/** Sizes that a number may stand for with a shift. */
const SHIFTED = PAIRS.filter(([name]) => name === 'sequence_length' || name === 'decoder_sequence_length');

/** The shape of an input or output: {@link FREE} where the two traces differ. */
export function freeShape(a: readonly number[], b: readonly number[]): number[] {
  return a.map((size, i) => {
    if (size === b[i]) return size;
    const free = PAIRS.find(([, x, y]) => size === x && b[i] === y);
    if (!free)
      throw new Error(`free: a size of ${size} and ${b[i]} is neither rows nor length nor their product`);
    return FREE[free[0]];
  });
}

/** A shape for a batch of the given size; without free sizes it is as it was. */
export function shapeAt(
  shape: readonly number[],
  { rows, length, targetLength = 0, past = 0, readBefore = 0 }: BatchSize,
): readonly number[] {
  if (shape.every((size) => size >= 0)) return shape;
  const sizes = new Map<number, number>([
    [FREE.batch_size, rows],
    [FREE.sequence_length, length],
    [FREE.tokens, rows * length],
    [FREE.decoder_sequence_length, targetLength],
    [FREE.decoder_tokens, rows * targetLength],
    [FREE.past_sequence_length, past],
    [FREE.total_sequence_length, past + length],
    [FREE.decoder_total_sequence_length, past + targetLength],
    [FREE.encoder_past_sequence_length, readBefore],
    [FREE.encoder_new_sequence_length, length - readBefore],
    [FREE.encoder_new_tokens, rows * (length - readBefore)],
  ]);
  return shape.map((size) => sizes.get(size) ?? size);
}

const VECTOR = { shape: [1], dtype: 'int64' } as const;

/** The sizes of a run as [1] int64 vectors, each computed once. */
class Sizes {
  private readonly known = new Map<string, Value>();

  constructor(
    private readonly graph: Graph,
    private readonly inputs: readonly Value[],
  ) {}

  private once(key: string, make: () => Value): Value {
    const value = this.known.get(key) ?? make();
    this.known.set(key, value);
    return value;
  }

  private size(name: FreeName): Value {
    return this.once(name, () => {
      for (const input of this.inputs) {
        const axis = input.shape.indexOf(FREE[name]);
        if (axis < 0) continue;
        const shape = this.graph.node('Shape', [input], { shape: [input.shape.length], dtype: 'int64' });
        return this.graph.node(
          'Slice',
          [shape, this.graph.indices([axis]), this.graph.indices([axis + 1])],
          VECTOR,
        );
      }
      const derived = DERIVED[name];
      if (!derived) throw new Error(`free: no input has the size '${name}'`);
      const [op, a, b] = derived;
      return this.graph.node(op, [this.size(a), this.size(b)], VECTOR);
    });
  }

  /** The number that is `a` in the first trace and `b` in the second; undefined where it is no size. */
  element(a: number, b: number): Value | undefined {
    if (a === b) return this.graph.indices([a]);
    for (const [name, x, y] of PAIRS) {
      const times = a / x;
      if (!Number.isInteger(times) || b / y !== times) continue;
      if (times === 1) return this.size(name);
      return this.once(`${times} ${name}`, () =>
        this.graph.node('Mul', [this.size(name), this.graph.indices([times])], VECTOR),
      );
    }
    for (const [name, x, y] of SHIFTED) {
      const [shift, whole] = [a - x, a + x];
      if (shift === b - y)
        return this.once(`${name} + ${shift}`, () =>
          this.graph.node('Add', [this.size(name), this.graph.indices([shift])], VECTOR),
        );
      if (whole === b + y)
        return this.once(`${whole} - ${name}`, () =>
          this.graph.node('Sub', [this.graph.indices([whole]), this.size(name)], VECTOR),
        );
    }
    return undefined;
  }

  /** A vector of such numbers. */
  vector(a: BigInt64Array, b: BigInt64Array): Value | undefined {
    return this.known.get(`${a};${b}`) ?? this.newVector(a, b);
  }

  private newVector(a: BigInt64Array, b: BigInt64Array): Value | undefined {
    const parts = Array.from(a, (x, i) => this.element(Number(x), Number(b[i])));
    if (parts.some((part) => part === undefined)) return undefined;
    if (parts.length === 1) return parts[0];
    return this.once(`${a};${b}`, () =>
      this.graph.node(
        'Concat',
        parts,
        { shape: [parts.length], dtype: 'int64' },
        { attributes: { axis: 0 } },
      ),
    );
  }

  /** 0, 1, ... n - 1 as int32, where n is `a` in the first trace and `b` in the second. */
  range(a: number, b: number): Value | undefined {
    const size = this.element(a, b);
    if (!size) return undefined;
    return this.once(`range ${a} ${b}`, () => {
      const scalar = (number: number): Value => this.graph.constant(Int32Array.of(number), [], 'int32');
      const whole = this.graph.node(
        'Cast',
        [size],
        { shape: [1], dtype: 'int32' },
        { attributes: { to: 6 } },
      );
      const end = this.graph.node(
        'Reshape',
        [whole, this.graph.constant(new BigInt64Array(), [0], 'int64')],
        {
          shape: [],
          dtype: 'int32',
        },
      );
      return this.graph.node('Range', [scalar(0), end, scalar(1)], { shape: [a], dtype: 'int32' });
    });
  }
}

const sameData = (a: Constant['data'], b: Constant['data']): boolean =>
  a.length === b.length && a.every((x: number | bigint, i: number) => x === b[i]);

const isRange = (data: Constant['data']): boolean =>
  data instanceof Int32Array && data.every((number, i) => number === i);

/** A constant of the first trace, computed from the sizes where the second differs. */
function freed(graph: Graph, a: Constant, b: Constant, sizes: Sizes, { op }: Node): Value {
  if (sameData(a.data, b.data)) return graph.constant(a.data, a.value.shape, a.value.dtype);
  const vector =
    a.data instanceof BigInt64Array && b.data instanceof BigInt64Array && a.data.length === b.data.length
      ? sizes.vector(a.data, b.data)
      : isRange(a.data) && isRange(b.data)
        ? sizes.range(a.data.length, b.data.length)
        : undefined;
  if (!vector)
    throw new Error(`free: a constant of ${op} depends on the batch in a way that cannot be freed`);
  return vector;
}

/**
 * @param traceAt traces the function at a size
 * @param enter makes an input of the free graph: what stands for the value of the first trace there
 */
export function freeGraph(
  traceAt: (size: BatchSize) => Graph,
  enter: (graph: Graph, value: Value) => Value = (graph, { name, shape, dtype }) =>
    graph.input(name, shape, dtype),
): Graph {
  const [first, second] = [traceAt(FIRST), traceAt(SECOND)];
  const [nodes, others] = [first.nodesInUse, second.nodesInUse];
  if (nodes.length !== others.length)
    throw new Error('free: the program is not the same at every batch size');
  const constantsOf = (graph: Graph, used: readonly Node[]) =>
    new Map(graph.constantsOf(used).map((constant) => [constant.value.name, constant]));
  const [constants, otherConstants] = [constantsOf(first, nodes), constantsOf(second, others)];
  const graph = new Graph();
  const made = new Map<string, Value>();
  const used = new Set(nodes.flatMap((node) => node.inputs.map((value) => value?.name)));
  first.inputs.forEach((value, i) => {
    if (!used.has(value.name)) return;
    const shape = freeShape(value.shape, second.inputs[i]?.shape ?? []);
    made.set(value.name, enter(graph, { ...value, shape }));
  });
  const sizes = new Sizes(graph, graph.inputs);
  // Once all is read nothing is new: 0 rows, which in a shape would mean as many as there were.
  const mayBeEmpty = graph.inputs.some(({ shape }) => shape.includes(FREE.encoder_past_sequence_length));
  nodes.forEach((node, at) => {
    const other = others[at] as Node;
    if (node.op !== other.op || JSON.stringify(node.attributes) !== JSON.stringify(other.attributes))
      throw new Error(`free: ${node.op} is not the same at every batch size`);
    const given = node.inputs.map((value, i) => {
      if (!value) return undefined;
      const constant = constants.get(value.name);
      if (!constant) return made.get(value.name);
      const counterpart = otherConstants.get(other.inputs[i]?.name ?? '') as Constant;
      return freed(graph, constant, counterpart, sizes, node);
    });
    const outputs = graph.nodes(node.op, given, node.outputs, {
      ...(node.domain === '' ? {} : { domain: node.domain }),
      attributes:
        node.op === 'Reshape' && mayBeEmpty ? { ...node.attributes, allowzero: 1 } : node.attributes,
    });
    node.outputs.forEach((output, i) => {
      made.set(output.name, outputs[i] as Value);
    });
  });
  first.outputs.forEach(({ name, value }, i) => {
    const shape = freeShape(value.shape, second.outputs[i]?.value.shape ?? []);
    graph.output(name, { ...(made.get(value.name) as Value), shape });
  });
  return graph;
}
