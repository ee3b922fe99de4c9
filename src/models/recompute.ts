/**
 * Gradient checkpointing (Chen et al. 2016; HF `gradient_checkpointing`): of a block only the input is kept, and the block is computed
 * once more when its gradient is asked for. Less memory for about a third more time; the numbers are the same.
 */
import * as tf from '../engine/tfjs.js';
import type { ModelConfig } from './config.js';
import { type MaskSource, type ModelContext, modelContext } from './layers.js';

/** tfjs forgets the tape of a gradient when another one is computed within it (4.22: `Engine.gradients` sets it to null). */
function withTapeOfItsOwn<T>(compute: () => T): T {
  const { state } = tf.engine();
  const { activeTape } = state;
  try {
    return compute();
  } finally {
    state.activeTape = activeTape;
  }
}

/**
 * `block(context, x)`, whose inner values are not kept for the gradient.
 * @param names of the block's parameters: what the gradient is asked for besides x [rows, H] and, in a second stack, the first one's states
 */
export function recomputed<C extends ModelConfig>(
  context: ModelContext<C>,
  names: readonly string[],
  x: tf.Tensor2D,
  block: (context: ModelContext<C>, x: tf.Tensor2D) => tf.Tensor2D,
): tf.Tensor2D {
  const { encoderStates: read } = context;
  const compute = (random: MaskSource | undefined, [input, ...values]: readonly tf.Tensor[]): tf.Tensor2D => {
    const given = Object.fromEntries(names.map((name, i) => [name, values[i] as tf.Tensor]));
    const parameters = { ...context.parameters, ...given };
    const encoderStates = read && (values[names.length] as tf.Tensor2D);
    return block(modelContext({ ...context, parameters, random, encoderStates }), input as tf.Tensor2D);
  };
  const op = tf.customGrad((...args: unknown[]) => {
    const save = args.pop() as tf.GradSaveFunc;
    const inputs = args as tf.Tensor[];
    const masks: tf.Tensor[] = [];
    const drawing: MaskSource = {
      mask(...site) {
        const mask = context.random?.mask(...site);
        if (mask) masks.push(mask);
        return mask;
      },
    };
    const value = compute(context.random && drawing, inputs);
    save([...inputs, ...masks]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [input, ...values] = saved.slice(0, inputs.length) as [tf.Tensor2D, ...tf.Tensor[]];
        const drawn = saved.slice(inputs.length).values();
        const repeating: MaskSource = {
          mask: (_shape, rate) => (rate === 0 ? undefined : drawn.next().value),
        };
        // It must wait for dy: computed at once it would be kept after all, and merged with the first computation.
        const later = tf.add(input, tf.mul(tf.slice(dy, [0, 0], [1, 1]), 0));
        const again = (...given: tf.Tensor[]): tf.Tensor => compute(context.random && repeating, given);
        return withTapeOfItsOwn(() => tf.grads(again)([later, ...values], dy));
      },
    };
  });
  const parameters = names.map((name) => context.parameters[name] as tf.Tensor);
  return op(x, ...parameters, ...(read ? [read] : [])) as tf.Tensor2D;
}
