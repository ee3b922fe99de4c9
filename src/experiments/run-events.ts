/** What a run reports while it lasts: `RunOptions.onEvent` gets one of these after another. */
import type { Checkpoint } from '../models/checkpoint.js';
import type { ParameterSpec } from '../models/parameters.js';
import { countParameters } from '../models/parameters.js';
import type { StepRecord } from '../training/fit.js';
import type { PlannedStage } from '../training/fit-plan.js';
import type { EvaluationRecord } from '../training/selection.js';
import type { RunRecord } from './run-record.js';
import type { DataEvent } from './run-task.js';

/** A stage of a run, as it was planned: early stopping may cut it short. */
export interface StageRecord {
  /** 1..T */
  readonly stage: number;
  /** Steps before its first one. */
  readonly from: number;
  /** Steps when it is over. */
  readonly to: number;
  /** Indices from 0 of the blocks in which anything trains. */
  readonly blocks: readonly number[];
  readonly embeddings: boolean;
  /** Scalars that each of its steps updates. */
  readonly updatedParameters: number;
}

export function stageRecord(
  { stage, from, to, trains }: PlannedStage,
  specs: readonly ParameterSpec[],
): StageRecord {
  const places = specs.filter(trains).map(({ place }) => place);
  const blocks = new Set(places.flatMap((place) => (place.kind === 'block' ? [place.index] : [])));
  return {
    ...{ stage, from, to },
    blocks: [...blocks].sort((a, b) => a - b),
    embeddings: places.some(({ kind }) => kind === 'embeddings'),
    updatedParameters: countParameters(specs, trains),
  };
}

/** What a run tells while it lasts, in the order of this list but for repeats. */
export type RunEvent =
  | DataEvent
  /** Everything is read and checked; training begins. */
  | {
      readonly kind: 'loaded';
      readonly checkpoint: Checkpoint;
      /** Features seen in all epochs together. */
      readonly totalExamples: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly stages: readonly StageRecord[];
    }
  /** What each block contributes, from the lowest up: before `loaded`, where the parts are by it. */
  | { readonly kind: 'measured'; readonly contributions: readonly number[] }
  /** Goes on where an interrupted run left off. */
  | {
      readonly kind: 'resumed';
      /** Whole epochs. */
      readonly epochs: number;
      readonly steps: number;
      readonly examples: number;
    }
  /** Before the first step of a stage, or the first after a resume. */
  | { readonly kind: 'stage'; readonly record: StageRecord }
  | { readonly kind: 'step'; readonly record: StepRecord }
  /** Within an evaluation, while training or at the end. */
  | { readonly kind: 'evaluating'; readonly split: string; readonly done: number; readonly total: number }
  /** An evaluation while training is done. */
  | {
      readonly kind: 'evaluated';
      readonly record: EvaluationRecord;
      /** The best evaluation so far, where one is selected. */
      readonly best?: { readonly step: number; readonly value: number };
    }
  /** Early stopping has ended the run: so many evaluations in a row were no better. */
  | { readonly kind: 'stopped'; readonly steps: number; readonly waited: number }
  /** A snapshot to resume from, or a model of its own (`checkpoint-<step>`). */
  | {
      readonly kind: 'saved';
      readonly what: 'snapshot' | 'checkpoint';
      readonly folder: string;
      readonly steps: number;
    }
  | { readonly kind: 'finished'; readonly record: RunRecord };
