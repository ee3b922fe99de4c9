/** Relative positions of T5 (Raffel et al. 2020; HF `T5Attention.compute_bias`): a learned number a head for each bucket of distances. */
import * as tf from '../../engine/tfjs.js';

/** How distances are put in buckets. */
export interface Buckets {
  readonly buckets: number;
  /** From here on all distances share the last bucket. */
  readonly maxDistance: number;
  /** Half of the buckets are for what comes after; else what comes after is in the bucket of distance 0. */
  readonly bidirectional: boolean;
}

/** In float32, as PyTorch computes it. @param distance 0 or more */
function bucketOfDistance(distance: number, buckets: number, maxDistance: number): number {
  const exact = Math.floor(buckets / 2);
  if (distance < exact) return distance;
  const { fround, log } = Math;
  const share = fround(fround(log(fround(distance / exact))) / fround(log(maxDistance / exact)));
  return Math.min(exact + Math.trunc(fround(share * (buckets - exact))), buckets - 1);
}

/** The bucket of a key so many places after its query (before it: below 0). */
export function bucketOf(relative: number, { buckets, maxDistance, bidirectional }: Buckets): number {
  if (!bidirectional) return bucketOfDistance(Math.max(0, -relative), buckets, maxDistance);
  const half = Math.floor(buckets / 2);
  return (relative > 0 ? half : 0) + bucketOfDistance(Math.abs(relative), half, maxDistance);
}

/** Buckets of all pairs: int32 [queries, keys]. @param queries @param keys places, int32 [n] */
function bucketsOf(queries: tf.Tensor1D, keys: tf.Tensor1D, settings: Buckets): tf.Tensor2D {
  const far = settings.maxDistance;
  const table = tf.tensor1d(
    Int32Array.from({ length: 2 * far + 1 }, (_, i) => bucketOf(i - far, settings)),
    'int32',
  );
  const [from, to] = [tf.cast(queries, 'float32'), tf.cast(keys, 'float32')];
  const relative = tf.sub(tf.reshape(to, [1, keys.shape[0]]), tf.reshape(from, [queries.shape[0], 1]));
  const places = tf.add(tf.maximum(tf.minimum(relative, far), -far), far);
  return tf.gather(table, tf.cast(places, 'int32') as tf.Tensor2D) as tf.Tensor as tf.Tensor2D;
}

/**
 * What is added to the scores of all rows: [1, heads, queries, keys]. Its gradient is a product with one-hot rows, not a scatter.
 * @param table [buckets, heads] @param queries @param keys places, int32 [n]
 */
export function relativeBias(
  table: tf.Tensor2D,
  queries: tf.Tensor1D,
  keys: tf.Tensor1D,
  settings: Buckets,
): tf.Tensor4D {
  const ids = bucketsOf(queries, keys, settings);
  const [from, to] = ids.shape;
  const heads = table.shape[1];
  const lookUp = tf.customGrad((...args: unknown[]) => {
    const [given, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    save([ids]);
    return {
      value: tf.expandDims(tf.transpose(tf.gather(given, ids), [2, 0, 1]), 0),
      gradFunc(dy: tf.Tensor, [kept]: tf.Tensor[]) {
        const slopes = tf.transpose(tf.reshape(dy, [heads, from, to]), [1, 0, 2]);
        const oneHot = tf.cast(tf.oneHot(kept as tf.Tensor1D, settings.buckets), 'float32');
        return tf.transpose(tf.sum(tf.matMul(slopes, oneHot), 0), [1, 0]);
      },
    };
  });
  return lookUp(table) as tf.Tensor4D;
}
