/** Made-up runs, with and without records. */
import type { LedgerRecord } from '../../src/experiments/ledger.js';
import type { GridCell } from '../../src/experiments/notebook-runs.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import type { Schedule } from '../../src/progressive/schedule.js';

export interface Made {
  readonly task?: string;
  readonly model?: string;
  readonly schedule: Partial<Schedule>;
  readonly seed: number;
  readonly method?: 'full' | 'bitfit';
  readonly data?: string;
  readonly warmupRatio?: number;
  readonly decay?: 'linear' | 'constant';
  readonly epochs?: number;
  /** Undefined: not run. */
  readonly accuracy?: number;
  /** Others than accuracy. */
  readonly metrics?: LedgerRecord['metrics'];
  readonly timed?: true;
}

export function cell({
  task = 'sst2',
  model = 'm',
  schedule,
  seed,
  method = 'full',
  data = 'embedded',
  warmupRatio = 0.1,
  decay = 'linear',
  epochs = 3,
  accuracy,
  metrics,
  timed,
}: Made): GridCell {
  const chosen = method === 'full' ? { kind: method } : { kind: method, terms: 'all' as const };
  const learningRateSchedule = { kind: decay, warmupRatio };
  const settings = { method: chosen, learningRateSchedule, epochs };
  const spec = runSpec({ task, data, model, seed, schedule, ...settings });
  if (accuracy === undefined && !metrics) return { spec };
  const record: LedgerRecord = {
    ...{
      key: '0123456789abcdef',
      spec,
      hashes: {},
      metrics: metrics ?? { accuracy: accuracy ?? null },
      undefinedMetrics: {},
      trainExamples: 10,
      dataReport: {},
    },
    ...{ totalParameters: 9e6, trainableParameters: 9e6, headParameters: 1 },
    ...{ updatedParameters: [9e6, 6e6, 3e6], savedFraction: 1 / 3, steps: 3, losses: [] },
    ...{ seconds: 9, secondsPerEpoch: [3, 2, 1], peakBytes: 2 ** 30 },
    machine: { processor: 'cpu', threads: 2, memoryBytes: 1, node: 'v20' },
    versions: {},
    ...(timed ? { timed } : {}),
  };
  return { spec, record };
}

export const pair = (
  seed: number,
  full: number,
  progressive: number,
  more: Partial<Made> = {},
): GridCell[] => [
  cell({ schedule: { kind: 'full' }, seed, accuracy: full, ...more }),
  cell({ schedule: { kind: 'progressive' }, seed, accuracy: progressive, ...more }),
];
