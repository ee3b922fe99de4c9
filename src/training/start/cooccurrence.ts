/**
 * What can be counted about a text before any training: word vectors from co-occurrence (PPMI and a truncated SVD: Levy & Goldberg
 * 2014), and for a neighbour at a given distance the bilinear map of those vectors that best gives the pointwise mutual information
 * of a word with it. `counted-start.ts` writes both into a BERT's weights.
 */

import { inverse, Matrix, SingularValueDecomposition } from 'ml-matrix';
import type { PackedRows } from '../../datasets/corpus.js';
import type { CompileOptions } from '../../engine/compile.js';
import { normal, STREAM } from '../../random.js';
import { type Dense, leadingEigenpairs, matrixOf, product } from './dense.js';

/** Neighbours up to this distance make up a word's vector. */
const WINDOW = 5;
/** Context counts are raised to this power (Levy, Goldberg & Dagan 2015, section 3.2). */
const CONTEXT_SMOOTHING = 0.75;
/** Pairs added in proportion to chance, per context, before a logarithm is taken. */
const PRIOR_PAIRS = 100;
/** Columns beyond the wanted ones, and rounds, of the randomised SVD (Halko, Martinsson & Tropp 2011). */
const OVERSAMPLING = 32;
const ROUNDS = 3;

/** `up down` is a map of word vectors, cut to the rank of one attention head. */
export interface NeighbourMap {
  /** [rank, size] */
  readonly down: Matrix;
  /** [size, rank] */
  readonly up: Matrix;
}

export interface Cooccurrence {
  /** [vocabulary, size], zero for special tokens */
  readonly vectors: Matrix;
  /** Log share of each token in the text. */
  readonly logShares: Float64Array;
  readonly neighbours: ReadonlyMap<number, NeighbourMap>;
}

export interface CooccurrenceOptions extends CompileOptions {
  readonly vocabSize: number;
  /** 1: counts as no word */
  readonly special: Uint8Array;
  /** Coordinates of a word vector. */
  readonly size: number;
  /** Distances of neighbours, negative to the left, at most 5. */
  readonly distances: readonly number[];
  readonly rank: number;
  readonly seed: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Adds 1 to [left, right] for every two words `distance` apart. */
function countPairs(
  { ids, length }: PackedRows,
  distance: number,
  { vocabSize, special }: Pick<CooccurrenceOptions, 'vocabSize' | 'special'>,
  counts: Float32Array,
): void {
  for (let start = 0; start < ids.length; start += length) {
    for (let left = start; left + distance < start + length; left++) {
      const [a, b] = [ids[left] as number, ids[left + distance] as number];
      if (special[a] || special[b]) continue;
      const at = a * vocabSize + b;
      counts[at] = (counts[at] as number) + 1;
    }
  }
}

function sharesOf({ ids }: PackedRows, { vocabSize, special }: CooccurrenceOptions): Float64Array {
  const counts = new Float64Array(vocabSize).fill(1);
  for (const id of ids) if (!special[id]) counts[id] = (counts[id] as number) + 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

/** Adds the transpose to a square matrix. */
function symmetrise(counts: Float32Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const sum = (counts[i * size + j] as number) + (counts[j * size + i] as number);
      counts[i * size + j] = sum;
      counts[j * size + i] = sum;
    }
  }
}

/** Positive pointwise mutual information, in place of symmetric counts. */
function toPositiveMutualInformation(counts: Float32Array, size: number): Dense {
  const words = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = i * size; j < (i + 1) * size; j++) words[i] = (words[i] as number) + (counts[j] as number);
  }
  const contexts = words.map((count) => count ** CONTEXT_SMOOTHING);
  const total = contexts.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const count = counts[i * size + j] as number;
      const chance = ((words[i] as number) * (contexts[j] as number)) / total;
      counts[i * size + j] = count > chance ? Math.log(count / chance) : 0;
    }
  }
  return { data: counts, rows: size, columns: size };
}

/** An orthonormal basis of the columns of A: A V / sqrt(lambda) with A^T A = V lambda V^T. A tall matrix is passed over twice only. */
function orthonormal(matrix: Matrix): Matrix {
  const { values, vectors } = leadingEigenpairs(matrix.transpose().mmul(matrix), matrix.columns);
  return matrix.mmul(vectors.mulRowVector(values.map((value) => 1 / Math.sqrt(value))));
}

/** Left singular vectors times the root of their values: [rows, size]. */
async function leadingFactors(
  matrix: Dense,
  { size, seed, ...options }: CooccurrenceOptions,
): Promise<Matrix> {
  const width = Math.min(size + OVERSAMPLING, matrix.rows);
  const key = { seed, stream: STREAM.initialise, step: 0 };
  const start = normal(key, matrix.columns * width);
  let basis = matrixOf({ data: start, rows: matrix.columns, columns: width });
  let image = await product(matrix, basis, false, options);
  for (let round = 0; ; round++) {
    basis = orthonormal(image);
    const back = await product(matrix, basis, true, options);
    if (round < ROUNDS) image = await product(matrix, back, false, options);
    else {
      const { values, vectors } = leadingEigenpairs(back.transpose().mmul(back), size);
      return basis.mmul(vectors.mulRowVector(values.map((value) => value ** 0.25)));
    }
  }
}

/** Unit length, without their weighted mean, turned at random so that no coordinate stands out. */
function levelled(factors: Matrix, weights: Float64Array, { special, seed }: CooccurrenceOptions): Matrix {
  const { rows, columns } = factors;
  const mean = new Float64Array(columns);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < rows; i++) {
    const row = factors.getRow(i);
    const norm = special[i] ? Number.POSITIVE_INFINITY : Math.hypot(...row) || 1;
    row.forEach((value, j) => {
      factors.set(i, j, value / norm);
      mean[j] = (mean[j] as number) + ((weights[i] as number) / total) * (value / norm);
    });
  }
  for (let i = 0; i < rows; i++) {
    if (!special[i])
      for (let j = 0; j < columns; j++) factors.set(i, j, factors.get(i, j) - (mean[j] as number));
  }
  const key = { seed, stream: STREAM.initialise, step: 1 };
  const random = matrixOf({ data: normal(key, columns * columns), rows: columns, columns });
  return factors.mmul(orthonormal(random));
}

/** log P(word | neighbour) / P(word) as [neighbour, word], where the neighbour stands `distance` away from the word. */
function mutualInformation(
  counts: Float32Array,
  distance: number,
  shares: Float64Array,
  { vocabSize: size, special }: CooccurrenceOptions,
): Dense {
  const data = new Float32Array(size * size);
  for (let neighbour = 0; neighbour < size; neighbour++) {
    if (special[neighbour]) continue;
    const at = (word: number): number =>
      counts[distance < 0 ? neighbour * size + word : word * size + neighbour] as number;
    let total = PRIOR_PAIRS;
    for (let word = 0; word < size; word++) total += at(word);
    for (let word = 0; word < size; word++) {
      if (special[word]) continue;
      const share = shares[word] as number;
      data[neighbour * size + word] = Math.log((at(word) + PRIOR_PAIRS * share) / (total * share));
    }
  }
  return { data, rows: size, columns: size };
}

/** The least-squares M of e_word^T M e_neighbour ~ information, weighted, cut to `rank`. */
async function neighbourMap(
  information: Dense,
  vectors: Matrix,
  weights: Float64Array,
  { rank, ...options }: CooccurrenceOptions,
): Promise<NeighbourMap> {
  const weighted = vectors.clone().mulColumnVector(Array.from(weights));
  const gram = weighted.transpose().mmul(vectors);
  const ridge = (1e-4 * gram.trace()) / gram.rows;
  const solve = inverse(gram.add(Matrix.eye(gram.rows, gram.rows, ridge)));
  const byWord = await product(information, weighted, true, options);
  const map = solve.mmul(weighted.transpose().mmul(byWord)).mmul(solve);
  const { leftSingularVectors, rightSingularVectors, diagonal } = new SingularValueDecomposition(map);
  const roots = diagonal.slice(0, rank).map(Math.sqrt);
  const first = [0, roots.length - 1] as const;
  return {
    up: leftSingularVectors.subMatrix(0, map.rows - 1, ...first).mulRowVector(roots),
    down: rightSingularVectors
      .subMatrix(0, map.columns - 1, ...first)
      .mulRowVector(roots)
      .transpose(),
  };
}

/**
 * Counts every row. Needs about 16 bytes times the square of the vocabulary: 1 GB for 8,000 tokens.
 * The result does not depend on the number of threads.
 */
export async function countCooccurrence(
  rows: PackedRows,
  options: CooccurrenceOptions,
): Promise<Cooccurrence> {
  const { vocabSize: size, special, distances, onProgress } = options;
  const steps = WINDOW + 1 + distances.length;
  let done = 0;
  const next = (): void => onProgress?.(++done, steps);
  const kept = new Map<number, Float32Array>();
  const both = new Float32Array(size * size);
  for (let distance = 1; distance <= WINDOW; distance++) {
    const counts = new Float32Array(size * size);
    countPairs(rows, distance, options, counts);
    for (let at = 0; at < both.length; at++) both[at] = (both[at] as number) + (counts[at] as number);
    if (distances.some((wanted) => Math.abs(wanted) === distance)) kept.set(distance, counts);
    next();
  }
  symmetrise(both, size);
  const shares = sharesOf(rows, options);
  const weights = shares.map((share, id) => (special[id] ? 0 : Math.sqrt(share)));
  const factors = await leadingFactors(toPositiveMutualInformation(both, size), options);
  const vectors = levelled(factors, weights, options);
  next();
  const neighbours = new Map<number, NeighbourMap>();
  for (const distance of distances) {
    const counts = kept.get(Math.abs(distance)) as Float32Array;
    const information = mutualInformation(counts, distance, shares, options);
    neighbours.set(distance, await neighbourMap(information, vectors, weights, options));
    next();
  }
  return { vectors, logShares: shares.map(Math.log), neighbours };
}
