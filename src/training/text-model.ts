/**
 * A model that writes as what generation asks for: the next token's logits of rows. Keys and values of the tokens so far are kept, so that a
 * token more costs one token's work; what a decoder knows of the text that an encoder read is kept too.
 */
import type { CompileOptions } from '../engine/compile.js';
import type { Array1D } from '../engine/session.js';
import type { NextLogits, Row } from '../generation/next-logits.js';
import type { Parameters } from '../models/parameters.js';
import { encoderBlocks } from '../models/specs.js';
import type { Model } from './model.js';
import { biasOf, type Cache, paddedLength, rearranged, roomFor, type TextShape } from './text-cache.js';
import { Programs } from './text-programs.js';

/** A model that writes. Close it when done. */
export interface TextModel {
  /** Rows without a parent begin anew, and have the same length. */
  readonly nextLogits: NextLogits;
  /** Of an encoder-decoder: the text that the rows which begin next are written of. */
  read(source: readonly number[]): void;
  close(): Promise<void>;
}

/** Keys and values of a text that was read, [1, tokens, size] by their names. */
type SourceArrays = ReadonlyMap<string, Float32Array>;

/** @param parameters values by name @param options device, threads */
export function openTextModel(model: Model, parameters: Parameters, options: CompileOptions): TextModel {
  const programs = new Programs(model, options);
  const values = Object.fromEntries(parameters);
  const isPair = encoderBlocks(model.config) > 0;
  let cache: Cache | undefined;
  let source: readonly number[] = [];
  let read: SourceArrays = new Map();

  /** Ids of the source in each row, and 1 where they are no padding. */
  function sourceFeeds({ rows, source: length }: TextShape): Readonly<Record<string, Int32Array>> {
    if (!isPair) return {};
    const sourceIds = new Int32Array(rows * length).fill(model.config.padTokenId);
    const segments = new Int32Array(rows * length);
    for (let row = 0; row < rows; row++) {
      sourceIds.set(source, row * length);
      segments.fill(1, row * length, row * length + source.length);
    }
    return { sourceIds, segments };
  }

  async function run(
    shape: TextShape,
    filled: number,
    fresh: readonly (readonly number[])[],
    before: Cache | undefined,
  ) {
    const { rows, tokens } = shape;
    const newIds = new Int32Array(rows * tokens);
    const positions = new Int32Array(rows * tokens);
    fresh.forEach((ids, row) => {
      newIds.set(ids, row * tokens);
      for (let i = 0; i < ids.length; i++) positions[row * tokens + i] = filled + i;
    });
    const lastTokens = Int32Array.from(fresh, (ids, row) => row * tokens + ids.length - 1);
    const program = await programs.at(shape);
    const past = [...(before?.arrays ?? [])].map(([name, array]) => [`past.${name}`, array] as const);
    const kept = [...(before ? read : [])].map(([name, array]) => [`source.${name}`, array] as const);
    const bias = biasOf(shape, filled);
    return program.run({
      ...{ ...values, ...sourceFeeds(shape), newIds, positions, lastTokens, bias },
      ...Object.fromEntries([...past, ...kept]),
    });
  }

  /** A prompt's keys and values, and room for the tokens that follow. */
  async function begin(rows: readonly Row[]): Promise<Readonly<Record<string, Array1D>>> {
    const length = rows[0]?.ids.length ?? 0;
    if (rows.some(({ ids }) => ids.length !== length)) throw new Error('internal: prompts of unequal length');
    if (isPair && source.length === 0)
      throw new Error('internal: an encoder-decoder is asked to write before it has read');
    const shape = {
      ...{ rows: rows.length, tokens: paddedLength(length), room: 0 },
      source: isPair ? paddedLength(source.length) : 0,
    };
    const outputs = await run(
      shape,
      0,
      rows.map(({ ids }) => ids),
      undefined,
    );
    const room = roomFor(length);
    const arrays = new Map(
      [...programs.sizes.own].map(([name, size]) => {
        const array = new Float32Array(rows.length * room * size);
        for (let row = 0; row < rows.length; row++) {
          const from = row * shape.tokens * size;
          array.set((outputs[name] as Float32Array).subarray(from, from + length * size), row * room * size);
        }
        return [name, array] as const;
      }),
    );
    read = new Map(
      [...programs.sizes.source].map(([name, size]) => [
        name,
        (outputs[name] as Float32Array).slice(0, shape.source * size),
      ]),
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
      programs.sizes.own,
    );
    const shape = {
      ...{ rows: rows.length, tokens: 1, room: now.room },
      source: isPair ? paddedLength(source.length) : 0,
    };
    const outputs = await run(
      shape,
      length,
      rows.map(({ ids }) => ids.slice(-1)),
      now,
    );
    for (const [name, size] of programs.sizes.own)
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
    read(next) {
      source = next;
      cache = undefined;
    },
    close: () => programs.close(),
  };
}
