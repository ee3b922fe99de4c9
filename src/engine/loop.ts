/**
 * Many runs of a program as one: ONNX's `Loop`, whose state stays where it was made from iteration to iteration. On a GPU that onnxruntime-node
 * cannot leave tensors on (cuda) this is how parameters and moments stay there: they travel once for all iterations.
 */
import { maskScale } from './arena.js';
import type { MaskSite } from './dropout.js';
import { appendNodes, Graph, type Value } from './graph.js';
import { CAST_TO, reshape, sizeOf } from './kernels/rule.js';

export interface LoopOptions {
  /** Most iterations: the first axis of what is stacked and of what is collected. */
  readonly capacity: number;
  /** Inputs that an iteration takes from the one before, by the output that it leaves. Those of the last are the loop's outputs. */
  readonly carried: ReadonlyMap<string, string>;
  /** Of these, what starts at 0 and is no output of the loop. */
  readonly sums?: ReadonlySet<string>;
  /** Inputs of which every iteration has its own: fed as [capacity, ...]. All others are the same for all. */
  readonly stacked: ReadonlySet<string>;
  /** Scalar outputs kept of every iteration: [capacity], 0 where none was. */
  readonly collected: readonly string[];
  /** The bool output that must hold for another iteration. */
  readonly continues: string;
}

/** Iterations to do: an input of the loop. */
export const ITERATIONS = 'iterations';

/** Bytes that a mask's bits take. */
export const maskBytesPacked = ({ shape }: MaskSite): number => Math.ceil(sizeOf(shape) / 8);

/** The eight floats that each byte of a mask's bits stands for: [256, 8]. */
function maskTable(graph: Graph, rate: number): Value {
  const scale = maskScale(rate);
  const data = Float32Array.from({ length: 2048 }, (_, i) => ((i >> 3) & (1 << (i & 7)) ? scale : 0));
  return graph.constant(data, [256, 8], 'float32');
}

/** Slice `at` of a stacked value. */
const sliceAt = (graph: Graph, stacked: Value, at: Value): Value =>
  graph.node(
    'Gather',
    [stacked, at],
    { shape: stacked.shape.slice(1), dtype: stacked.dtype },
    { attributes: { axis: 0 } },
  );

/** The mask whose bits [bytes] these are. */
function unpacked(graph: Graph, bits: Value, { shape }: MaskSite, table: Value): Value {
  const [bytes = 0] = bits.shape;
  const size = sizeOf(shape);
  const index = graph.node(
    'Cast',
    [bits],
    { shape: bits.shape, dtype: 'int32' },
    { attributes: { to: CAST_TO.int32 } },
  );
  const floats = reshape(
    graph,
    graph.node('Gather', [table, index], { shape: [bytes, 8] }, { attributes: { axis: 0 } }),
    [bytes * 8],
  );
  const whole =
    size === bytes * 8
      ? floats
      : graph.node('Slice', [floats, graph.indices([0]), graph.indices([size])], { shape: [size] });
  return reshape(graph, whole, shape);
}

/** @param step one iteration, its dropout masks among its inputs: these are fed as bits, uint8 [capacity, bytes] */
export function loopGraph(step: Graph, masks: readonly MaskSite[], options: LoopOptions): Graph {
  const { capacity, carried, sums = new Set(), stacked, collected, continues } = options;
  const [graph, body] = [new Graph(), new Graph('body ')];
  const iteration = body.input('iteration', [], 'int64');
  body.input('going on', [], 'bool');
  const steps = step.nodesInUse;
  const outputs = new Map(step.outputs.map(({ name, value }) => [name, value]));
  const made = new Map<string, Value>();
  for (const { value, data } of step.constantsOf(steps))
    made.set(value.name, body.constant(data, value.shape, value.dtype));
  const sites = new Map(masks.map((site) => [site.name, site]));
  const tables = new Map(
    [...new Set(masks.map(({ rate }) => rate))].map((rate) => [rate, maskTable(body, rate)]),
  );
  const starts: { readonly start: Value; readonly output: string }[] = [];
  for (const { name, shape, dtype } of step.inputs) {
    const site = sites.get(name);
    const output = carried.get(name);
    if (output !== undefined) {
      const zero = sums.has(name);
      const start = zero ? graph.settle(graph.uniform(0, shape)) : graph.input(name, shape, dtype);
      starts.push({ start, output });
      made.set(name, body.input(`former ${name}`, shape, dtype));
    } else if (site) {
      const bits = graph.input(name, [capacity, maskBytesPacked(site)], 'uint8');
      made.set(name, unpacked(body, sliceAt(body, bits, iteration), site, tables.get(site.rate) as Value));
    } else if (stacked.has(name)) {
      made.set(name, sliceAt(body, graph.input(name, [capacity, ...shape], dtype), iteration));
    } else made.set(name, graph.input(name, shape, dtype));
  }
  const formers = collected.map((name) => body.input(`former ${name}`, [capacity]));
  appendNodes(body, steps, made);
  const of = (output: string): Value => {
    const value = outputs.get(output);
    if (!value) throw new Error(`internal: the step of a loop has no output '${output}'`);
    return made.get(value.name) ?? value;
  };
  body.output('goes on', of(continues));
  for (const { output } of starts) body.output(output, of(output));
  const places = body.constant(
    BigInt64Array.from({ length: capacity }, (_, i) => BigInt(i)),
    [capacity],
    'int64',
  );
  const here = body.node('Equal', [places, iteration], { shape: [capacity], dtype: 'bool' });
  collected.forEach((name, i) => {
    const former = formers[i] as Value;
    body.output(name, body.node('Where', [here, of(name), former], { shape: [capacity] }));
  });
  const trips = graph.node(
    'Cast',
    [graph.input(ITERATIONS, [1], 'int32')],
    { shape: [1], dtype: 'int64' },
    {
      attributes: { to: CAST_TO.int64 },
    },
  );
  const yes = graph.constant(Uint8Array.of(1), [], 'bool');
  const zeros = collected.map(() => graph.settle(graph.uniform(0, [capacity])));
  const results = graph.nodes(
    'Loop',
    [trips, yes, ...starts.map(({ start }) => start), ...zeros],
    [...starts.map(({ output }) => outputs.get(output) as Value), ...formers],
    { attributes: { body: { graph: body } } },
  );
  starts.forEach(({ output }, i) => {
    if (![...sums].some((input) => carried.get(input) === output)) graph.output(output, results[i] as Value);
  });
  collected.forEach((name, i) => {
    graph.output(name, results[starts.length + i] as Value);
  });
  return graph;
}
