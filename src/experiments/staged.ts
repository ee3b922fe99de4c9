/** Settings of how a run goes from stage to stage: which go together, and what is dropped because it is at its default. */
import { UsageError } from '../errors.js';
import type { Schedule } from '../progressive/schedule.js';
import type { RunSpec } from './run-spec.js';

/** Settings of a schedule -> the kinds that have them. */
const OF_KINDS: Readonly<Record<string, readonly string[]>> = {
  partition: ['progressive', 'growing'],
  block: ['only-block'],
  blocks: ['top-blocks'],
  layers: ['lisa'],
  interval: ['lisa'],
};

/** @throws UsageError for a setting that the kind of schedule has not */
export function checkStaged(schedule: Partial<Schedule> = {}): void {
  const kind = schedule.kind ?? 'progressive';
  for (const [name, value] of Object.entries(schedule)) {
    const kinds = OF_KINDS[name];
    if (value === undefined || !kinds || kinds.includes(kind)) continue;
    throw new UsageError(`run: schedule.${name} is of schedule ${kinds.join(' and ')}, not of ${kind}`);
  }
}

/** Without what says nothing. @throws UsageError for rates that do not fit the stages */
export function staged(spec: RunSpec): RunSpec {
  const { learningRateStages: rates, schedule } = spec;
  if (!rates) return spec;
  const { learningRateStages: _idle, ...others } = spec;
  const { restart, peaks } = rates;
  if (!restart && !peaks) return others;
  if (schedule.kind === 'lisa')
    throw new UsageError('run: learningRateStages: lisa draws blocks anew every few steps and has no stages');
  if (peaks && peaks.length !== schedule.stages)
    throw new UsageError(
      `run: learningRateStages.peaks: ${peaks.length} factors are given for ${schedule.stages} stages`,
    );
  return spec;
}
