/** What changes while a model trains: the values of its parameters, and for those that ever train a gradient and two moments. */
import { Arena, arenaBytes } from '../engine/arena.js';
import { type ParameterSpec, type Parameters, sizeOf, type Trains } from '../models/parameters.js';

/** A parameter that trains in some stage. All four arrays lie in one arena. */
export interface TrainedTensor {
  readonly spec: ParameterSpec;
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
}

export interface TrainingState {
  /** Every parameter's current value; those in `trained` are the same arrays as their `p`. */
  readonly parameters: Parameters;
  readonly trained: ReadonlyMap<string, TrainedTensor>;
}

/** A tensor and its three companions may not cross arenas; one arena holds at most this many bytes unless a tensor needs more. */
const ARENA_BYTES = 2 ** 30;

/** Cuts specs into runs that fit an arena. */
function groups(specs: readonly ParameterSpec[]): ParameterSpec[][] {
  const result: ParameterSpec[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const spec of specs) {
    const need = 4 * arenaBytes(sizeOf(spec.shape));
    if (bytes + need > ARENA_BYTES) {
      result.push([]);
      bytes = 0;
    }
    result[result.length - 1]?.push(spec);
    bytes += need;
  }
  return result;
}

/** @param everTrains which parameters train in at least one stage: only these take memory for gradient and moments */
export function createTrainingState(
  specs: readonly ParameterSpec[],
  values: Parameters,
  everTrains: Trains,
): TrainingState {
  const parameters = new Map(values);
  const trained = new Map<string, TrainedTensor>();
  for (const group of groups(specs.filter(everTrains))) {
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
      trained.set(spec.name, { spec, arena, arrays, steps: 0 });
    }
  }
  return { parameters, trained };
}
