/**
 * A model that writes as what generation asks for: the next token's logits of rows. Keys and values of the tokens so far are kept, so that a
 * token more costs one token's work; what a decoder knows of the text that an encoder read is kept too.
 */
import type { CompileOptions } from '../engine/compile.js';
import type { Array1D } from '../engine/session.js';
import type { NextLogits, Row } from '../generation/next-logits.js';
import type { Parameters } from '../models/parameters.js';
import { keyHeads } from '../models/past.js';
import { encoderBlocks } from '../models/specs.js';
import type { Model } from './model.js';
import { biasOf, type Cache, emptyCache, extended, rearranged, type TextShape } from './text-cache.js';
import { cacheNames, textPrograms } from './text-programs.js';

/** A model that writes. Close it when done. */
export interface TextModel {
  /** Rows without a parent begin anew, and have the same length. */
  readonly nextLogits: NextLogits;
  /** Of an encoder-decoder: the text that the rows which begin next are written of. */
  read(source: readonly number[]): void;
  close(): Promise<void>;
}

type Named = readonly [name: string, array: Float32Array];

/** @param parameters values by name @param options device, threads */
export function openTextModel(model: Model, parameters: Parameters, options: CompileOptions): TextModel {
  const programs = textPrograms(model, parameters, options);
  const names = cacheNames(model.config);
  const kept = keyHeads(model.config);
  /** Numbers that a token has in each array. */
  const width = kept.heads * kept.size;
  const isPair = encoderBlocks(model.config) > 0;
  let cache: Cache | undefined;
  let source: readonly number[] = [];
  /** Keys and values of the text that was read, [1, heads, tokens, head size]. */
  let read: readonly Named[] = [];

  /** Ids of the source in each row, none of which is padding. */
  function sourceFeeds({ rows }: TextShape): Readonly<Record<string, Int32Array>> {
    if (!isPair) return {};
    const sourceIds = Int32Array.from(Array.from({ length: rows }, () => source).flat());
    return { sourceIds, segments: new Int32Array(sourceIds.length).fill(1) };
  }

  function run(
    { rows, tokens, room }: Omit<TextShape, 'source'>,
    filled: number,
    fresh: readonly (readonly number[])[],
    before: Iterable<Named>,
  ): Promise<Readonly<Record<string, Array1D>>> {
    const shape = { rows, tokens, room, source: isPair ? source.length : 0 };
    const newIds = Int32Array.from(fresh.flat());
    const positions = Int32Array.from(newIds, (_, i) => filled + (i % tokens));
    const lastTokens = Int32Array.from(fresh, (_, row) => (row + 1) * tokens - 1);
    return programs.run(shape, {
      ...{ ...sourceFeeds(shape), newIds, positions, lastTokens, bias: biasOf(shape, filled) },
      ...Object.fromEntries(Array.from(before, ([name, array]) => [`past.${name}`, array])),
      ...Object.fromEntries(room === 0 ? [] : read),
    });
  }

  /** A prompt's keys and values, and room for the tokens that follow. */
  async function begin(rows: readonly Row[]): Promise<Readonly<Record<string, Array1D>>> {
    const length = rows[0]?.ids.length ?? 0;
    if (rows.some(({ ids }) => ids.length !== length)) throw new Error('internal: prompts of unequal length');
    if (isPair && source.length === 0)
      throw new Error('internal: an encoder-decoder is asked to write before it has read');
    const prompts = rows.map(({ ids }) => ids);
    // A decoder's program wants room before the tokens; one place that no token looks at is enough.
    const before = isPair ? [] : names.map((name) => [name, new Float32Array(rows.length * width)] as const);
    const outputs = await run(
      { rows: rows.length, tokens: length, room: isPair ? 0 : 1 },
      0,
      prompts,
      before,
    );
    cache = extended(emptyCache(names, rows.length, length, kept), outputs, length, kept);
    if (isPair)
      read = names.map((name) => [
        `source.${name}`,
        (outputs[`source.${name}`] as Float32Array).slice(0, source.length * width),
      ]);
    return outputs;
  }

  async function goOn(rows: readonly Row[], before: Cache): Promise<Readonly<Record<string, Array1D>>> {
    const parents = rows.map(({ parent }) => parent as number);
    const now = rearranged(before, parents, kept);
    const added = rows.map(({ ids }) => ids.slice(-1));
    const outputs = await run(
      { rows: rows.length, tokens: 1, room: now.room },
      now.length,
      added,
      now.arrays,
    );
    cache = extended(now, outputs, 1, kept);
    return outputs;
  }

  return {
    async nextLogits(rows) {
      const isNew = rows.some(({ parent }) => parent === undefined);
      const { logits } = isNew || !cache ? await begin(rows) : await goOn(rows, cache);
      const { vocabSize } = model.config;
      return rows.map((_, row) => (logits as Float32Array).slice(row * vocabSize, (row + 1) * vocabSize));
    },
    read(next) {
      source = next;
      cache = undefined;
    },
    close: () => programs.close(),
  };
}
