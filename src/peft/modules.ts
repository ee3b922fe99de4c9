/** A model as PEFT sees it: its modules by Hugging Face's names, which of them are linear maps, and which are kept whole. */
import type { HeadSpec, ModelConfig } from '../models/config.js';
import type { HeadTraining, ParameterSpec, Place } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';

/** What a method is laid over. */
export interface MethodBase {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  /** `none`: of an adapter that was made for a model with a head and left the head as it was. */
  readonly headTraining: HeadTraining | 'none';
}

/** `torch.nn.Linear` with a bias. */
export interface LinearMap {
  readonly module: string;
  readonly place: Place;
  readonly outputs: number;
  readonly inputs: number;
}

/** Of a parameter: `bert.pooler.dense.weight` -> `bert.pooler.dense`. */
export const moduleOf = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf('.'));

/** Every linear map, from the embeddings up to the head. */
export function linearMaps({ config, head }: Pick<MethodBase, 'config' | 'head'>): LinearMap[] {
  const specs = modelSpecs(config, head);
  const names = new Set(specs.map(({ name }) => name));
  return specs.flatMap(({ name, shape, place }) => {
    const [outputs, inputs] = shape;
    const module = moduleOf(name);
    // An embedding has no bias, a layer norm's weight is a vector.
    if (!name.endsWith('.weight') || inputs === undefined || !names.has(`${module}.bias`)) return [];
    return [{ module, place, outputs: outputs as number, inputs }];
  });
}

/** Modules without parameters, which a pattern may match all the same. */
function plainModules({ config, head }: Pick<MethodBase, 'config' | 'head'>): string[] {
  const type = config.modelType;
  const blocks = Array.from({ length: config.numHiddenLayers }, (_, index) =>
    [
      'attention.self.dropout',
      'attention.output.dropout',
      'intermediate.intermediate_act_fn',
      'output.dropout',
    ].map((name) => `${type}.encoder.layer.${index}.${name}`),
  );
  const ofHead = {
    bert: ['bert.pooler.activation', 'dropout'],
    roberta: ['classifier.dropout'],
    electra: ['classifier.activation', 'classifier.dropout'],
  };
  return [
    `${type}.embeddings.dropout`,
    ...blocks.flat(),
    ...(head.kind === 'classification' ? ofHead[type] : []),
  ];
}

/** The names of PyTorch's `named_modules()` of the model in Hugging Face's transformers, but for the model itself. */
export function moduleNames(base: Pick<MethodBase, 'config' | 'head'>): string[] {
  const paths = [
    ...modelSpecs(base.config, base.head).map(({ name }) => moduleOf(name)),
    ...plainModules(base),
  ].map((module) => module.split('.'));
  const prefixes = paths.flatMap((path) => path.map((_, i) => path.slice(0, i + 1).join('.')));
  return [...new Set(prefixes)];
}

/** PEFT's own list per task type, after BERT's pooler where it trains as part of the head. */
export function headModules({ config, head, headTraining }: MethodBase): string[] {
  if (headTraining === 'none') return [];
  if (head.kind === 'span') return ['qa_outputs'];
  const pooler = config.modelType === 'bert' && headTraining === 'classifier+pooler';
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
export function subLayers({ modelType, numHiddenLayers }: ModelConfig): {
  readonly module: string;
  readonly kind: 'attention' | 'feed-forward';
  readonly index: number;
}[] {
  return Array.from({ length: numHiddenLayers }, (_, index) => {
    const block = `${modelType}.encoder.layer.${index}`;
    return [
      { module: `${block}.attention.output`, kind: 'attention', index },
      { module: `${block}.output`, kind: 'feed-forward', index },
    ] as const;
  }).flat();
}
