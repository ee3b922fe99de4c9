/**
 * Schedules as values: which blocks, and whether the embeddings, train in which stage. S_t of the paper is what
 * {@link stageTrains} lets through in stage t: parts P_t..P_T and the head. The head trains in every stage.
 */

import { UsageError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import type { Trains } from '../models/parameters.js';
import { permutation, STREAM } from '../random.js';
import * as z from '../schema.js';
import { lisaBlocks } from './lisa.js';
import { partitionParts, partitionSchema } from './partition.js';
import { parts } from './parts.js';

/**
 * When the embeddings E train. The paper's S_t does not say; `always` is the reading that gives its "approximately 25 %" for
 * BERT-base at T = 3. Decision, where the paper is silent: in a growing run the mirror of `first-stage` is the last stage, the one in
 * which all blocks train, so that a growing run updates what a progressive one does, in reverse order.
 */
export const EMBEDDINGS = ['always', 'first-stage', 'never'] as const;

export const scheduleSchema = z.discriminatedUnion('kind', [
  /** Full fine-tuning: everything in every stage. */
  z.object({ kind: z.literal('full'), stages: z.number().int().positive(), embeddings: z.enum(EMBEDDINGS) }),
  /** The paper's: stage t trains P_t..P_T. */
  z.object({
    kind: z.literal('progressive'),
    stages: z.number().int().positive(),
    embeddings: z.enum(EMBEDDINGS),
    /** Absent: equal parts. */
    partition: partitionSchema.optional(),
  }),
  /** The ablation's reverse order: stage t trains P_{T-t+1}..P_T. */
  z.object({
    kind: z.literal('growing'),
    stages: z.number().int().positive(),
    embeddings: z.enum(EMBEDDINGS),
    partition: partitionSchema.optional(),
  }),
  /** As many blocks per stage as `progressive`, drawn from a seed. */
  z.object({
    kind: z.literal('random'),
    stages: z.number().int().positive(),
    embeddings: z.enum(EMBEDDINGS),
    seed: z.number().int().nonnegative(),
  }),
  /** Figure 1: embeddings, head and one block (0-based) in every stage. */
  z.object({
    kind: z.literal('only-block'),
    stages: z.number().int().positive(),
    embeddings: z.enum(EMBEDDINGS),
    block: z.number().int().nonnegative(),
  }),
  /** A baseline: the `blocks` highest blocks in every stage. */
  z.object({
    kind: z.literal('top-blocks'),
    stages: z.number().int().positive(),
    embeddings: z.enum(EMBEDDINGS),
    blocks: z.number().int().positive(),
  }),
  /** A baseline: `layers` blocks, drawn anew every `interval` steps. What is a stage elsewhere is such a period, however many `stages` are. */
  z.object({
    kind: z.literal('lisa'),
    stages: z.number().int().positive(),
    embeddings: z.enum(['always', 'never']),
    layers: z.number().int().positive(),
    interval: z.number().int().positive(),
    seed: z.number().int().nonnegative(),
  }),
]);

/**
 * Which blocks train in which of `stages` stages, and when the embeddings do: the paper's `progressive` (stage t: parts t..T), its reverse
 * `growing`, as many blocks drawn at `random`, `only-block` (0-based), `full` fine-tuning; as baselines the `top-blocks`, and `lisa`. The parts
 * of `progressive` and `growing` are equal ones, or those of a `partition`.
 *
 * @useDeclaredType
 */
export type Schedule = z.infer<typeof scheduleSchema>;
export type ScheduleKind = Schedule['kind'];
export const SCHEDULE_KINDS: readonly ScheduleKind[] = [
  'full',
  'progressive',
  'growing',
  'random',
  'only-block',
  'top-blocks',
  'lisa',
];

/** What of a model its parts are cut from. */
export type BlockCount = Pick<ModelConfig, 'numHiddenLayers'>;

/** Whether the parts are found while the model trains. */
export const isAdaptive = (
  schedule: Schedule,
): schedule is Extract<Schedule, { kind: 'progressive' }> & {
  readonly partition: { readonly kind: 'adaptive' };
} => schedule.kind === 'progressive' && schedule.partition?.kind === 'adaptive';

/**
 * The schedule with its parts as block indices, as {@link trainedBlocks} and what counts with it want them. A schedule of equal parts, or
 * without parts, is as it was.
 * @param contributions of each block from the lowest up, for parts by contribution
 * @throws UsageError for parts that do not fit
 * @example
 * ```ts
 * import { models, progressive } from 'progtuning';
 *
 * const partition = { kind: 'equal-parameters' } as const;
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always', partition } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const cut = progressive.cutSchedule(schedule, config);
 * console.log([1, 2, 3].map((stage) => progressive.trainedBlocks(cut, stage, config).size).join()); // 12,10,5
 * ```
 */
export function cutSchedule(
  schedule: Schedule,
  config: ModelConfig,
  contributions?: readonly number[],
): Schedule {
  if (schedule.kind !== 'progressive' && schedule.kind !== 'growing') return schedule;
  const cut = partitionParts(schedule.partition, schedule, config, contributions);
  return cut ? { ...schedule, partition: { kind: 'given', parts: cut.map((part) => [...part]) } } : schedule;
}

/** Blocks from part `part` (1..T) up. */
function partsFrom(
  { stages, ...schedule }: Schedule,
  part: number,
  { numHiddenLayers }: BlockCount,
): number[] {
  const partition = 'partition' in schedule ? schedule.partition : undefined;
  if (!partition) {
    const first = parts(numHiddenLayers, stages)[part - 1]?.first ?? 0;
    return Array.from({ length: numHiddenLayers - first }, (_, i) => first + i);
  }
  if (partition.kind === 'given')
    return partition.parts
      .slice(part - 1)
      .flat()
      .sort((a, b) => a - b);
  if (partition.kind === 'adaptive')
    throw new UsageError('partition adaptive: what freezes is decided while the model trains');
  throw new UsageError(`partition ${partition.kind}: its parts are not cut yet; see progressive.cutSchedule`);
}

/**
 * 0-based indices of the blocks that train in a stage.
 * @param stage 1..T @throws UsageError when the blocks are cut and T > L, or a block is not there
 * @param model how many blocks there are
 * @example
 * ```ts
 * import { progressive } from 'progtuning';
 *
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * console.log([...progressive.trainedBlocks(schedule, 3, { numHiddenLayers: 12 })].join()); // 8,9,10,11
 * ```
 */
export function trainedBlocks(
  schedule: Schedule,
  stage: number,
  { numHiddenLayers }: BlockCount,
): Set<number> {
  // Only the schedules that cut the blocks are bound by T <= L.
  const from = (part: number): number[] => partsFrom(schedule, part, { numHiddenLayers });
  switch (schedule.kind) {
    case 'full':
      return new Set(topBlocks(numHiddenLayers, numHiddenLayers));
    case 'progressive':
      return new Set(from(stage));
    case 'growing':
      return new Set(from(schedule.stages - stage + 1));
    case 'random': {
      const order = permutation({ seed: schedule.seed, stream: STREAM.sample, step: stage }, numHiddenLayers);
      return new Set(order.slice(0, from(stage).length));
    }
    case 'only-block':
      if (schedule.block >= numHiddenLayers) {
        throw new UsageError(
          `block: ${schedule.block} is not among the ${numHiddenLayers} blocks 0..${numHiddenLayers - 1}`,
        );
      }
      return new Set([schedule.block]);
    case 'top-blocks':
      checkAtMost('blocks', schedule.blocks, numHiddenLayers);
      return new Set(topBlocks(schedule.blocks, numHiddenLayers));
    case 'lisa':
      checkAtMost('lisa-layers', schedule.layers, numHiddenLayers);
      return new Set(lisaBlocks(schedule, stage, numHiddenLayers));
    default:
      throw new Error(`internal: unknown schedule '${schedule satisfies never}'`);
  }
}

const topBlocks = (count: number, numHiddenLayers: number): number[] =>
  Array.from({ length: count }, (_, i) => numHiddenLayers - count + i);

function checkAtMost(name: string, count: number, numHiddenLayers: number): void {
  if (count > numHiddenLayers)
    throw new UsageError(`${name}: ${count} is over the model's ${numHiddenLayers} blocks`);
}

/** Schedules whose stages all train the same blocks, or draw them: `first-stage` is no reading of theirs. */
const ALIKE: readonly ScheduleKind[] = ['full', 'only-block', 'top-blocks', 'lisa'];

/**
 * Whether the embeddings train in a stage.
 * @example
 * ```ts
 * import { progressive } from 'progtuning';
 *
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'first-stage' } as const;
 * console.log(progressive.trainsEmbeddings(schedule, 1), progressive.trainsEmbeddings(schedule, 2)); // true false
 * ```
 */
export function trainsEmbeddings(schedule: Schedule, stage: number): boolean {
  if (schedule.embeddings === 'never') return false;
  if (schedule.embeddings === 'always' || ALIKE.includes(schedule.kind)) return true;
  return stage === (schedule.kind === 'growing' ? schedule.stages : 1);
}

/**
 * What stage t trains, as far as the schedule decides: compose with a method's own predicate by `both`.
 * @throws UsageError as {@link trainedBlocks}
 * @example
 * ```ts
 * import { models, progressive } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * const specs = models.modelSpecs(config, head);
 * console.log(models.countParameters(specs, progressive.stageTrains(schedule, 3, config))); // 52780802
 * ```
 */
export function stageTrains(schedule: Schedule, stage: number, config: BlockCount): Trains {
  const blocks = trainedBlocks(schedule, stage, config);
  const embeddings = trainsEmbeddings(schedule, stage);
  return ({ place }) => {
    if (place.kind === 'block') return blocks.has(place.index);
    return place.kind === 'embeddings' ? embeddings : true;
  };
}

/**
 * The stage (1..T) of an epoch (0-based): one epoch each when T equals the number of epochs, else as even as can be.
 * @param schedule how many stages there are
 * @example
 * ```ts
 * import { progressive } from 'progtuning';
 *
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * console.log([0, 1, 2, 3, 4, 5].map((epoch) => progressive.stageOfEpoch(schedule, epoch, 6)).join()); // 1,1,2,2,3,3
 * ```
 */
export const stageOfEpoch = ({ stages }: Schedule, epoch: number, epochs: number): number =>
  Math.floor((epoch * stages) / epochs) + 1;

/** Checks a schedule against a model before anything is loaded. @param unit of the budget @throws UsageError */
export function checkSchedule(
  schedule: Schedule,
  budget: number,
  config: ModelConfig,
  unit: 'epoch' | 'step' = 'epoch',
): void {
  if (schedule.kind === 'growing' && schedule.partition?.kind === 'adaptive')
    throw new UsageError(
      'partition adaptive: blocks freeze while the model trains, so it goes with progressive',
    );
  // What was found while the model trained has no number of stages to be held against blocks or epochs.
  if (isAdaptive(schedule)) return;
  const measured = new Array<number>(config.numHiddenLayers).fill(0);
  trainedBlocks(cutSchedule(schedule, config, measured), 1, config);
  if (schedule.kind !== 'lisa' && schedule.stages > budget) {
    throw new UsageError(
      `stages: ${schedule.stages} stages do not fit in ${budget} ${unit}s; a stage takes at least one ${unit}`,
    );
  }
}
