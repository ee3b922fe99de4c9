/**
 * A causal model as what generation asks for: the next token's logits of rows. Keys and values of the tokens so far are kept, so that a token
 * more costs one token's work.
 */
import { type Compiled, type CompileOptions, compile, type TensorSpecs } from '../engine/compile.js';
import type { Array1D } from '../engine/session.js';
import * as tf from '../engine/tfjs.js';
import type { NextLogits, Row } from '../generation/next-logits.js';
import { MASKED } from '../models/attending.js';
import { hiddenStates } from '../models/forward.js';
import { outputEmbedding } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { Parameters } from '../models/parameters.js';
import type { Past } from '../models/past.js';
import { type Model, parameterInputs } from './model.js';

/** Rows, their new tokens, and room for the tokens before. */
interface Shape {
  readonly rows: number;
  readonly tokens: number;
  readonly room: number;
}

/** Of an attention, by its module. */
const KINDS = ['keys', 'values'] as const;

/** Keys and values of all rows so far, [rows, room, size] by their names, of which the first `length` of each row are filled. */
interface Cache {
  readonly rows: number;
  readonly room: number;
  readonly length: number;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/** Room in powers of 2, so that few programs are made. */
const roomFor = (length: number): number => Math.max(64, 2 ** Math.ceil(Math.log2(length)));

/** Prompts are padded to multiples of this. */
const STEP = 16;

/** Rows of a cache, chosen and given room. @param chosen which row each new one continues */
function rearranged(
  cache: Cache,
  chosen: readonly number[],
  room: number,
  sizes: ReadonlyMap<string, number>,
): Cache {
  const isSame =
    room === cache.room && chosen.length === cache.rows && chosen.every((from, to) => from === to);
  if (isSame) return cache;
  const arrays = new Map(
    [...cache.arrays].map(([name, array]) => {
      const size = sizes.get(name) as number;
      const next = new Float32Array(chosen.length * room * size);
      chosen.forEach((from, to) => {
        const begin = from * cache.room * size;
        next.set(array.subarray(begin, begin + cache.length * size), to * room * size);
      });
      return [name, next] as const;
    }),
  );
  return { rows: chosen.length, room, length: cache.length, arrays };
}

/** 0 where a row's token may look, [rows, 1, tokens, room + tokens]: at the filled room, and at the tokens up to itself. */
function biasOf({ rows, tokens, room }: Shape, filled: number): Float32Array {
  const width = room + tokens;
  const bias = new Float32Array(rows * tokens * width).fill(MASKED);
  for (let row = 0; row < rows * tokens; row++) {
    bias.fill(0, row * width, row * width + filled);
    bias.fill(0, row * width + room, row * width + room + (row % tokens) + 1);
  }
  return bias;
}

/** The programs of one model, one for each shape. */
class Programs {
  readonly #made = new Map<string, Promise<Compiled>>();
  /** Numbers that a token has in each array of the cache; known once a prompt is traced. */
  readonly sizes = new Map<string, number>();

  constructor(
    private readonly model: Model,
    private readonly options: CompileOptions,
  ) {}

  at(shape: Shape): Promise<Compiled> {
    const key = JSON.stringify(shape);
    const made = this.#made.get(key) ?? this.#compile(shape);
    this.#made.set(key, made);
    return made;
  }

  async close(): Promise<void> {
    for (const program of this.#made.values()) await (await program).close();
    this.#made.clear();
  }

  #inputs({ rows, tokens, room }: Shape): TensorSpecs {
    const ids = { shape: [rows, tokens], dtype: 'int32' } as const;
    const before = room === 0 ? [] : [...this.sizes];
    return {
      ...parameterInputs(this.model.specs),
      ...{ inputIds: ids, positions: ids },
      lastTokens: { shape: [rows], dtype: 'int32' },
      bias: { shape: [rows, 1, tokens, room + tokens] },
      ...Object.fromEntries(before.map(([name, size]) => [`past.${name}`, { shape: [rows, room, size] }])),
    };
  }

  #compile(shape: Shape): Promise<Compiled> {
    const { rows, tokens, room } = shape;
    const { config, adaptation } = this.model;
    return compile(
      this.#inputs(shape),
      (tensors) => {
        const found = new Map<string, tf.Tensor>();
        const joined = (name: string, fresh: tf.Tensor2D): tf.Tensor2D => {
          const size = fresh.shape[1];
          found.set(name, fresh);
          this.sizes.set(name, size);
          if (room === 0) return fresh;
          const all = tf.concat(
            [tensors[`past.${name}`] as tf.Tensor, tf.reshape(fresh, [rows, tokens, size])],
            1,
          );
          return tf.reshape(all, [rows * (room + tokens), size]);
        };
        const past: Past = {
          bias: tensors.bias as tf.Tensor,
          join: (module, keys, values) => [
            joined(`${module}.${KINDS[0]}`, keys),
            joined(`${module}.${KINDS[1]}`, values),
          ],
        };
        const context = modelContext({
          config,
          adaptation,
          parameters: tensors,
          batch: rows,
          seq: tokens,
          past,
        });
        const inputIds = tensors.inputIds as tf.Tensor;
        const positions = tensors.positions as tf.Tensor;
        const last = tensors.lastTokens as tf.Tensor1D;
        // Decoders have no token types, and `past` says who attends to whom: what stands there is not read.
        const unread = { tokenTypeIds: inputIds, segments: positions, starts: last };
        const hidden = hiddenStates(
          context,
          { inputIds, positions, ...unread },
          { kind: 'rows', rows: last },
        );
        const logits = tf.matMul(hidden, outputEmbedding(context), false, true);
        return { logits, ...Object.fromEntries(found) };
      },
      this.options,
    );
  }
}

/** A model that writes. Close it when done. */
export interface TextModel {
  /** Rows without a parent begin anew, and have the same length. */
  readonly nextLogits: NextLogits;
  close(): Promise<void>;
}

/** @param parameters values by name @param options device, threads */
export function openTextModel(model: Model, parameters: Parameters, options: CompileOptions): TextModel {
  const programs = new Programs(model, options);
  const values = Object.fromEntries(parameters);
  let cache: Cache | undefined;

  async function run(
    shape: Shape,
    filled: number,
    fresh: readonly (readonly number[])[],
    before: Cache | undefined,
  ) {
    const { rows, tokens } = shape;
    const inputIds = new Int32Array(rows * tokens);
    const positions = new Int32Array(rows * tokens);
    fresh.forEach((ids, row) => {
      inputIds.set(ids, row * tokens);
      for (let i = 0; i < ids.length; i++) positions[row * tokens + i] = filled + i;
    });
    const lastTokens = Int32Array.from(fresh, (ids, row) => row * tokens + ids.length - 1);
    const program = await programs.at(shape);
    const past = [...(before?.arrays ?? [])].map(([name, array]) => [`past.${name}`, array] as const);
    const bias = biasOf(shape, filled);
    return program.run({ ...values, inputIds, positions, lastTokens, bias, ...Object.fromEntries(past) });
  }

  /** A prompt's keys and values, and room for the tokens that follow. */
  async function begin(rows: readonly Row[]): Promise<Readonly<Record<string, Array1D>>> {
    const length = rows[0]?.ids.length ?? 0;
    if (rows.some(({ ids }) => ids.length !== length)) throw new Error('internal: prompts of unequal length');
    const shape = { rows: rows.length, tokens: Math.ceil(length / STEP) * STEP, room: 0 };
    const outputs = await run(
      shape,
      0,
      rows.map(({ ids }) => ids),
      undefined,
    );
    const room = roomFor(length);
    const arrays = new Map(
      [...programs.sizes].map(([name, size]) => {
        const array = new Float32Array(rows.length * room * size);
        for (let row = 0; row < rows.length; row++) {
          const from = row * shape.tokens * size;
          array.set((outputs[name] as Float32Array).subarray(from, from + length * size), row * room * size);
        }
        return [name, array] as const;
      }),
    );
    cache = { rows: rows.length, room, length, arrays };
    return outputs;
  }

  async function goOn(rows: readonly Row[], before: Cache): Promise<Readonly<Record<string, Array1D>>> {
    const { length } = before;
    const now = rearranged(
      before,
      rows.map(({ parent }) => parent as number),
      roomFor(length + 1),
      programs.sizes,
    );
    const shape = { rows: rows.length, tokens: 1, room: now.room };
    const outputs = await run(
      shape,
      length,
      rows.map(({ ids }) => ids.slice(-1)),
      now,
    );
    for (const [name, size] of programs.sizes)
      for (let row = 0; row < rows.length; row++) {
        const fresh = (outputs[name] as Float32Array).subarray(row * size, (row + 1) * size);
        (now.arrays.get(name) as Float32Array).set(fresh, (row * now.room + length) * size);
      }
    cache = { ...now, length: length + 1 };
    return outputs;
  }

  return {
    async nextLogits(rows) {
      const isNew = rows.some(({ parent }) => parent === undefined);
      const { logits } = isNew || !cache ? await begin(rows) : await goOn(rows, cache);
      const width = model.config.vocabSize;
      return rows.map((_, row) => (logits as Float32Array).slice(row * width, (row + 1) * width));
    },
    close: () => programs.close(),
  };
}
