/**
 * The traced program: values and the nodes that make them, in execution order. It knows ONNX's operators by name only;
 * `onnx-writer.ts` gives it bytes, `session.ts` runs it. `toString` prints it, so that tests and readers can look at it.
 */

/** Types of tensor elements. */
export type ElementType = 'float32' | 'int32' | 'int64' | 'bool' | 'uint8';

/** A tensor of the program. */
export interface Value {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** Every element is this number, and no node made it: written as a scalar where broadcasting allows. */
  readonly uniform?: number;
}

/** A setting of a node. `graph`: the body of a `Loop`, which may read values of the graph around it by name. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly graph: Graph };

/** An ONNX operator applied. */
export interface Node {
  readonly op: string;
  /** '' is ONNX's own operator set, `com.microsoft` onnxruntime's. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A tensor that stands in the program. */
export interface Constant {
  readonly value: Value;
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array;
}

/** Operator set and settings of a node. */
export interface NodeOptions {
  readonly domain?: 'com.microsoft';
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Shape and type that a node gives. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype?: ElementType;
}

/** A traced program: values and the nodes that make them. `toString` prints it, a node a line. */
export class Graph {
  readonly inputs: Value[] = [];
  readonly outputs: { readonly name: string; readonly value: Value }[] = [];
  private readonly allNodes: Node[] = [];
  private readonly constantsByKey = new Map<string, Constant>();
  private count = 0;

  /** @param scope begins the names of values: those of a body and of the graph around it differ */
  constructor(private readonly scope = '') {}

  /** Declares an input. */
  input(name: string, shape: readonly number[], dtype: ElementType = 'float32'): Value {
    const value: Value = { name, dtype, shape: [...shape] };
    this.inputs.push(value);
    return value;
  }

  /** Names a value as an output. */
  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  /** A tensor whose elements are all `number`; takes no room in the graph. */
  uniform(number: number, shape: readonly number[] = [], dtype: ElementType = 'float32'): Value {
    return { name: `(${number})`, dtype, shape: [...shape], uniform: number };
  }

  /** Small constant data (shapes, axes, scalars). Equal constants are stored once. */
  constant(data: Constant['data'], shape: readonly number[], dtype: ElementType): Value {
    const key = `${dtype}[${shape}]${data.length <= 16 ? data.join() : this.count}`;
    const known = this.constantsByKey.get(key);
    if (known) return known.value;
    const constant: Constant = { value: { name: this.fresh('c'), dtype, shape: [...shape] }, data };
    this.constantsByKey.set(key, constant);
    return constant.value;
  }

  /** int64 vector, as ONNX wants shapes and axes. */
  indices(numbers: readonly number[]): Value {
    return this.constant(BigInt64Array.from(numbers, BigInt), [numbers.length], 'int64');
  }

  /** Appends a node with one output. */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    output: OutputSpec,
    options: NodeOptions = {},
  ): Value {
    return this.nodes(op, inputs, [output], options)[0] as Value;
  }

  /** Appends a node with several outputs. */
  nodes(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly OutputSpec[],
    { domain, attributes = {} }: NodeOptions = {},
  ): Value[] {
    const made = outputs.map(({ shape, dtype = 'float32' }) => ({
      name: this.fresh('v'),
      dtype,
      shape: [...shape],
    }));
    const settled = inputs.map((value) =>
      value && value.uniform !== undefined ? this.settle(value) : value,
    );
    this.allNodes.push({ op, domain: domain ?? '', inputs: settled, outputs: made, attributes });
    return made;
  }

  /** The scalar constant behind a uniform value: for operators that broadcast. */
  scalar(value: Value): Value {
    const number = value.uniform as number;
    return this.constant(typed(value.dtype, number), [], value.dtype);
  }

  /** A uniform value as a full tensor: one `Expand` of a scalar. */
  settle(value: Value): Value {
    if (value.uniform === undefined) return value;
    const scalar = this.scalar(value);
    if (value.shape.length === 0) return scalar;
    return this.node('Expand', [scalar, this.indices(value.shape)], value);
  }

  /** Nodes that some output needs, in execution order. */
  get nodesInUse(): readonly Node[] {
    const needed = new Set(this.outputs.map(({ value }) => value.name));
    const kept: Node[] = [];
    for (let i = this.allNodes.length - 1; i >= 0; i--) {
      const node = this.allNodes[i] as Node;
      if (!node.outputs.some(({ name }) => needed.has(name))) continue;
      kept.push(node);
      for (const name of readBy(node)) needed.add(name);
    }
    return kept.reverse();
  }

  /** Constants that the given nodes read. */
  constantsOf(nodes: readonly Node[]): Constant[] {
    const read = new Set(nodes.flatMap(readBy));
    for (const { value } of this.outputs) read.add(value.name);
    return [...this.constantsByKey.values()].filter(({ value }) => read.has(value.name));
  }

  /** One line a node: `v1: dtype[shape] = Op(inputs) {attributes}`, values numbered in order. */
  toString(): string {
    const nodes = this.nodesInUse;
    const label = new Map(this.inputs.map(({ name }) => [name, name]));
    nodes
      .flatMap(({ outputs }) => outputs)
      .forEach(({ name }, i) => {
        label.set(name, `v${i}`);
      });
    for (const { value, data } of this.constantsOf(nodes)) {
      label.set(
        value.name,
        data.length <= 8
          ? `(${[...data].map((x) => Number(Number(x).toPrecision(6)))})`
          : `(... ${data.length})`,
      );
    }
    const show = (value: Value | undefined): string => (value ? (label.get(value.name) as string) : '_');
    const typed = (value: Value): string => `${show(value)}: ${value.dtype}[${value.shape.join(',')}]`;
    const lines = nodes.map(({ op, inputs, outputs, attributes }) => {
      const extra = Object.keys(attributes).length > 0 ? ` ${JSON.stringify(attributes)}` : '';
      return `${outputs.map(typed).join(', ')} = ${op}(${inputs.map(show).join(', ')})${extra}`;
    });
    const inputs = this.inputs.map((value) => `input ${typed(value)}`);
    return [
      ...inputs,
      ...lines,
      ...this.outputs.map(({ name, value }) => `output ${name} = ${show(value)}`),
    ].join('\n');
  }

  private fresh(prefix: string): string {
    return `${this.scope}${prefix}${this.count++}`;
  }
}

/** Appends nodes of another graph. @param made what stands here for its values by name; grows @param lower other nodes instead of one */
export function appendNodes(
  graph: Graph,
  nodes: readonly Node[],
  made: Map<string, Value>,
  lower: (node: Node, inputs: readonly (Value | undefined)[]) => readonly Value[] | undefined = () =>
    undefined,
): void {
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => value && (made.get(value.name) ?? value));
    const outputs =
      lower(node, inputs) ??
      graph.nodes(node.op, inputs, node.outputs, {
        ...(node.domain === '' ? {} : { domain: node.domain }),
        attributes: node.attributes,
      });
    node.outputs.forEach(({ name }, i) => {
      made.set(name, outputs[i] as Value);
    });
  }
}

/** Names of what a node reads, a body included. */
const readBy = ({ inputs, attributes }: Node): string[] => [
  ...inputs.flatMap((value) => (value ? [value.name] : [])),
  ...Object.values(attributes).flatMap((attribute) =>
    typeof attribute === 'object' && 'graph' in attribute
      ? [
          ...attribute.graph.nodesInUse.flatMap(readBy),
          ...attribute.graph.outputs.map(({ value }) => value.name),
        ]
      : [],
  ),
];

function typed(dtype: ElementType, number: number): Constant['data'] {
  switch (dtype) {
    case 'float32':
      return Float32Array.of(number);
    case 'int32':
      return Int32Array.of(number);
    case 'int64':
      return BigInt64Array.of(BigInt(number));
    default:
      return Uint8Array.of(number);
  }
}
