/** What a model's parameters are called, where they sit, and which of them train. Names are Hugging Face's. */

/** Where a parameter sits. Paper: E, B_1..B_L (here `index` 0..L-1, low to high), H. The pooler is kept apart from the
 * classifier because PEFT methods usually freeze it (see `HeadTraining`), and so is `final`: a decoder's last norm and an output
 * embedding of its own, which belong to the pre-trained model. All three train in every stage. */
export type Place =
  | { readonly kind: 'embeddings' }
  | { readonly kind: 'block'; readonly index: number }
  | { readonly kind: 'final' }
  | { readonly kind: 'pooler' }
  | { readonly kind: 'classifier' };

/** How a fresh tensor is filled. `normal` uses `deviation` (default: the config's `initializerRange`). */
export type Initialiser =
  | { readonly kind: 'normal'; readonly deviation?: number }
  | { readonly kind: 'kaiming-uniform' }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' };

/** A parameter without its values. */
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

/**
 * What two predicates both let through: method AND stage.
 * @example
 * ```ts
 * import { models, peft, progressive } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * const method = peft.methodTrains({ config, head, headTraining: 'classifier' }, peft.BITFIT_DEFAULTS);
 * const trains = progressive.both(method, progressive.stageTrains(schedule, 3, config));
 * console.log(models.countParameters(models.modelSpecs(config, head), trains)); // 36866
 * ```
 */
export const both =
  (a: Trains, b: Trains): Trains =>
  (spec) =>
    a(spec) && b(spec);

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/**
 * Number of scalars in the specs that `trains` lets through (all of them by default).
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const specs = models.modelSpecs(config, head);
 * console.log(models.countParameters(specs)); // 109483778
 * console.log(models.countParameters(specs, ({ place }) => place.kind === 'embeddings')); // 23837184
 * ```
 */
export function countParameters(specs: readonly ParameterSpec[], trains: Trains = () => true): number {
  return specs.reduce((sum, spec) => (trains(spec) ? sum + sizeOf(spec.shape) : sum), 0);
}
