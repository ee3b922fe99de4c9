/** What the methods need to know of a block: its linear maps, its sub-layers, and which head tensors train. */
import type { ModelConfig } from '../models/config.js';
import type { HeadTraining, ParameterSpec } from '../models/parameters.js';

export interface BlockLinear {
  readonly module: string;
  /** Name within the block, e.g. `attention.self.query`. */
  readonly name: string;
  /** 0-based block. */
  readonly index: number;
  readonly outputs: number;
  readonly inputs: number;
}

/** Every linear map of every block (HF `BertLayer`). */
export function blockLinears({
  modelType,
  numHiddenLayers,
  hiddenSize: h,
  intermediateSize: i,
}: ModelConfig): BlockLinear[] {
  const maps: [string, number, number][] = [
    ['attention.self.query', h, h],
    ['attention.self.key', h, h],
    ['attention.self.value', h, h],
    ['attention.output.dense', h, h],
    ['intermediate.dense', i, h],
    ['output.dense', h, i],
  ];
  return Array.from({ length: numHiddenLayers }, (_, index) =>
    maps.map(([name, outputs, inputs]) => ({
      module: `${modelType}.encoder.layer.${index}.${name}`,
      name,
      index,
      outputs,
      inputs,
    })),
  ).flat();
}

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

/** Whether a head tensor trains beside a PEFT method. */
export const headTrains = ({ place }: ParameterSpec, head: HeadTraining): boolean =>
  place.kind === 'classifier' || (place.kind === 'pooler' && head === 'classifier+pooler');
