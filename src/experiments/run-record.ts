/** What a run leaves behind: its spec, what it gave, and on what machine. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { CompileOptions } from '../engine/compile.js';
import { gpusOf } from '../engine/device.js';
import type { ClassReport } from '../metrics/classes.js';
import type { Metrics } from '../metrics/metrics.js';
import * as z from '../schema.js';
import type { StepRecord } from '../training/fit.js';
import type { EvaluationRecord } from '../training/selection.js';
import type { RunIdentity } from './identity.js';
import type { StageRecord } from './run-events.js';
import type { RunSpec } from './run-spec.js';

/** What a run gave, and on what it was made: the value that `run.json` holds. */
export interface RunRecord {
  readonly spec: RunSpec;
  /** Everything that the numbers depend on. */
  readonly identity: RunIdentity;
  /** sha256 of each file read: model weights and data splits. */
  readonly hashes: Readonly<Record<string, string>>;
  /** By Hugging Face's names; MNLI's mismatched metrics end in `_mm`. Undefined ones are left out. */
  readonly metrics: Metrics;
  /** Why a metric is undefined, by its name: `one class predicted (1)`. */
  readonly undefinedMetrics: Readonly<Record<string, string>>;
  /** Of own classes, by split: precision, recall, F1, confusion. */
  readonly classReports?: Readonly<Record<string, ClassReport>>;
  /** Rows or questions of the training split. */
  readonly trainExamples: number;
  /**
   * SQuAD: windows, answers lost by truncation or not at their place ... (`WindowReport`). GLUE: lines that are no ordinary rows
   * (`RowReport`), by split, where there are any: `train.brokenRows`.
   */
  readonly dataReport: Readonly<Record<string, number>>;
  readonly totalParameters: number;
  readonly trainableParameters: number;
  readonly headParameters: number;
  /** Scalars updated in each epoch. */
  readonly updatedParameters: readonly number[];
  readonly savedFraction: number;
  readonly steps: readonly StepRecord[];
  readonly stepsPerEpoch: number;
  /** As planned for the whole budget; where blocks freeze for what is measured, as they trained. */
  readonly stages: readonly StageRecord[];
  /** Of each block from the lowest up, where the parts are by them. */
  readonly contributions?: readonly number[];
  /** How many low blocks were frozen after each stage, where they freeze for what is measured. */
  readonly frozenBlocks?: readonly number[];
  /** While it trained. */
  readonly evaluations: readonly EvaluationRecord[];
  /** The evaluation whose weights the run left, where they were chosen. */
  readonly best?: { readonly step: number; readonly value: number };
  readonly seconds: number;
  readonly secondsPerEpoch: readonly number[];
  /** Peak resident memory while each epoch ran, in bytes. */
  readonly peakBytesPerEpoch: readonly number[];
  /** Peak resident memory of the process, in bytes. */
  readonly peakBytes: number;
  /** Tensors that the checkpoint did not hold. */
  readonly initialised: readonly string[];
  readonly machine: Machine;
}

/** {@link Machine} as records hold it. */
export const machineSchema = z.object({
  processor: z.string(),
  threads: z.number(),
  memoryBytes: z.number(),
  node: z.string(),
  /** Where the programs ran, if not on the CPU. */
  device: z.string().optional(),
  /** Which cards of its host a run saw, as `CUDA_VISIBLE_DEVICES` has them. */
  gpus: z.string().optional(),
});

/** What a run was made on. Memory in bytes; `threads` as used. */
export type Machine = Readonly<z.infer<typeof machineSchema>>;

/** The processor by what tells its generation apart: `AMD EPYC, family 25 model 17`; its name alone where Linux does not say more. */
export function processorName(): string {
  const name = os.cpus()[0]?.model.trim() ?? 'unknown';
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const of = (field: string): string | undefined =>
      new RegExp(`^${field}\\s*: (\\d+)$`, 'm').exec(text)?.[1];
    const [family, model] = [of('cpu family'), of('model')];
    return family && model ? `${name}, family ${family} model ${model}` : name;
  } catch {
    return name;
  }
}

/** The machine that a run is made on. @param threads as asked for; 0: one per core */
export const thisMachine = ({
  threads = 0,
  device = 'cpu',
}: Pick<CompileOptions, 'threads' | 'device'>): Machine => ({
  processor: processorName(),
  threads: threads === 0 ? os.availableParallelism() : threads,
  memoryBytes: os.totalmem(),
  node: process.version,
  ...(device === 'cpu' ? {} : { device, ...visibleGpus() }),
});

function visibleGpus(): Pick<Machine, 'gpus'> {
  const gpus = gpusOf(process.env);
  return gpus.length === 0 ? {} : { gpus: gpus.join(',') };
}
