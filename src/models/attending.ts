/** Who attends to whom: masks of padded and packed rows, for encoders and decoders, and the rows that a block need not compute. */
import { assertShape } from '../engine/shape.js';
import * as tf from '../engine/tfjs.js';
import { isPacked, type ModelInputs, type PackedInputs, type Reads } from './inputs.js';
import { type ModelContext, withRowsOf } from './layers.js';

/** Most negative float32: what Hugging Face adds to the scores of padding. */
export const MASKED = -3.4028234663852886e38;

/** 0 where `kept` is true, a large negative number elsewhere. */
export const maskedWhereNot = (kept: tf.Tensor): tf.Tensor =>
  tf.mul(tf.sub(1, tf.cast(kept, 'float32')), MASKED);

/** The last token of each padded row: the product with a row that is 1 there. x [B S, H] -> [B, H] */
function lastOfPadded({ batch, seq }: ModelContext, mask: tf.Tensor, x: tf.Tensor2D): tf.Tensor2D {
  const real = tf.cast(mask, 'float32') as tf.Tensor2D;
  const next = tf.pad(tf.slice(real, [0, 1], [batch, seq - 1]), [
    [0, 0],
    [0, 1],
  ]);
  const isLast = tf.reshape(tf.sub(real, next), [batch, 1, seq]);
  const h = x.shape[1];
  return tf.reshape(tf.matMul(isLast, tf.reshape(x, [batch, seq, h])), [batch, h]);
}

/** The token of each example that a classifier reads: [B S, H] -> [E, H], E = B where rows are padded. */
function readTokens(
  context: ModelContext,
  inputs: ModelInputs,
  which: 'first' | 'last',
  x: tf.Tensor2D,
): tf.Tensor2D {
  if (isPacked(inputs)) return tf.gather(x, (which === 'last' ? inputs.ends : inputs.starts) as tf.Tensor1D);
  if (which === 'last') return lastOfPadded(context, inputs.attentionMask, x);
  const { batch, seq } = context;
  const h = x.shape[1];
  return tf.reshape(tf.slice(tf.reshape(x, [batch, seq, h]), [0, 0, 0], [batch, 1, h]), [batch, h]);
}

/** Who attends to whom: rows of queries and keys, what is added to their scores, and whose the dropped probabilities are. */
export interface Attending {
  /** Of all rows those that ask: a tensor of the tokens' rows -> of these. */
  readonly asking: (rows: tf.Tensor2D) => tf.Tensor2D;
  /** Matrices of the attention: queries and keys are split into so many. */
  readonly batch: number;
  bias(): tf.Tensor;
  readonly dropout: 'attention' | 'first';
}

/** Whether a place in a row (columns) is not after another (rows): bool [S, S]. */
export function upTo(seq: number): tf.Tensor {
  const places = tf.tensor1d(
    Int32Array.from({ length: seq }, (_, i) => i),
    'int32',
  );
  return tf.lessEqual(tf.reshape(places, [1, seq]), tf.reshape(places, [seq, 1]));
}

/** All tokens of a row, to those of their own example, a decoder's only to those up to it. The bias is [B, 1, 1, S], or [B, 1, S, S]. */
function allTokens({ batch, seq, past }: ModelContext, inputs: ModelInputs, isCausal: boolean): Attending {
  const shape = { batch, seq };
  const asking = (rows: tf.Tensor2D): tf.Tensor2D => rows;
  if (past) return { asking, batch, bias: () => past.bias, dropout: 'attention' };
  if (!isPacked(inputs)) {
    assertShape(inputs.attentionMask, shape, 'attentionMask');
    const bias = (): tf.Tensor => {
      const mask = tf.reshape(inputs.attentionMask, [batch, 1, 1, seq]);
      return maskedWhereNot(isCausal ? tf.logicalAnd(tf.cast(mask, 'bool'), upTo(seq)) : mask);
    };
    return { asking, batch, bias, dropout: 'attention' };
  }
  assertShape(inputs.segments, shape, 'segments');
  const pairs = (tokens: tf.Tensor): [tf.Tensor, tf.Tensor] => [
    tf.reshape(tokens, [batch, 1, seq, 1]),
    tf.reshape(tokens, [batch, 1, 1, seq]),
  ];
  const bias = (): tf.Tensor => {
    const [of, to] = pairs(inputs.segments);
    const same = tf.equal(of, to);
    if (!isCausal) return maskedWhereNot(same);
    const [at, from] = pairs(inputs.positions);
    return maskedWhereNot(tf.logicalAnd(same, tf.lessEqual(from, at)));
  };
  return { asking, batch, bias, dropout: 'attention' };
}

/**
 * The scores of each example's tokens are kept, those of all others masked: float32 [E, B S].
 * @param slots E
 */
export function ownTokens({ segments }: PackedInputs, slots: number): tf.Tensor2D {
  const numbers = tf.tensor2d(
    Int32Array.from({ length: slots }, (_, slot) => slot + 1),
    [slots, 1],
    'int32',
  );
  return maskedWhereNot(tf.equal(numbers, tf.reshape(segments, [1, -1]))) as tf.Tensor2D;
}

/** One token of each example alone, which sees all of its example. In packed rows these are E queries to the tokens of all rows. */
function readOnly(context: ModelContext, inputs: ModelInputs, which: 'first' | 'last'): Attending {
  const asking = (rows: tf.Tensor2D): tf.Tensor2D => readTokens(context, inputs, which, rows);
  if (!isPacked(inputs)) return { ...allTokens(context, inputs, false), asking };
  const slots = inputs.starts.shape[0] as number;
  const tokens = context.batch * context.seq;
  const bias = (): tf.Tensor => tf.reshape(ownTokens(inputs, slots), [1, 1, slots, tokens]);
  return { asking, batch: 1, bias, dropout: 'first' };
}

/** Dropped probabilities of an attention, [matrices, heads, queries, keys]; undefined without dropout. @param x the rows of the keys */
export function dropoutMask(
  { random, config }: ModelContext,
  { batch, dropout }: Pick<Attending, 'batch' | 'dropout'>,
  queries: tf.Tensor2D,
  x: tf.Tensor2D,
): tf.Tensor | undefined {
  const shape = [batch, config.numAttentionHeads, queries.shape[0] / batch, x.shape[0] / batch];
  return random?.mask(shape, config.attentionProbsDropoutProb, dropout);
}

/** Who attends to whom in a block, and how it leaves out what is not read. */
export interface BlockReads extends Attending {
  /** Of the asking rows those that are read. */
  readonly read: (rows: tf.Tensor2D) => tf.Tensor2D;
  /** For layers over the asking rows, and over those that are read: whose their dropout is. */
  readonly asker: <C extends ModelContext>(context: C) => C;
  readonly reader: <C extends ModelContext>(context: C) => C;
}

export function blockReads(
  context: ModelContext,
  inputs: ModelInputs,
  reads: Reads,
  isCausal: boolean,
): BlockReads {
  const same = <T>(x: T): T => x;
  const ofExamples = <C extends ModelContext>(of: C): C => withRowsOf(of, 'examples');
  if (reads.kind === 'first' || reads.kind === 'last')
    return {
      ...readOnly(context, inputs, reads.kind),
      ...{ read: same, asker: ofExamples, reader: ofExamples },
    };
  const attending = { ...allTokens(context, inputs, isCausal), asker: same };
  if (reads.kind === 'all') return { ...attending, read: same, reader: same };
  return {
    ...attending,
    read: (rows) => tf.gather(rows, reads.rows),
    reader: (of) => withRowsOf(of, 'place'),
  };
}
