/** The programs that write with one model: free of how many rows and tokens there are, with its weights inside. */
import { type CompiledFree, type CompileOptions, compileFree, type TensorSpecs } from '../engine/compile.js';
import type { BatchSize } from '../engine/free.js';
import type { Array1D, Feeds } from '../engine/session.js';
import * as tf from '../engine/tfjs.js';
import type { ModelConfig } from '../models/config.js';
import { hiddenStates } from '../models/forward.js';
import { outputEmbedding } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { Parameters } from '../models/parameters.js';
import { byHead, type Kept, keptShape, type Past } from '../models/past.js';
import { encoderBlocks } from '../models/specs.js';
import { type Model, parameterInputs, type Tensors } from './model.js';
import type { TextShape } from './text-cache.js';

const KINDS = ['keys', 'values'] as const;

/** Of each block that writes, lowest first. */
export const cacheNames = (config: ModelConfig): string[] =>
  Array.from({ length: config.numHiddenLayers - encoderBlocks(config) }, (_, block) =>
    KINDS.map((kind) => `${kind}.${block}`),
  ).flat();

/** What tokens attend to besides themselves, while a program is traced: what is new is an output. */
class TracedPast implements Past {
  readonly found = new Map<string, tf.Tensor>();
  readonly bias: tf.Tensor;
  readonly places: Past['places'];
  #own = 0;
  #cross = 0;

  constructor(
    private readonly config: ModelConfig,
    private readonly shape: TextShape,
    private readonly tensors: Tensors,
  ) {
    const { room, tokens } = shape;
    this.bias = tensors.bias as tf.Tensor;
    const queries = tf.reshape(tf.slice(tensors.positions as tf.Tensor, [0, 0], [1, tokens]), [
      tokens,
    ]) as tf.Tensor1D;
    const before = tf.tensor1d(
      Int32Array.from({ length: room }, (_, i) => i),
      'int32',
    );
    this.places = { queries, keys: room === 0 ? queries : (tf.concat([before, queries], 0) as tf.Tensor1D) };
  }

  join(_module: string, keys: tf.Tensor2D, values: tf.Tensor2D): Kept {
    const block = this.#own++;
    return [keys, values].map((rows, i) => {
      const name = `${KINDS[i]}.${block}`;
      const fresh = this.#made(name, rows);
      return this.shape.room === 0
        ? fresh
        : tf.concat([this.tensors[`past.${name}`] as tf.Tensor4D, fresh], 2);
    }) as [tf.Tensor4D, tf.Tensor4D];
  }

  cross(_module: string, make: () => readonly [tf.Tensor2D, tf.Tensor2D]): Kept {
    const block = this.#cross++;
    const names = KINDS.map((kind) => `source.${kind}.${block}`);
    const { rows, room } = this.shape;
    const kept =
      room > 0
        ? // All rows write of one text.
          names.map((name) => tf.tile(this.tensors[name] as tf.Tensor, [rows, 1, 1, 1]))
        : make().map((fresh, i) => this.#made(names[i] as string, fresh));
    return kept as [tf.Tensor4D, tf.Tensor4D];
  }

  #made(name: string, rows: tf.Tensor2D): tf.Tensor4D {
    const fresh = byHead(this.config, rows, this.shape.rows);
    this.found.set(name, fresh);
    return fresh;
  }
}

/** In the names of a free batch: an encoder-decoder's own rows are its second stack's. */
const sizeOf = ({ rows, tokens, room, source }: TextShape): BatchSize =>
  source === 0
    ? { rows, length: tokens, past: room }
    : { rows, length: source, targetLength: tokens, past: room };

function textInputs(model: Model, { rows, tokens, room, source }: TextShape): TensorSpecs {
  const ids = { shape: [rows, tokens], dtype: 'int32' } as const;
  const read = { shape: [rows, source], dtype: 'int32' } as const;
  const arrays = (prefix: string, rows: number, length: number): TensorSpecs =>
    Object.fromEntries(
      cacheNames(model.config).map((name) => [
        `${prefix}.${name}`,
        { shape: keptShape(model.config, rows, length) },
      ]),
    );
  return {
    ...parameterInputs(model.specs),
    ...{ newIds: ids, positions: ids },
    ...(source === 0 ? {} : { segments: read }),
    ...(source === 0 || room > 0 ? {} : { sourceIds: read }),
    lastTokens: { shape: [rows], dtype: 'int32' },
    bias: { shape: [rows, 1, tokens, room + tokens] },
    ...(room === 0 ? {} : arrays('past', rows, room)),
    ...(room === 0 || source === 0 ? {} : arrays('source', 1, source)),
  };
}

/** Logits of each row's last token, and keys and values of its new tokens. */
function traceText({ config, adaptation }: Model, shape: TextShape, tensors: Tensors): Tensors {
  const { rows, tokens, room, source } = shape;
  const past = new TracedPast(config, shape, tensors);
  const isPair = source > 0;
  const context = modelContext({
    ...{ config, adaptation, parameters: tensors, batch: rows, past },
    seq: isPair ? source : tokens,
  });
  const newIds = tensors.newIds as tf.Tensor;
  const positions = tensors.positions as tf.Tensor;
  const last = tensors.lastTokens as tf.Tensor1D;
  // Models that write have no token types, and `past` says who attends to whom in a decoder: what stands there is not read.
  const unread = { tokenTypeIds: newIds, segments: positions, starts: last };
  const read = isPair
    ? {
        inputIds: tensors.sourceIds ?? newIds,
        decoderInputIds: newIds,
        segments: tensors.segments as tf.Tensor,
      }
    : { inputIds: newIds };
  // Of a text that has been read the states are not asked for again.
  const known =
    isPair && room > 0
      ? {
          block: encoderBlocks(config),
          hidden: tf.zeros([rows * source, config.hiddenSize]) as tf.Tensor2D,
        }
      : undefined;
  const hidden = hiddenStates(
    context,
    { positions, ...unread, ...read },
    { kind: 'rows', rows: last },
    known,
  );
  const logits = tf.matMul(hidden, outputEmbedding(context), false, true);
  return { logits, ...Object.fromEntries(past.found) };
}

/** Made when they are first asked for. */
export interface TextPrograms {
  run(shape: TextShape, feeds: Feeds): Promise<Readonly<Record<string, Array1D>>>;
  close(): Promise<void>;
}

/**
 * Of a decoder one program, which always has room before its tokens; of an encoder-decoder a second one, without room, that reads. The weights are
 * constants: onnxruntime lays them out for its products once, where it would at every token, but holds what it laid out beside them.
 */
export function textPrograms(model: Model, parameters: Parameters, options: CompileOptions): TextPrograms {
  const constants = Object.fromEntries(parameters);
  const made = new Map<boolean, Promise<CompiledFree>>();
  const compiled = (shape: TextShape): Promise<CompiledFree> =>
    compileFree(
      ({ rows, length, targetLength = 0, past = 0 }) => {
        const isPair = shape.source > 0;
        const traced = {
          ...{ rows, tokens: isPair ? targetLength : length },
          ...{ room: shape.room === 0 ? 0 : past, source: isPair ? length : 0 },
        };
        return { inputs: textInputs(model, traced), fn: (tensors) => traceText(model, traced, tensors) };
      },
      { ...options, constants },
    );
  return {
    async run(shape, feeds) {
      const isFirst = shape.room === 0;
      const program = made.get(isFirst) ?? compiled(shape);
      made.set(isFirst, program);
      return (await program).run(sizeOf(shape), feeds);
    },
    async close() {
      for (const program of made.values()) await (await program).close();
      made.clear();
    },
  };
}
