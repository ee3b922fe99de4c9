/** A model as PEFT sees it: its modules by Hugging Face's names, which of them are linear maps, and which are kept whole. */
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import type { SubLayer } from '../models/family.js';
import type { LinearMap } from '../models/modules.js';
import type { HeadTraining, ParameterSpec } from '../models/parameters.js';
import { modelModules, modelSpecs } from '../models/specs.js';

/** What a method is laid over. */
export interface MethodBase {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  /** `none`: of an adapter that was made for a model with a head and left the head as it was. */
  readonly headTraining: HeadTraining | 'none';
}

/** Of a parameter: `bert.pooler.dense.weight` -> `bert.pooler.dense`. */
export const moduleOf = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf('.'));

type ModelAndHead = Pick<MethodBase, 'config' | 'head'>;

/** Every linear map, from the embeddings up to the head. */
export const linearMaps = ({ config, head }: ModelAndHead): LinearMap[] =>
  modelModules(config, head).filter((module) => module.kind === 'linear');

/** The layer norms, or RMS norms, of the blocks. */
export const blockNorms = ({ config, head }: ModelAndHead): string[] =>
  modelModules(config, head).flatMap(({ kind, place, module }) =>
    kind === 'norm' && place.kind === 'block' ? [module] : [],
  );

/** A linear map's name within its block, e.g. `attention.self.query`; outside of blocks without the model's own: `pooler.dense`. */
export const nameInBlock = ({ config }: ModelAndHead, { module, place }: LinearMap): string =>
  place.kind === 'block'
    ? module.slice(familyOf(config).blockName(config, place.index).length + 1)
    : module.replace(/^\w+\./, '');

/** The names of PyTorch's `named_modules()` of the model in Hugging Face's transformers, but for the model itself. */
export function moduleNames({ config, head }: ModelAndHead): string[] {
  const paths = [
    ...modelSpecs(config, head).map(({ name }) => moduleOf(name)),
    ...familyOf(config).plainModules(config, head),
  ].map((module) => module.split('.'));
  const prefixes = paths.flatMap((path) => path.map((_, i) => path.slice(0, i + 1).join('.')));
  return [...new Set(prefixes)];
}

/** PEFT's own list per task type, after BERT's pooler where it trains as part of the head. */
export function headModules({ config, head, headTraining }: MethodBase): string[] {
  if (headTraining === 'none' || head.kind === 'causal-lm' || head.kind === 'seq2seq-lm') return [];
  if (head.kind === 'span') return ['qa_outputs'];
  const pooler = familyOf(config).pooler !== undefined && headTraining === 'classifier+pooler';
  return [...(pooler ? ['pooler'] : []), 'classifier', 'score'];
}

/** Whether a module is another, or lies inside it. */
export const isWithin = (module: string, outer: string): boolean =>
  module === outer || module.startsWith(`${outer}.`);

/** Whether a head tensor trains beside a PEFT method. */
export const headTrains = ({ place }: ParameterSpec, head: MethodBase['headTraining']): boolean =>
  head !== 'none' &&
  (place.kind === 'classifier' || (place.kind === 'pooler' && head === 'classifier+pooler'));

/** Sub-layers of every block: where an adapter can sit. */
export const subLayers = (config: ModelConfig): SubLayer[] =>
  Array.from({ length: config.numHiddenLayers }, (_, index) =>
    familyOf(config).subLayers(config, index),
  ).flat();
