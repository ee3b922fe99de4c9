/** The programs that write with one model, one for each shape. */
import { type Compiled, type CompileOptions, compile, type TensorSpecs } from '../engine/compile.js';
import * as tf from '../engine/tfjs.js';
import { hiddenStates } from '../models/forward.js';
import { outputEmbedding } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { Past } from '../models/past.js';
import { encoderBlocks } from '../models/specs.js';
import { type Model, parameterInputs, type Tensors } from './model.js';
import type { TextShape } from './text-cache.js';

/** Of an attention, by its module. */
const KINDS = ['keys', 'values'] as const;

/** What tokens attend to besides themselves, while a program is traced: what is new is an output. */
class TracedPast implements Past {
  readonly found = new Map<string, tf.Tensor>();
  readonly bias: tf.Tensor;
  readonly places: Past['places'];

  constructor(
    private readonly shape: TextShape,
    private readonly tensors: Tensors,
    private readonly sizes: { readonly own: Map<string, number>; readonly source: Map<string, number> },
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

  join(module: string, keys: tf.Tensor2D, values: tf.Tensor2D): readonly [tf.Tensor2D, tf.Tensor2D] {
    return [this.#joined(`${module}.${KINDS[0]}`, keys), this.#joined(`${module}.${KINDS[1]}`, values)];
  }

  cross(
    module: string,
    make: () => readonly [tf.Tensor2D, tf.Tensor2D],
  ): readonly [tf.Tensor2D, tf.Tensor2D] {
    const names = KINDS.map((kind) => `${module}.${kind}`) as [string, string];
    const { rows, source, room } = this.shape;
    if (room > 0)
      return names.map((name) => {
        // All rows write of one text.
        const tiled = tf.tile(this.tensors[`source.${name}`] as tf.Tensor, [rows, 1, 1]);
        return tf.reshape(tiled, [rows * source, this.sizes.source.get(name) as number]);
      }) as [tf.Tensor2D, tf.Tensor2D];
    const made = make();
    made.forEach((fresh, i) => {
      this.found.set(names[i] as string, fresh);
      this.sizes.source.set(names[i] as string, fresh.shape[1]);
    });
    return made;
  }

  #joined(name: string, fresh: tf.Tensor2D): tf.Tensor2D {
    const { rows, tokens, room } = this.shape;
    const size = fresh.shape[1];
    this.found.set(name, fresh);
    this.sizes.own.set(name, size);
    if (room === 0) return fresh;
    const past = this.tensors[`past.${name}`] as tf.Tensor;
    const all = tf.concat([past, tf.reshape(fresh, [rows, tokens, size])], 1);
    return tf.reshape(all, [rows * (room + tokens), size]);
  }
}

export class Programs {
  readonly #made = new Map<string, Promise<Compiled>>();
  /**
   * Numbers that a token has in each array of the cache; known once a prompt is traced. `source`: of the text that an encoder reads, which
   * are kept as they are.
   */
  readonly sizes = { own: new Map<string, number>(), source: new Map<string, number>() };

  constructor(
    private readonly model: Model,
    private readonly options: CompileOptions,
  ) {}

  at(shape: TextShape): Promise<Compiled> {
    const key = JSON.stringify(shape);
    const made = this.#made.get(key) ?? this.#compile(shape);
    this.#made.set(key, made);
    return made;
  }

  async close(): Promise<void> {
    for (const program of this.#made.values()) await (await program).close();
    this.#made.clear();
  }

  #inputs({ rows, tokens, room, source }: TextShape): TensorSpecs {
    const ids = { shape: [rows, tokens], dtype: 'int32' } as const;
    const read = { shape: [rows, source], dtype: 'int32' } as const;
    const before = room === 0 ? [] : [...this.sizes.own];
    const kept = room === 0 ? [] : [...this.sizes.source];
    return {
      ...parameterInputs(this.model.specs),
      ...{ newIds: ids, positions: ids },
      ...(source === 0 ? {} : { segments: read }),
      ...(source === 0 || room > 0 ? {} : { sourceIds: read }),
      lastTokens: { shape: [rows], dtype: 'int32' },
      bias: { shape: [rows, 1, tokens, room + tokens] },
      ...Object.fromEntries(before.map(([name, size]) => [`past.${name}`, { shape: [rows, room, size] }])),
      ...Object.fromEntries(kept.map(([name, size]) => [`source.${name}`, { shape: [1, source, size] }])),
    };
  }

  #compile(shape: TextShape): Promise<Compiled> {
    const { rows, tokens, room, source } = shape;
    const { config, adaptation } = this.model;
    return compile(
      this.#inputs(shape),
      (tensors) => {
        const past = new TracedPast(shape, tensors, this.sizes);
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
      },
      this.options,
    );
  }
}
