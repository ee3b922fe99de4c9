/** Logits of a golden model under a method, and the worst difference of two rows of numbers. */
import assert from 'node:assert/strict';
import type { PaddedBatch } from '../../src/datasets/batch.js';
import type { Checkpoint } from '../../src/models/checkpoint.js';
import type { TaskHead } from '../../src/models/heads.js';
import type { Parameters } from '../../src/models/parameters.js';
import { type Method, methodAdaptation, methodSpecs } from '../../src/peft/method.js';
import type { MethodBase } from '../../src/peft/modules.js';
import { predict } from '../../src/training/evaluate.js';

/** @param extra laid over the checkpoint's values */
export async function logitsOf(
  { config, head, specs, parameters }: Checkpoint,
  method: Method,
  extra: Parameters,
  batch: PaddedBatch,
  headTraining: MethodBase['headTraining'] = 'classifier',
): Promise<Float32Array> {
  const base = { config, head, headTraining };
  const model = {
    config,
    head: head as TaskHead,
    specs: [...specs, ...methodSpecs(base, method)],
    adaptation: methodAdaptation(base, method),
  };
  const [logits] = await predict(model, new Map([...parameters, ...extra]), [batch], { threads: 1 });
  return logits as Float32Array;
}

export function worst(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(actual.length, wanted.length);
  assert.ok(Array.from(actual).every(Number.isFinite));
  return Array.from(wanted).reduce((most, x, i) => Math.max(most, Math.abs(x - (actual[i] as number))), 0);
}
