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
      metrics: metrics ?? (accuracy === undefined ? {} : { accuracy }),
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

/** A run that updated so many billions of scalars. @param seconds undefined: not timed */
function spent(made: Made, updates: number, seconds?: number): GridCell {
  const { spec, record } = cell({ ...made, ...(seconds === undefined ? {} : { timed: true }) });
  const steps = 100;
  const trainableParameters = (updates * 1e9) / steps;
  return {
    spec,
    record: {
      ...(record as LedgerRecord),
      ...{ steps, trainableParameters, savedFraction: 0, secondsPerEpoch: [seconds ?? 1] },
    },
  };
}

const SEEDS = [0, 1, 2, 3, 4];
const TASKS = ['sst2', 'rte'];
const each = (of: (seed: number, task: string) => GridCell[]): GridCell[] =>
  SEEDS.flatMap((seed) => TASKS.flatMap((task) => of(seed, task)));

/** Runs of four budgets. Full fine-tuning scores 0.70 with 20 and 0.80 with 30 billion updates; its line is at 0.75 with 25. */
export const budgetCells = (): GridCell[] =>
  each((seed, task) => {
    const noise = 0.001 * seed;
    return [
      spent({ task, seed, schedule: { kind: 'full' }, epochs: 2, accuracy: 0.7 + noise }, 20, 20),
      spent({ task, seed, schedule: { kind: 'full' }, epochs: 3, accuracy: 0.8 + noise }, 30, 30),
      spent(
        { task, seed, schedule: { kind: 'progressive' }, accuracy: 0.78 + noise + (seed % 2) * 0.001 },
        25,
        22,
      ),
      spent({ task, seed, schedule: { kind: 'top-blocks', blocks: 4 }, accuracy: 0.78 + noise }, 25.2),
    ];
  });
