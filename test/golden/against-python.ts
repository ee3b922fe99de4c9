/** Numbers of ours beside Python's: values, sums of trained parameters, steps of training. */
import assert from 'node:assert/strict';
import type { Parameters } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import type { Optimiser } from '../../src/training/adafactor.js';
import type { TrainingState } from '../../src/training/state.js';
import type { Stage } from '../../src/training/step.js';

/** Of each parameter its sum and the sum of its absolute values. */
export type Sums = Readonly<Record<string, readonly [number, number]>>;

/** @param tolerance of the largest value wanted, or of 1 */
export function near(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(actual.length, wanted.length, what);
  const size = Array.from(wanted).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const worst = Array.from(wanted).reduce(
    (most, x, i) => Math.max(most, Math.abs(x - (actual[i] as number))),
    0,
  );
  assert.ok(worst <= tolerance * size, `${what}: ${worst} of ${size}`);
}

export function checkSums(actual: Parameters, wanted: Sums): void {
  for (const [name, [sum, absolute]] of Object.entries(wanted)) {
    const values = actual.get(name);
    assert.ok(values, name);
    near([values.reduce((a, b) => a + b, 0)], [sum], 2e-4, name);
    near([values.reduce((a, b) => a + Math.abs(b), 0)], [absolute], 2e-4, name);
  }
}

/** Four steps on one batch, the first of which has Python's gradients. @returns their losses */
export async function fourSteps<B>(
  stage: Stage<B>,
  state: TrainingState,
  batch: B,
  optimiser: Optimiser,
  gradients: string,
  wanted: (name: string, values: Float32Array) => Float32Array = (_, values) => values,
): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    const { loss, gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step });
    if (step === 0)
      for (const [name, { data }] of await readSafetensors(gradients))
        near(state.trained.get(name)?.arrays.g as Float32Array, wanted(name, data), 1e-5, name);
    await stage.update(0.01, gradientNorm, optimiser);
    losses.push(loss);
  }
  await stage.close();
  return losses;
}
