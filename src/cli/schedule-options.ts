/** `--schedule --stages --embeddings` and what they mean. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { EMBEDDINGS, SCHEDULE_KINDS, type Schedule } from '../progressive/schedule.js';
import { wholeNumber } from './numbers.js';

export interface ScheduleFlags {
  readonly schedule: Schedule['kind'];
  readonly stages?: number;
  readonly embeddings: Schedule['embeddings'];
  readonly block?: number;
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
    .option('--block <index>', 'the one block that trains, from 0 (only-block)', wholeNumber('block', 0));

/** @param epochs the default for T @param seed draws the blocks of `random` @throws UsageError for a block without `only-block`, or the reverse */
export function scheduleOf(
  { schedule: kind, stages, embeddings, block }: ScheduleFlags,
  epochs: number,
  seed: number,
): Schedule {
  const shared = { stages: stages ?? epochs, embeddings };
  if (block !== undefined && kind !== 'only-block')
    throw new UsageError(`--block is an option of --schedule only-block, not of --schedule ${kind}`);
  if (kind === 'random') return { kind, ...shared, seed };
  if (kind === 'only-block') {
    if (block === undefined) throw new UsageError('--schedule only-block needs --block, an index from 0');
    return { kind, ...shared, block };
  }
  return { kind, ...shared };
}
