/** A student's embeddings before its first step: the teacher's, as far as they fit into its width. */
import { QrDecomposition } from 'ml-matrix';
import type { CompileOptions } from '../../engine/compile.js';
import type { ModelConfig } from '../../models/config.js';
import type { Parameters } from '../../models/parameters.js';
import { normal, STREAM } from '../../random.js';
import { type Dense, leadingEigenpairs, matrixOf, product } from './dense.js';

/** What is added up to a token's embedding, by Hugging Face's names; words first. */
const TABLES = ['word', 'position', 'token_type'].map((kind) => `bert.embeddings.${kind}_embeddings.weight`);

/**
 * Overwrites a fresh student's word, position and token-type embeddings with the teacher's on the principal axes of its words, turned at
 * random so that no coordinate stands out: the dot products of embeddings, which attention begins with, stay what they were but for what
 * does not fit.
 */
export async function startFromEmbeddings(
  student: ModelConfig,
  values: Parameters,
  teacher: ModelConfig,
  teacherValues: Parameters,
  seed: number,
  options: CompileOptions,
): Promise<void> {
  const [from, to] = [teacher.hiddenSize, student.hiddenSize];
  const tableOf = (name: string): Dense => {
    const data = teacherValues.get(name) as Float32Array;
    return { data, rows: data.length / from, columns: from };
  };
  const words = tableOf(TABLES[0] as string);
  const { vectors } = leadingEigenpairs(await product(words, matrixOf(words), true, options), to);
  const drawn = normal({ seed, stream: STREAM.initialise, step: 1 }, vectors.columns ** 2);
  const square = matrixOf({ data: drawn, rows: vectors.columns, columns: vectors.columns });
  const map = vectors.mmul(new QrDecomposition(square).orthogonalMatrix);
  for (const name of TABLES) {
    const table = values.get(name) as Float32Array;
    const mapped = await product(tableOf(name), map, false, options);
    table.fill(0);
    for (let row = 0; row * to < table.length; row++) table.set(mapped.getRow(row), row * to);
  }
}
