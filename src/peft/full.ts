/** Full fine-tuning: no extra parameters, no hooks, everything trains. */
import { z } from 'zod';
import { type Adaptation, noAdaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import type { HeadTraining, ParameterSpec, Trains } from '../models/parameters.js';

export const fullSchema = z.object({ kind: z.literal('full') });
export type Full = z.infer<typeof fullSchema>;

export const fullSpecs = (_config: ModelConfig, _method: Full): ParameterSpec[] => [];

export const fullAdaptation = (_config: ModelConfig, _method: Full): Adaptation => noAdaptation;

export const fullTrains =
  (_method: Full, head: HeadTraining): Trains =>
  ({ place }) =>
    place.kind !== 'pooler' || head === 'classifier+pooler';
