/** How alike two sets of representations of the same examples are. Rows are examples. */
import { Matrix } from 'ml-matrix';

type Rows = readonly Float64Array[];

const gram = (rows: Rows): Matrix => {
  const x = new Matrix(rows.map((row) => Array.from(row)));
  return x.mmul(x.transpose());
};

const norm = (matrix: Matrix): number => matrix.norm('frobenius');

/** Linear centred kernel alignment (Kornblith et al. 2019, section 3): 1 for the same up to rotation and scale, 0 for nothing in common. */
export function linearCka(a: Rows, b: Rows): number {
  const [k, l] = [a, b].map((rows) => gram(rows).center('row').center('column')) as [Matrix, Matrix];
  return k.dot(l) / (norm(k) * norm(l));
}

/** Similarity-preserving loss (Tung and Mori 2019, equation 4) of one batch: 0 for the same similarities between its examples. */
export function similarityLoss(a: Rows, b: Rows): number {
  const [p, q] = [a, b].map((rows) => {
    const similarities = gram(rows);
    for (let row = 0; row < rows.length; row++) {
      const length = Math.hypot(...similarities.getRow(row));
      if (length > 0) similarities.mulRow(row, 1 / length);
    }
    return similarities;
  }) as [Matrix, Matrix];
  return norm(Matrix.sub(p, q)) ** 2 / a.length ** 2;
}
