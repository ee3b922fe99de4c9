/** `--schedule --stages --embeddings --partition` and what goes with them, and what they mean. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { FREEZE_THRESHOLDS, FREEZING_RULES, type FreezingRule } from '../progressive/adaptive.js';
import { ESTIMATES, type Estimate } from '../progressive/contribution.js';
import { LISA_DEFAULTS } from '../progressive/lisa.js';
import { MEASURED_EXAMPLES, PARTITION_KINDS, type Partition } from '../progressive/partition.js';
import { EMBEDDINGS, SCHEDULE_KINDS, type Schedule } from '../progressive/schedule.js';
import { STACKS, type Stacks } from '../progressive/stacks.js';
import { nonNegativeNumber, wholeNumber } from './numbers.js';

export interface ScheduleFlags {
  readonly schedule: Schedule['kind'];
  readonly stages?: number;
  readonly embeddings: Schedule['embeddings'];
  readonly block?: number;
  readonly topBlocks?: number;
  readonly lisaLayers?: number;
  readonly lisaInterval?: number;
  readonly partition?: (typeof PARTITION_KINDS)[number];
  readonly contributionEstimate?: Estimate;
  readonly contributionExamples?: number;
  readonly freezeRule?: FreezingRule;
  readonly freezeThreshold?: number;
  readonly stacks?: Stacks;
}

export const addScheduleOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--schedule <kind>', 'what trains when').choices(SCHEDULE_KINDS).default('progressive'),
    )
    .option(
      '--stages <T>',
      'stages T, one part of the blocks each (default: one per epoch)',
      wholeNumber('stages', 1),
    )
    .addOption(
      new Option('--embeddings <when>', 'when the embeddings train').choices(EMBEDDINGS).default('always'),
    )
    .option('--block <index>', 'the one block that trains, from 0 (only-block)', wholeNumber('block', 0))
    .option(
      '--top-blocks <k>',
      'how many of the highest blocks train (top-blocks)',
      wholeNumber('top-blocks', 1),
    )
    .option(
      '--lisa-layers <n>',
      `blocks that train at a time (lisa; default: ${LISA_DEFAULTS.layers})`,
      wholeNumber('lisa-layers', 1),
    )
    .option(
      '--lisa-interval <steps>',
      `steps until other blocks are drawn (lisa; default: ${LISA_DEFAULTS.interval})`,
      wholeNumber('lisa-interval', 1),
    )
    .addOption(
      new Option(
        '--partition <kind>',
        'which blocks make up a part: as many each (equal, the default), as many scalars each, least contribution first, or what hardly moves any more',
      ).choices(PARTITION_KINDS),
    )
    .addOption(
      new Option(
        '--stacks <kind>',
        'what the equal parts of an encoder-decoder are cut from: both stacks in one row, the encoder below the decoder (joined, the default), either stack by itself, or the decoder, whose lowest part has the encoder',
      ).choices(STACKS),
    )
    .addOption(
      new Option(
        '--contribution-estimate <kind>',
        'what --partition contribution measures on training data before the first step (default: gradient-norm)',
      ).choices(ESTIMATES),
    )
    .option(
      '--contribution-examples <n>',
      `training examples that are measured on (default: ${MEASURED_EXAMPLES}; only-block: all)`,
      wholeNumber('contribution-examples', 2),
    )
    .addOption(
      new Option(
        '--freeze-rule <kind>',
        'what --partition adaptive measures at the end of each stage: change of the gradient norm, as AutoFreeze (default), or plasticity, as Egeria',
      ).choices(FREEZING_RULES),
    )
    .option(
      '--freeze-threshold <number>',
      `what hardly moves: below this percentile of the blocks that train (gradient-norm, default: ${FREEZE_THRESHOLDS['gradient-norm']}), or below this share of the largest change (plasticity, default: ${FREEZE_THRESHOLDS.plasticity})`,
      nonNegativeNumber('freeze-threshold'),
    );

/** A flag, whether it was given, and what it is an option of. */
type Stray = readonly [flag: string, given: unknown, of: string, isOf: boolean];

/** @throws UsageError for a flag whose schedule or partition was not asked for */
function checkStray(flags: ScheduleFlags): void {
  const { schedule, partition } = flags;
  const parted = schedule === 'progressive' || schedule === 'growing';
  const strays: readonly Stray[] = [
    ['--block', flags.block, '--schedule only-block', schedule === 'only-block'],
    ['--top-blocks', flags.topBlocks, '--schedule top-blocks', schedule === 'top-blocks'],
    ['--lisa-layers', flags.lisaLayers, '--schedule lisa', schedule === 'lisa'],
    ['--lisa-interval', flags.lisaInterval, '--schedule lisa', schedule === 'lisa'],
    ['--partition', partition, '--schedule progressive or growing', parted],
    ['--stacks', flags.stacks, '--schedule progressive or growing', parted],
    ['--stacks', flags.stacks, '--partition equal', (partition ?? 'equal') === 'equal'],
    [
      '--contribution-estimate',
      flags.contributionEstimate,
      '--partition contribution',
      partition === 'contribution',
    ],
    [
      '--contribution-examples',
      flags.contributionExamples,
      '--partition contribution or adaptive',
      partition === 'contribution' || partition === 'adaptive',
    ],
    ['--freeze-rule', flags.freezeRule, '--partition adaptive', partition === 'adaptive'],
    ['--freeze-threshold', flags.freezeThreshold, '--partition adaptive', partition === 'adaptive'],
  ];
  const stray = strays.find(([, given, , isOf]) => given !== undefined && !isOf);
  if (!stray) return;
  const [flag, , of] = stray;
  const other = of.startsWith('--schedule')
    ? `--schedule ${schedule}`
    : `--partition ${partition ?? 'equal'}`;
  throw new UsageError(`${flag} is an option of ${of}, not of ${other}`);
}

function partitionOf(flags: ScheduleFlags): { readonly partition?: Partition } {
  const { partition: kind, contributionEstimate, contributionExamples, freezeRule, freezeThreshold } = flags;
  const { stacks = 'joined' } = flags;
  const examples = contributionExamples === undefined ? {} : { examples: contributionExamples };
  if (kind === 'equal-parameters') return { partition: { kind } };
  if (kind === 'contribution')
    return { partition: { kind, estimate: contributionEstimate ?? 'gradient-norm', ...examples } };
  if (kind !== 'adaptive') return stacks === 'joined' ? {} : { partition: { kind: 'stacks', over: stacks } };
  const rule = freezeRule ?? 'gradient-norm';
  const threshold = freezeThreshold ?? FREEZE_THRESHOLDS[rule];
  const most = rule === 'gradient-norm' ? 100 : 1;
  if (threshold > most)
    throw new UsageError(
      `--freeze-threshold: ${threshold} is over ${most}, the most of --freeze-rule ${rule}`,
    );
  if (rule === 'gradient-norm' && contributionExamples !== undefined)
    throw new UsageError(
      '--contribution-examples: --freeze-rule gradient-norm measures on the steps themselves; it goes with plasticity',
    );
  return { partition: { kind, rule, threshold, ...examples } };
}

/**
 * @param stages T @param seed draws the blocks of `random` and `lisa`
 * @throws UsageError for a flag of another schedule or partition, or one that is missing
 */
export function scheduleOf(flags: ScheduleFlags, stages: number, seed: number): Schedule {
  const { schedule: kind, embeddings, block, topBlocks } = flags;
  checkStray(flags);
  const shared = { stages, embeddings };
  switch (kind) {
    case 'random':
      return { kind, ...shared, seed };
    case 'only-block':
      if (block === undefined) throw new UsageError('--schedule only-block needs --block, an index from 0');
      return { kind, ...shared, block };
    case 'top-blocks':
      if (topBlocks === undefined)
        throw new UsageError(
          '--schedule top-blocks needs --top-blocks, how many of the highest blocks train',
        );
      return { kind, ...shared, blocks: topBlocks };
    case 'lisa': {
      if (embeddings === 'first-stage')
        throw new UsageError('--embeddings first-stage: --schedule lisa has no stages; take always or never');
      const { lisaLayers: layers = LISA_DEFAULTS.layers, lisaInterval: interval = LISA_DEFAULTS.interval } =
        flags;
      return { kind, ...shared, embeddings, layers, interval, seed };
    }
    case 'progressive':
    case 'growing':
      return { kind, ...shared, ...partitionOf(flags) };
    default:
      return { kind, ...shared };
  }
}
