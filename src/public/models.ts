/**
 * Models: make one, find and load one, count its parameters, save it, serve it. Names and folders are Hugging Face's.
 * @module
 */

export { resolveModel } from '../datasets/source.js';
export { createModel, type NewModel } from '../experiments/create-model.js';
export { type ExportRequest, exportRun } from '../experiments/export-run.js';
export type { Adaptation, HookContext } from '../models/adaptation.js';
export {
  type Checkpoint,
  type LoadOptions,
  loadCheckpoint,
  type SaveOptions,
  saveCheckpoint,
} from '../models/checkpoint.js';
export {
  type Activation,
  type DecoderShape,
  type EncoderConfig,
  type EncoderType,
  type Gpt2Config,
  type HeadSpec,
  type LlamaConfig,
  type LlamaType,
  type ModelConfig,
  type ModelShape,
  type ModelType,
  PRESETS,
  type RopeScaling,
  type T5Config,
} from '../models/config.js';
export { readConfig } from '../models/config-file.js';
export { type GgufFile, openGguf } from '../models/gguf.js';
export { type ConvertedGguf, convertGguf } from '../models/gguf-folder.js';
export type { GgufHeader, GgufTensor, GgufValue } from '../models/gguf-header.js';
export type { TaskHead } from '../models/heads.js';
export { initialise } from '../models/initialise.js';
export {
  countParameters,
  type HeadTraining,
  type Initialiser,
  type ParameterSpec,
  type Parameters,
  type Place,
  type Trains,
} from '../models/parameters.js';
export {
  type LazyTensor,
  type NamedTensor,
  openSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type WriteOptions,
  writeSafetensors,
} from '../models/safetensors.js';
export type { SafetensorsHeader, TensorEntry } from '../models/safetensors-header.js';
export { modelSpecs } from '../models/specs.js';
