/**
 * A BERT that knows what can be counted before its first step (`pretrain --initialisation cooccurrence`): word vectors from
 * co-occurrence, sinusoidal positions in coordinates of their own, heads in the lowest block that look at the neighbours one and two
 * places away and add what these say about the word between them, and the shares of the tokens as the output's bias. From random
 * weights a small masked-language model stays at the shares of the tokens for millions of tokens; from these it starts below.
 * The architecture is BERT's own, and every parameter is trained on. See `mimetic initialisation`, Trockman & Kolter 2023.
 * It is here because the BERT that ships was begun so: its record can be made again, and others can pre-train on a CPU.
 */
import { Matrix } from 'ml-matrix';
import type { PackedRows } from '../../datasets/corpus.js';
import { maskingVocabulary } from '../../datasets/masking.js';
import type { CompileOptions } from '../../engine/compile.js';
import { UsageError } from '../../errors.js';
import type { ModelConfig } from '../../models/config.js';
import type { Parameters } from '../../models/parameters.js';
import type { TextTokenizer } from '../../tokenizers/tokenizer.js';
import { countCooccurrence, type NeighbourMap } from './cooccurrence.js';

/** Where the heads of the lowest blocks look. Those of the first block also read from there. */
const OFFSETS = [
  [-1, 1, -2, 2],
  [-3, 3, -4, 4],
] as const;
/** Standard deviation of a coordinate of the embeddings. */
const DEVIATION = 0.04;
/** Of the query and key of a head that looks at a place: enough for most of the attention to fall there. */
const SHARPNESS = 1.2;
/** Length of what a head adds, in lengths of what it read. */
const GAIN = 0.7;
/** Shifts the transform of the output to where GELU is a straight line; the layer norm after it takes the shift out. */
const LINEAR_PART_OF_GELU = 3;

export interface CountedStartOptions extends CompileOptions {
  readonly seed: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Angle per position of the i-th pair of coordinates, from pi to pi / 64. */
const frequencies = (pairs: number): number[] =>
  Array.from({ length: pairs }, (_, i) => Math.PI * 64 ** (-i / Math.max(pairs - 1, 1)));

/** Query and key [headSize, hidden] of a head that looks `offset` places away: one is the other, turned. */
function positionalHead(offset: number, hidden: number, headSize: number): { query: Matrix; key: Matrix } {
  const [query, key] = [Matrix.zeros(headSize, hidden), Matrix.zeros(headSize, hidden)];
  frequencies(headSize / 2).forEach((angle, pair) => {
    const [row, column] = [2 * pair, hidden - headSize + 2 * pair];
    const [cos, sin] = [SHARPNESS * Math.cos(angle * offset), SHARPNESS * Math.sin(angle * offset)];
    query.set(row, column, cos);
    query.set(row, column + 1, -sin);
    query.set(row + 1, column, sin);
    query.set(row + 1, column + 1, cos);
    key.set(row, column, SHARPNESS);
    key.set(row + 1, column + 1, SHARPNESS);
  });
  return { query, key };
}

/** [positions, hidden]: waves in the last `headSize` coordinates. */
function sinusoids(positions: number, hidden: number, headSize: number): Matrix {
  const matrix = Matrix.zeros(positions, hidden);
  frequencies(headSize / 2).forEach((angle, pair) => {
    const column = hidden - headSize + 2 * pair;
    for (let at = 0; at < positions; at++) {
      matrix.set(at, column, DEVIATION * Math.SQRT2 * Math.cos(angle * at));
      matrix.set(at, column + 1, DEVIATION * Math.SQRT2 * Math.sin(angle * at));
    }
  });
  return matrix;
}

const meanLength = (matrix: Matrix): number =>
  matrix.to2DArray().reduce((sum, row) => sum + Math.hypot(...row), 0) / matrix.rows;

/** Writes the matrix into rows and columns of a [.., width] parameter. */
function write(values: Float32Array, width: number, row: number, column: number, matrix: Matrix): void {
  for (let i = 0; i < matrix.rows; i++) values.set(matrix.getRow(i), (row + i) * width + column);
}

/**
 * Overwrites those of a fresh masked-language BERT's parameters that a count can give; the others stay as they are.
 * @throws UsageError where the model's shape leaves no room for words beside positions
 */
export async function startFromCounts(
  config: ModelConfig,
  parameters: Parameters,
  text: PackedRows,
  tokenizer: TextTokenizer,
  options: CountedStartOptions,
): Promise<void> {
  const { hiddenSize: hidden, numAttentionHeads: heads, vocabSize } = config;
  const headSize = hidden / heads;
  const size = hidden - headSize;
  if (heads < 2 || headSize % 2 !== 0) {
    throw new UsageError(
      `initialisation 'cooccurrence' wants at least 2 heads of even size, got ${heads} of ${headSize}: change --heads or --hidden`,
    );
  }
  if (vocabSize < 2 * hidden) {
    throw new UsageError(
      `initialisation 'cooccurrence' wants a vocabulary of at least twice the hidden size ${hidden}, got ${vocabSize}`,
    );
  }
  const { special } = maskingVocabulary(tokenizer);
  const distances = OFFSETS[0].slice(0, heads);
  const counted = await countCooccurrence(text, {
    ...options,
    ...{ vocabSize, special, size, distances, rank: Math.min(headSize, size) },
  });
  const named = (name: string): Float32Array => parameters.get(name) as Float32Array;
  const vectors = counted.vectors;
  const scale = DEVIATION / (meanLength(vectors) / Math.sqrt(size));
  named('bert.embeddings.word_embeddings.weight').fill(0);
  write(named('bert.embeddings.word_embeddings.weight'), hidden, 0, 0, vectors.clone().mul(scale));
  const places = named('bert.embeddings.position_embeddings.weight');
  write(places, hidden, 0, 0, sinusoids(places.length / hidden, hidden, headSize));
  named('bert.embeddings.token_type_embeddings.weight').fill(0);
  OFFSETS.slice(0, config.numHiddenLayers).forEach((offsets, block) => {
    const of = (part: string): Float32Array => named(`bert.encoder.layer.${block}.attention.${part}.weight`);
    offsets.slice(0, heads).forEach((offset, head) => {
      const { query, key } = positionalHead(offset, hidden, headSize);
      write(of('self.query'), hidden, head * headSize, 0, query);
      write(of('self.key'), hidden, head * headSize, 0, key);
      if (block > 0) return;
      const { down, up } = counted.neighbours.get(offset) as NeighbourMap;
      const length = meanLength(vectors.mmul(down.transpose()).mmul(up.transpose())) / meanLength(vectors);
      const gain = Math.sqrt(GAIN / length);
      const [value, output] = [Matrix.zeros(headSize, hidden), Matrix.zeros(hidden, headSize)];
      value.setSubMatrix(down.clone().mul(gain), 0, 0);
      output.setSubMatrix(up.clone().mul(gain), 0, 0);
      write(of('self.value'), hidden, head * headSize, 0, value);
      write(of('output.dense'), hidden, 0, head * headSize, output);
    });
  });
  write(named('cls.predictions.transform.dense.weight'), hidden, 0, 0, Matrix.eye(hidden, hidden));
  named('cls.predictions.transform.dense.bias').fill(LINEAR_PART_OF_GELU);
  const mean = counted.logShares.reduce((sum, share) => sum + share, 0) / vocabSize;
  named('cls.predictions.bias').set(counted.logShares.map((share) => share - mean));
}
