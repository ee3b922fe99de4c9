/** Options of `finetune` and `evaluate model` for SQuAD, by the names of Hugging Face's `run_qa`. */
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { isSpanTask, type RunRequest, SQUAD_VERSIONS } from '../experiments/run-spec.js';
import { anyNumber, wholeNumber } from './numbers.js';

export interface SquadFlags {
  readonly task: string;
  readonly docStride?: number;
  readonly maxAnswerLength?: number;
  readonly nBest?: number;
  readonly nullScoreThreshold?: number;
}

export const addSquadOptions = (command: Command): Command =>
  command
    .option(
      '--doc-stride <tokens>',
      'SQuAD: context tokens that two windows share (default: 128)',
      wholeNumber('doc-stride', 0),
    )
    .option(
      '--max-answer-length <tokens>',
      'SQuAD: longest answer (default: 30)',
      wholeNumber('max-answer-length', 1),
    )
    .option('--n-best <n>', 'SQuAD: answers kept for each question (default: 20)', wholeNumber('n-best', 1))
    .option(
      '--null-score-threshold <number>',
      "SQuAD v2.0: no answer when its score exceeds the best answer's by more than this (default: 0)",
      anyNumber('null-score-threshold'),
    );

/** The `squad` part of a request. @throws UsageError for an option that the task does not have */
export function squadOf(flags: SquadFlags): Pick<RunRequest, 'squad'> {
  const { docStride, maxAnswerLength, nBest, nullScoreThreshold } = flags;
  const given = Object.entries({ docStride, maxAnswerLength, nBest, nullScoreThreshold }).filter(
    ([, value]) => value !== undefined,
  );
  const version = SQUAD_VERSIONS.get(flags.task);
  if (given.length > 0 && !isSpanTask(flags.task))
    throw new UsageError(
      `--${dashed(given[0]?.[0] ?? '')} is an option of --task squad, squad_v2 and question-answering`,
    );
  if (nullScoreThreshold !== undefined && version === '1.1')
    throw new UsageError('--null-score-threshold is an option of --task squad_v2');
  return isSpanTask(flags.task) ? { squad: Object.fromEntries(given) } : {};
}

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
