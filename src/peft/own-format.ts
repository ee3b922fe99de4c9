/**
 * The config of saved adapters and BitFit, for which no common format exists. A folder holds
 * - `adapter_config.json`: `{format: "progtuning", format_version: 1, method, head, base_model_name_or_path, base_model}`, where `method`
 *   is the method's options, `head` which head tensors trained, and `base_model` the shape of the model it belongs to;
 * - `adapter_model.safetensors`: float32, only what the method trained and the head, under the model's own (Hugging Face) names. Biases
 *   and layer norms are values, not differences. Adapters are `<module>.adapter.down|up.weight|bias`, weights [out, in]; the `adapters`
 *   library calls them `<module>.adapters.<name>.adapter_down.0.weight|bias` and `.adapter_up.weight|bias`.
 */

import { DataError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import type { HeadTraining } from '../models/parameters.js';
import * as z from '../schema.js';
import { adapterSchema } from './adapter.js';
import { bitfitSchema } from './bitfit.js';

const shapeSchema = z.object({
  model_type: z.string(),
  num_hidden_layers: z.number(),
  hidden_size: z.number(),
  intermediate_size: z.number(),
  num_attention_heads: z.number(),
  vocab_size: z.number(),
});

const configSchema = z.object({
  format: z.literal('progtuning'),
  format_version: z.literal(1),
  method: z.discriminatedUnion('kind', [adapterSchema, bitfitSchema]),
  head: z.enum(['classifier', 'classifier+pooler']),
  base_model_name_or_path: z.string().nullable(),
  base_model: shapeSchema,
});

type OwnMethod = z.infer<typeof configSchema>['method'];

const shapeOf = (config: ModelConfig): z.infer<typeof shapeSchema> => ({
  model_type: config.modelType,
  num_hidden_layers: config.numHiddenLayers,
  hidden_size: config.hiddenSize,
  intermediate_size: config.intermediateSize,
  num_attention_heads: config.numAttentionHeads,
  vocab_size: config.vocabSize,
});

export const isOwnConfig = (raw: Record<string, unknown>): boolean => raw.format === 'progtuning';

export const ownConfigJson = (
  method: OwnMethod,
  config: ModelConfig,
  head: HeadTraining,
  baseModel: string | null,
): z.infer<typeof configSchema> => ({
  format: 'progtuning',
  format_version: 1,
  method,
  head,
  base_model_name_or_path: baseModel,
  base_model: shapeOf(config),
});

/** @throws DataError that says in which sizes the model differs from the one the folder was made for */
export function parseOwnConfig(
  raw: Record<string, unknown>,
  config: ModelConfig,
  path: string,
): { method: OwnMethod; headTraining: HeadTraining; baseModel: string | null } {
  const parsed = configSchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const given = Object.entries(shapeOf(config));
  const made: Readonly<Record<string, unknown>> = parsed.data.base_model;
  const differences = given.filter(([field, value]) => made[field] !== value);
  if (differences.length > 0) {
    const list = differences.map(([field, value]) => `${field} ${made[field]}, here ${value}`).join('; ');
    throw new DataError(`${path}: made for another base model: ${list}`);
  }
  const { method, head: headTraining, base_model_name_or_path: baseModel } = parsed.data;
  return { method, headTraining, baseModel };
}
