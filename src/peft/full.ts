/** Full fine-tuning: no extra parameters, no hooks, everything trains. */

import { type Adaptation, noAdaptation } from '../models/adaptation.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import * as z from '../schema.js';
import type { MethodBase } from './modules.js';

export const fullSchema = z.object({ kind: z.literal('full') });

/**
 * Full fine-tuning: nothing is added, everything trains.
 *
 * @interface
 */
export type Full = z.infer<typeof fullSchema>;

export const fullSpecs = (_base: MethodBase, _method: Full): ParameterSpec[] => [];

export const fullAdaptation = (_base: MethodBase, _method: Full): Adaptation => noAdaptation;

export const fullTrains =
  ({ headTraining }: MethodBase, _method: Full): Trains =>
  ({ place }) =>
    place.kind !== 'pooler' || headTraining === 'classifier+pooler';
