/** Matrices of `ml-matrix` whose large products the engine computes. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type CompileOptions, compile } from '../../engine/compile.js';
import * as tf from '../../engine/tfjs.js';

/** Row-major. */
export interface Dense {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

const dense = (matrix: Matrix): Dense => ({
  data: Float32Array.from(matrix.to1DArray()),
  rows: matrix.rows,
  columns: matrix.columns,
});

export const matrixOf = ({ data, rows, columns }: Dense): Matrix =>
  Matrix.from1DArray(rows, columns, data as unknown as number[]);

/** a b, or a^T b. */
export async function product(
  a: Dense,
  b: Matrix,
  transposed: boolean,
  options: CompileOptions,
): Promise<Matrix> {
  const program = await compile(
    { a: { shape: [a.rows, a.columns] }, b: { shape: [b.rows, b.columns] } },
    (inputs) => ({ c: tf.matMul(inputs.a as tf.Tensor2D, inputs.b as tf.Tensor2D, transposed) }),
    options,
  );
  try {
    const { c } = await program.run({ a: a.data, b: dense(b).data });
    const rows = transposed ? a.columns : a.rows;
    return matrixOf({ data: c as Float32Array, rows, columns: b.columns });
  } finally {
    await program.close();
  }
}

export interface Eigenpairs {
  readonly values: readonly number[];
  /** One per column. */
  readonly vectors: Matrix;
}

/** Of a symmetric positive matrix: the largest first, at most `count`, without what is 0 but for rounding. */
export function leadingEigenpairs(matrix: Matrix, count: number): Eigenpairs {
  const decomposed = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const largest = decomposed.realEigenvalues
    .map((value, column) => ({ value, column }))
    .sort((a, b) => b.value - a.value);
  const least = 1e-12 * (largest[0]?.value ?? 0);
  const chosen = largest.filter(({ value }) => value > least).slice(0, count);
  return {
    values: chosen.map(({ value }) => value),
    vectors: decomposed.eigenvectorMatrix.subMatrixColumn(chosen.map(({ column }) => column)),
  };
}
