/**
 * The logs of a run while it lasts: `log.jsonl` beside what it saves, and TensorBoard's file where one is asked for. A resumed run writes
 * them anew from its snapshot, so that no step is in them twice.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import type { FitProgress } from '../training/fit.js';
import { scalarEvent, versionEvent } from './event-file.js';
import {
  endEntries,
  evaluationEntry,
  historyOf,
  type LogEntry,
  stageEntry,
  stepEntry,
} from './log-history.js';
import type { RunEvent, StageRecord } from './run-events.js';

export const LOG_FILE = 'log.jsonl';

export interface RunLog {
  onEvent(event: RunEvent): void;
  close(): void;
}

export interface LoggedRun {
  /** Names TensorBoard's file: the same run writes the same one again. */
  readonly key: string;
  readonly stepsPerEpoch: number;
  readonly stages: readonly StageRecord[];
  /** Of the run that is resumed. */
  readonly former: FitProgress | undefined;
}

interface Sink {
  write(entry: LogEntry): void;
  close(): void;
}

/** A file that grows while the run lasts. @throws DataError where it cannot be made or, later, written: a full disk */
function openFile(folder: string, name: string): { append(data: string | Uint8Array): void; close(): void } {
  const path = join(folder, name);
  const attempt = <T>(act: () => T): T => {
    try {
      return act();
    } catch (cause) {
      throw new DataError(`${path}: cannot be written: ${(cause as Error).message}; give another folder`, {
        cause,
      });
    }
  };
  const file = attempt(() => {
    mkdirSync(folder, { recursive: true });
    return openSync(path, 'w');
  });
  return {
    append: (data) =>
      void attempt(() => writeSync(file, typeof data === 'string' ? Buffer.from(data) : data)),
    close: () => closeSync(file),
  };
}

function jsonLines(folder: string): Sink {
  const { append, close } = openFile(folder, LOG_FILE);
  return { write: (entry) => append(`${JSON.stringify(entry)}\n`), close };
}

/** `eval_loss` -> `eval/loss`, `loss` -> `train/loss`: the tags of HF's `TensorBoardCallback`. */
const tagOf = (name: string): string =>
  name.startsWith('eval_') || name.startsWith('test_') ? name.replace('_', '/') : `train/${name}`;

/** A curve goes on, and has one value at a step: what the best step gave is said once, where it was evaluated. */
function tensorBoard(folder: string, key: string): Sink {
  const { append, close } = openFile(folder, `events.out.tfevents.0000000001.progtuning.${key}`);
  const reached = new Map<string, number>();
  const now = (): number => Date.now() / 1000;
  append(versionEvent(now()));
  return {
    write({ step, ...entry }) {
      const numbers = Object.entries(entry)
        .flatMap(([name, value]) => (typeof value === 'number' ? [[tagOf(name), value] as const] : []))
        .filter(([tag]) => step > (reached.get(tag) ?? -1));
      for (const [tag] of numbers) reached.set(tag, step);
      append(scalarEvent({ wallTime: now(), step, values: Object.fromEntries(numbers) }));
    },
    close,
  };
}

function entriesOf(event: RunEvent, { stepsPerEpoch, former }: LoggedRun): readonly LogEntry[] {
  switch (event.kind) {
    case 'step':
      return [stepEntry(event.record, stepsPerEpoch)];
    case 'evaluated':
      return [evaluationEntry(event.record, stepsPerEpoch)];
    case 'stage': {
      const known = event.record.from < (former?.steps.length ?? 0);
      return known ? [] : [stageEntry(event.record, stepsPerEpoch)];
    }
    case 'finished':
      return endEntries(event.record);
    default:
      return [];
  }
}

/** @param folders where each log goes, if anywhere @throws DataError where one cannot be written */
export function openRunLog(
  { save, loggingDir }: { readonly save?: string | undefined; readonly loggingDir?: string | undefined },
  run: LoggedRun,
): RunLog {
  const sinks = [
    ...(save === undefined ? [] : [jsonLines(save)]),
    ...(loggingDir === undefined ? [] : [tensorBoard(loggingDir, run.key)]),
  ];
  const write = (entry: LogEntry): void => {
    for (const sink of sinks) sink.write(entry);
  };
  for (const entry of run.former ? historyOf(run.former, run.stages, run.stepsPerEpoch) : []) write(entry);
  return {
    onEvent(event) {
      for (const entry of entriesOf(event, run)) write(entry);
    },
    close() {
      for (const sink of sinks) sink.close();
    },
  };
}
