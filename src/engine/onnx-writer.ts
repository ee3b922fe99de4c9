/** A {@link Graph} as an ONNX model: the six protobuf messages we need (onnx.proto3, IR version 8), written with `pbf`. */
import { PbfWriter } from 'pbf';
import { FREE } from './free.js';
import type { Attribute, Constant, ElementType, Graph, Node, Value } from './graph.js';

const IR_VERSION = 8;
/** ONNX operator set 18: `ScatterND` with reduction, reductions with axes as input. */
const OPSET = 18;

/** TensorProto.DataType */
const DATA_TYPE: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

/** AttributeProto.AttributeType */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

/** AttributeProto: name 1, f 2, i 3, s 4, g 6, ints 8, type 20. */
function writeAttribute([name, value]: [string, Attribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === 'number') {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.int);
  } else if (typeof value === 'string') {
    pbf.writeStringField(4, value);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.string);
  } else if ('float' in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.float);
  } else if ('graph' in value) {
    pbf.writeMessage(6, writeGraph({}), value.graph);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.graph);
  } else {
    for (const item of value) pbf.writeVarintField(8, item);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.ints);
  }
}

/** NodeProto: input 1, output 2, name 3, op_type 4, attribute 5, domain 7. */
function writeNode(node: Node, pbf: PbfWriter): void {
  for (const value of node.inputs) pbf.writeStringField(1, value?.name ?? '');
  for (const value of node.outputs) pbf.writeStringField(2, value.name);
  pbf.writeStringField(3, `${node.op}:${node.outputs[0]?.name}`);
  pbf.writeStringField(4, node.op);
  for (const entry of Object.entries(node.attributes)) pbf.writeMessage(5, writeAttribute, entry);
  if (node.domain !== '') pbf.writeStringField(7, node.domain);
}

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9. */
function writeConstant({ value, data }: Constant, pbf: PbfWriter): void {
  for (const size of value.shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, DATA_TYPE[value.dtype]);
  pbf.writeStringField(8, value.name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** TensorProto: external_data 13 (key 1, value 2), data_location 14 (1: external). The data has the tensor's name. */
function writeExternal({ value }: Constant, pbf: PbfWriter): void {
  for (const size of value.shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, DATA_TYPE[value.dtype]);
  pbf.writeStringField(8, value.name);
  const entry = (name: string, p: PbfWriter): void => {
    p.writeStringField(1, 'location');
    p.writeStringField(2, name);
  };
  pbf.writeMessage(13, entry, value.name);
  pbf.writeVarintField(14, 1);
}

type Dimension = number | string;

/** Names of the sizes that are free, by the number that stands for them in the shapes of inputs and outputs. */
const FREE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(FREE).map(([name, size]) => [size, name]),
);

interface ValueInfo {
  readonly name: string;
  readonly type: Pick<Value, 'dtype'> & { readonly shape: readonly Dimension[] };
}

/** ValueInfoProto: name 1, type 2 > tensor_type 1 > elem_type 1, shape 2 > dim 1 > dim_value 1 or dim_param 2. */
function writeValueInfo(value: ValueInfo, pbf: PbfWriter): void {
  pbf.writeStringField(1, value.name);
  pbf.writeMessage(
    2,
    (type: ValueInfo['type'], p) =>
      p.writeMessage(
        1,
        (t: ValueInfo['type'], q) => {
          q.writeVarintField(1, DATA_TYPE[t.dtype]);
          q.writeMessage(2, writeShape, t.shape);
        },
        type,
      ),
    value.type,
  );
}

function writeShape(shape: readonly Dimension[], pbf: PbfWriter): void {
  const write = (size: Dimension, p: PbfWriter): void =>
    typeof size === 'string' ? p.writeStringField(2, size) : p.writeVarintField(1, size);
  for (const size of shape) pbf.writeMessage(1, write, size);
}

/** The node that makes an output writes under the output's name; a copy is needed only for inputs, constants and repeats. */
function nameOutputs(graph: Graph, nodes: readonly Node[]): Node[] {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const renamed = new Map<string, string>();
  const copies: Node[] = [];
  for (const { name, value } of graph.outputs) {
    if (made.has(value.name) && !renamed.has(value.name)) renamed.set(value.name, name);
    else
      copies.push({
        op: 'Identity',
        domain: '',
        inputs: [value],
        outputs: [{ ...value, name }],
        attributes: {},
      });
  }
  const rename = (value: Value): Value => ({ ...value, name: renamed.get(value.name) ?? value.name });
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map((value) => value && rename(value)),
    outputs: node.outputs.map(rename),
  }));
}

/** NodeProto and ValueInfoProto (type 2 > sequence_type 4 > elem_type 1) of an empty sequence of floats. */
function writeEmptySequence(name: string, pbf: PbfWriter): void {
  const value = { name, dtype: 'float32', shape: [] } as const;
  const node = { op: 'SequenceEmpty', domain: '', inputs: [], outputs: [value], attributes: {} } as const;
  pbf.writeMessage(1, writeNode, node);
  const element = (_: string, p: PbfWriter): void =>
    p.writeMessage(1, (_: string, q) => q.writeVarintField(1, DATA_TYPE.float32), name);
  const sequence = (_: string, p: PbfWriter): void => p.writeMessage(1, element, name);
  const type = (_: string, p: PbfWriter): void => p.writeMessage(4, sequence, name);
  pbf.writeMessage(
    12,
    (_: string, p) => {
      p.writeStringField(1, name);
      p.writeMessage(2, type, name);
    },
    name,
  );
}

export interface ModelOptions {
  /** Name of a first output that is an empty sequence: see `session.ts`. */
  readonly firstOutput?: string;
  /** Data that the model carries, beyond the graph's own constants. An input of that name is none any more. */
  readonly weights?: readonly Constant[];
  /** Weights stay where they are: the session is given their data by name. */
  readonly external?: boolean;
}

/** GraphProto: node 1, name 2, initializer 5, input 11, output 12. */
const writeGraph =
  ({ weights = [], external = false, firstOutput }: ModelOptions) =>
  (graph: Graph, pbf: PbfWriter): void => {
    if (firstOutput !== undefined) writeEmptySequence(firstOutput, pbf);
    const nodes = graph.nodesInUse;
    const info = (name: string, { dtype, shape }: Value): ValueInfo => ({
      name,
      type: { dtype, shape: shape.map((size) => FREE_NAMES.get(size) ?? size) },
    });
    for (const node of nameOutputs(graph, nodes)) pbf.writeMessage(1, writeNode, node);
    pbf.writeStringField(2, 'progtuning');
    for (const constant of graph.constantsOf(nodes)) pbf.writeMessage(5, writeConstant, constant);
    for (const constant of weights) pbf.writeMessage(5, external ? writeExternal : writeConstant, constant);
    const inside = new Set(weights.map(({ value }) => value.name));
    for (const value of graph.inputs)
      if (!inside.has(value.name)) pbf.writeMessage(11, writeValueInfo, info(value.name, value));
    for (const { name, value } of graph.outputs) pbf.writeMessage(12, writeValueInfo, info(name, value));
  };

/** ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 (OperatorSetIdProto: domain 1, version 2). */
export function writeModel(graph: Graph, options: ModelOptions = {}): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION);
  pbf.writeStringField(2, 'progtuning');
  pbf.writeMessage(7, writeGraph(options), graph);
  for (const [domain, version] of [
    ['', OPSET],
    ['com.microsoft', 1],
  ] as const) {
    pbf.writeMessage(
      8,
      (set: { domain: string; version: number }, p) => {
        p.writeStringField(1, set.domain);
        p.writeVarintField(2, set.version);
      },
      { domain, version },
    );
  }
  return pbf.finish();
}
