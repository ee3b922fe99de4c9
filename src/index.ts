/**
 * The one public door. A run is a value: `runSpec` fills in what you leave open, `run` fine-tunes and evaluates. All else stands in
 * groups by subject, e.g. `peft.LORA_DEFAULTS`.
 *
 * @module progtuning
 */

export * as tf from './engine/tfjs.js';
export { DataError, UsageError } from './errors.js';
export { type RunEvent, type RunOptions, run } from './experiments/run.js';
export type { Machine, RunRecord } from './experiments/run-record.js';
export { type RunRequest, type RunSpec, runSpec } from './experiments/run-spec.js';
export * as comparison from './public/comparison.js';
export * as datasets from './public/datasets.js';
export * as engine from './public/engine.js';
export * as evaluation from './public/evaluation.js';
export * as experiments from './public/experiments.js';
export * as generation from './public/generation.js';
export * as models from './public/models.js';
export * as peft from './public/peft.js';
export * as pretraining from './public/pretraining.js';
export * as progressive from './public/progressive.js';
export * as report from './public/report.js';
export * as tokenizers from './public/tokenizers.js';
export * as training from './public/training.js';
