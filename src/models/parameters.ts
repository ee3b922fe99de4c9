/** What a model's parameters are called, where they sit, and which of them train. Names are Hugging Face's. */

/** Where a parameter sits. Paper: E, B_1..B_L (here `index` 0..L-1, low to high), H. The pooler is kept apart from the
 * classifier because PEFT methods usually freeze it (see `HeadTraining`). */
export type Place =
  | { readonly kind: 'embeddings' }
  | { readonly kind: 'block'; readonly index: number }
  | { readonly kind: 'pooler' }
  | { readonly kind: 'classifier' };

/** How a fresh tensor is filled. `normal` uses `deviation` (default: the config's `initializerRange`). */
export type Initialiser =
  | { readonly kind: 'normal'; readonly deviation?: number }
  | { readonly kind: 'kaiming-uniform' }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' };

export interface ParameterSpec {
  /** Hugging Face name, e.g. `bert.encoder.layer.3.attention.self.query.weight`. */
  readonly name: string;
  /** Hugging Face layout; a linear map's weight is [out, in]. */
  readonly shape: readonly number[];
  readonly place: Place;
  readonly initialiser: Initialiser;
  /** Weight decay applies: false for biases and LayerNorm, as in Hugging Face's Trainer. */
  readonly decay: boolean;
  /** `base`: belongs to the pre-trained model or its head. `peft`: added by a PEFT method. */
  readonly origin: 'base' | 'peft';
}

/** Tensor values by name, float32, in the layout of the spec. */
export type Parameters = ReadonlyMap<string, Float32Array>;

/** What trains is one predicate over parameters: method AND stage (see {@link both}). */
export type Trains = (spec: ParameterSpec) => boolean;

/** Which head tensors train: the classifier alone (PEFT's default) or pooler and classifier (full fine-tuning). */
export type HeadTraining = 'classifier' | 'classifier+pooler';

export const both =
  (a: Trains, b: Trains): Trains =>
  (spec) =>
    a(spec) && b(spec);

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** Number of scalars in the specs that `trains` lets through (all of them by default). */
export function countParameters(specs: readonly ParameterSpec[], trains: Trains = () => true): number {
  return specs.reduce((sum, spec) => (trains(spec) ? sum + sizeOf(spec.shape) : sum), 0);
}
