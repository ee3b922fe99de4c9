/** What changes while a model trains: the values of its parameters, and for those that ever train a gradient and two moments. */
import { Arena, arenaBytes } from '../engine/arena.js';
import { type ParameterSpec, type Parameters, sizeOf, type Trains } from '../models/parameters.js';

/** A parameter that trains in some stage. All four arrays lie in one arena. */
export interface TrainedTensor {
  readonly spec: ParameterSpec;
  /** @internal */
  readonly arena: Arena;
  /** p value, g gradient (the engine writes it), m and v AdamW's moments. */
  readonly arrays: {
    readonly p: Float32Array;
    readonly g: Float32Array;
    readonly m: Float32Array;
    readonly v: Float32Array;
  };
  /** AdamW steps taken on this tensor. */
  steps: number;
  /** Its share of the learning rate, 0..1: below 1 under layer-wise decay. */
  readonly rateFactor: number;
}

/** Values of all parameters; gradients and AdamW's moments of those that train. */
export interface TrainingState {
  /** Every parameter's current value; those in `trained` are the same arrays as their `p`. */
  readonly parameters: Parameters;
  /** What still trains, now or later. */
  readonly trained: ReadonlyMap<string, TrainedTensor>;
  /** What trained at any time, in the order of the model. */
  readonly everTrained: readonly ParameterSpec[];
  /** Gives back the gradients and moments of what trains no more; the values stay. @param trains which parameters still train */
  retire(trains: Trains): void;
  /** What {@link keepBest} kept last; undefined before. */
  readonly best: Parameters | undefined;
  /** Keeps a copy of everything that has trained. @param values default: those of now */
  keepBest(values?: Parameters): void;
  /** Puts back what was kept; nothing where nothing was. */
  restoreBest(): void;
}

/** Most bytes of an arena, unless one tensor with its three companions needs more: these may not cross arenas. */
const ARENA_BYTES = 2 ** 30;

/** Cuts specs into runs that fit an arena. Each block has its own, so that its memory can be given back when it trains no more. */
function groups(specs: readonly ParameterSpec[]): ParameterSpec[][] {
  const placeOf = ({ place }: ParameterSpec): string =>
    place.kind === 'block' ? `block ${place.index}` : place.kind;
  const open = new Map<string, { readonly specs: ParameterSpec[]; bytes: number }>();
  const result: ParameterSpec[][] = [];
  for (const spec of specs) {
    const need = 4 * arenaBytes(sizeOf(spec.shape));
    const place = placeOf(spec);
    let group = open.get(place);
    if (!group || group.bytes + need > ARENA_BYTES) {
      group = { specs: [], bytes: 0 };
      open.set(place, group);
      result.push(group.specs);
    }
    group.specs.push(spec);
    group.bytes += need;
  }
  return result;
}

/**
 * Makes room for training, and copies the values into it.
 * @param everTrains which parameters train in at least one stage: only these take memory for gradient and moments
 * @param rateFactor a parameter's share of the learning rate
 * @throws DataError where memory does not suffice
 * @example
 * ```ts
 * import { models, training } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const state = training.createTrainingState(specs, parameters, ({ place }) => place.kind !== 'embeddings');
 * console.log(state.everTrained[0].name); // bert.encoder.layer.0.attention.self.query.weight
 * ```
 */
export function createTrainingState(
  specs: readonly ParameterSpec[],
  values: Parameters,
  everTrains: Trains,
  rateFactor: (spec: ParameterSpec) => number = () => 1,
): TrainingState {
  const parameters = new Map(values);
  const trained = new Map<string, TrainedTensor>();
  const everTrained = specs.filter(everTrains);
  for (const group of groups(everTrained)) {
    const [first, last] = [group[0]?.name, group.at(-1)?.name];
    const arena = new Arena(
      group.reduce((sum, spec) => sum + 4 * arenaBytes(sizeOf(spec.shape)), 0),
      {
        purpose: `values, gradients and moments of '${first}' to '${last}'`,
        remedy: 'take a smaller model, or a method that trains less (--method lora)',
      },
    );
    for (const spec of group) {
      const count = sizeOf(spec.shape);
      const arrays = {
        p: arena.array(count),
        g: arena.array(count),
        m: arena.array(count),
        v: arena.array(count),
      };
      arrays.p.set(values.get(spec.name) as Float32Array);
      parameters.set(spec.name, arrays.p);
      trained.set(spec.name, { spec, arena, arrays, steps: 0, rateFactor: rateFactor(spec) });
    }
  }
  let best: Map<string, Float32Array> | undefined;
  return {
    parameters,
    trained,
    everTrained,
    get best() {
      return best;
    },
    keepBest(values = parameters) {
      best ??= new Map(everTrained.map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));
      for (const [name, kept] of best) kept.set(values.get(name) as Float32Array);
    },
    restoreBest() {
      for (const [name, kept] of best ?? []) parameters.get(name)?.set(kept);
    },
    retire(trains) {
      for (const [name, { spec, arrays }] of trained) {
        if (trains(spec)) continue;
        parameters.set(name, Float32Array.from(arrays.p));
        trained.delete(name);
      }
    },
  };
}
