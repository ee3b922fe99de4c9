/** What a model is built of, by PyTorch's module names: its parameters and its linear maps follow from the list. */
import type { Initialiser, ParameterSpec, Place } from './parameters.js';

/** How the weight of a linear map lies: [out, in] as in `torch.nn.Linear`, or [in, out] as in GPT-2's `Conv1D`. */
export type WeightLayout = 'out-in' | 'in-out';

/** A linear map, with a bias or without. */
export interface LinearMap {
  readonly module: string;
  readonly place: Place;
  readonly outputs: number;
  readonly inputs: number;
  readonly layout: WeightLayout;
  readonly bias: boolean;
}

/** A module with parameters of its own. */
export type Module =
  | (LinearMap & {
      readonly kind: 'linear';
      /** Standard deviation of a fresh weight. Default: the config's. */
      readonly deviation?: number;
    })
  /** A table [rows, size]: of a look-up, or the output embedding that the vocabulary's logits come from. */
  | {
      readonly kind: 'embedding';
      readonly module: string;
      readonly place: Place;
      readonly rows: number;
      readonly size: number;
      /** As of a linear map. */
      readonly deviation?: number;
    }
  | {
      readonly kind: 'norm';
      readonly module: string;
      readonly place: Place;
      readonly size: number;
      readonly bias: boolean;
    }
  /** A bias alone. */
  | { readonly kind: 'bias'; readonly module: string; readonly place: Place; readonly size: number };

/** `torch.nn.Linear` with a bias, unless `more` says otherwise. */
export const linearMap = (
  module: string,
  outputs: number,
  inputs: number,
  place: Place,
  more: Partial<Pick<Extract<Module, { kind: 'linear' }>, 'layout' | 'bias' | 'deviation'>> = {},
): Module => ({ kind: 'linear', module, outputs, inputs, place, layout: 'out-in', bias: true, ...more });

export const embedding = (
  module: string,
  rows: number,
  size: number,
  place: Place,
  more: Partial<Pick<Extract<Module, { kind: 'embedding' }>, 'deviation'>> = {},
): Module => ({ kind: 'embedding', module, rows, size, place, ...more });

/** Layer norm, or RMS norm, which has no bias. */
export const norm = (module: string, size: number, place: Place, bias = true): Module => ({
  ...{ kind: 'norm', module, size, place, bias },
});

const normal: Initialiser = { kind: 'normal' };
const zeros: Initialiser = { kind: 'zeros' };
const ones: Initialiser = { kind: 'ones' };

const drawnWith = ({ deviation }: { readonly deviation?: number }): Initialiser =>
  deviation === undefined ? normal : { kind: 'normal', deviation };

/** A module's parameters: the weight first. */
export function specsOf(module: Module): ParameterSpec[] {
  const { place } = module;
  const weight = (shape: readonly number[], initialiser = normal): ParameterSpec => ({
    name: `${module.module}.weight`,
    ...{ shape, place, initialiser, decay: true, origin: 'base' },
  });
  const bias = (size: number): ParameterSpec => ({
    ...weight([size], zeros),
    name: `${module.module}.bias`,
    decay: false,
  });
  switch (module.kind) {
    case 'linear': {
      const { outputs, inputs, layout } = module;
      const drawn = weight(layout === 'out-in' ? [outputs, inputs] : [inputs, outputs], drawnWith(module));
      return module.bias ? [drawn, bias(outputs)] : [drawn];
    }
    case 'embedding':
      return [weight([module.rows, module.size], drawnWith(module))];
    case 'norm': {
      const scale = { ...weight([module.size], ones), decay: false };
      return module.bias ? [scale, bias(module.size)] : [scale];
    }
    case 'bias':
      return [bias(module.size)];
    default:
      throw new Error(`internal: unknown module '${module satisfies never}'`);
  }
}
