/** Schedules as a reader sees them. */
import type { Partition } from './partition.js';
import type { Schedule } from './schedule.js';

/** `progressive`, `only-block 3`, `top-blocks 4`, `lisa 2 every 20`, `progressive by contribution fisher`: what tells schedules of a grid apart. */
export function scheduleText(schedule: Schedule): string {
  switch (schedule.kind) {
    case 'only-block':
      return `only-block ${schedule.block}`;
    case 'top-blocks':
      return `top-blocks ${schedule.blocks}`;
    case 'lisa':
      return `lisa ${schedule.layers} every ${schedule.interval}`;
    case 'progressive':
    case 'growing':
      return schedule.partition ? `${schedule.kind} by ${partitionText(schedule.partition)}` : schedule.kind;
    default:
      return schedule.kind;
  }
}

/** `equal-parameters`, `contribution fisher`, `adaptive plasticity 0.2`. */
function partitionText(partition: Partition): string {
  if (partition.kind === 'contribution') return `contribution ${partition.estimate}`;
  if (partition.kind === 'adaptive') return `adaptive ${partition.rule} ${partition.threshold}`;
  if (partition.kind === 'stacks') return `stacks ${partition.over}`;
  return partition.kind === 'given' ? `given parts ${JSON.stringify(partition.parts)}` : partition.kind;
}
