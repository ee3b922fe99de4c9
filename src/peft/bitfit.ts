/** BitFit (Ben Zaken et al. 2021, arXiv 2106.10199): only biases train, all of them or the query's and the intermediate's. */
import * as z from '../schema.js';
import { type Adaptation, noAdaptation } from '../models/adaptation.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import { headTrains, type MethodBase } from './modules.js';

export const BITFIT_TERMS = ['all', 'query-intermediate'] as const;

export const bitfitSchema = z.object({ kind: z.literal('bitfit'), terms: z.enum(BITFIT_TERMS) });

/**
 * BitFit: which biases train.
 *
 * @interface
 */
export type Bitfit = z.infer<typeof bitfitSchema>;

/**
 * All biases, as in the paper.
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * const method: peft.Method = { ...peft.BITFIT_DEFAULTS, terms: 'query-intermediate' };
 * console.log(method.kind); // bitfit
 * ```
 */
export const BITFIT_DEFAULTS: Bitfit = { kind: 'bitfit', terms: 'all' };

export const bitfitSpecs = (_base: MethodBase, _method: Bitfit): ParameterSpec[] => [];

export const bitfitAdaptation = (_base: MethodBase, _method: Bitfit): Adaptation => noAdaptation;

const SUBSET = /\.(attention\.self\.query|intermediate\.dense)\.bias$/;

/** `all` includes the embedding layer norm's bias and the pooler's, as the authors' code does. */
export const bitfitTrains =
  ({ headTraining }: MethodBase, { terms }: Bitfit): Trains =>
  (spec) => {
    if (headTrains(spec, headTraining)) return true;
    if (spec.place.kind === 'classifier') return false;
    return terms === 'all' ? spec.name.endsWith('.bias') : SUBSET.test(spec.name);
  };
