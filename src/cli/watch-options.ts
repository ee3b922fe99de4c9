/** Options of what is watched, chosen and kept while a run trains, by the names of Hugging Face's `TrainingArguments`. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { SAVE_STRATEGIES, type SaveStrategy } from '../experiments/resumable.js';
import type { RunOptions } from '../experiments/run.js';
import { EVAL_STRATEGIES, type Watched } from '../experiments/watched.js';
import { nonNegativeNumber, numberBetween, wholeNumber } from './numbers.js';

export interface WatchFlags {
  readonly maxSteps?: number;
  readonly labelSmoothingFactor?: number;
  readonly classWeights?: 'balanced' | number[];
  readonly layerwiseLrDecay?: number;
  readonly evalStrategy?: (typeof EVAL_STRATEGIES)[number] | 'no';
  readonly evalSteps?: number;
  readonly loadBestModelAtEnd?: boolean;
  readonly metricForBestModel?: string;
  readonly greaterIsBetter?: 'true' | 'false';
  readonly earlyStoppingPatience?: number;
  readonly earlyStoppingThreshold?: number;
  readonly saveStrategy?: SaveStrategy;
  readonly saveSteps?: number;
  readonly saveTotalLimit?: number;
  readonly loggingDir?: string;
}

function classWeights(text: string): 'balanced' | number[] {
  if (text === 'balanced') return 'balanced';
  const numbers = text.split(',').map(Number);
  if (numbers.length > 1 && numbers.every((value) => value > 0 && Number.isFinite(value))) return numbers;
  throw new UsageError(`class-weights takes balanced or a number above 0 for each class, not '${text}'`);
}

/** What changes the numbers of a run. */
const addSteering = (command: Command): Command =>
  command
    .option(
      '--max-steps <n>',
      'train for so many steps instead of epochs; the stages divide them evenly',
      wholeNumber('max-steps', 1),
    )
    .option(
      '--label-smoothing-factor <share>',
      'share of the target that is spread over all classes (default: 0)',
      numberBetween('label-smoothing-factor', 0, 0.99),
    )
    .option(
      '--class-weights <weights>',
      "balanced, or a number for each class: 1,2.5; the loss is PyTorch's CrossEntropyLoss(weight)",
      classWeights,
    )
    .option(
      '--layerwise-lr-decay <factor>',
      'block l of L learns at factor^(L-l) of the rate, the embeddings at factor^L (default: 1)',
      numberBetween('layerwise-lr-decay', 0.01, 1),
    )
    .addOption(
      new Option(
        '--eval-strategy <when>',
        'evaluate while training (default: no; epoch where evaluations decide)',
      ).choices(['no', ...EVAL_STRATEGIES]),
    )
    .option('--eval-steps <n>', 'evaluate every n steps and at the end', wholeNumber('eval-steps', 1))
    .option('--load-best-model-at-end', 'leave the weights of the best evaluation, not the last ones')
    .option('--metric-for-best-model <name>', 'what best means (default: loss; questions: f1)')
    .addOption(
      new Option(
        '--greater-is-better <true|false>',
        'of that metric (default: false for loss, mse and mae, else true)',
      ).choices(['true', 'false']),
    )
    .option(
      '--early-stopping-patience <n>',
      'stop when n evaluations in a row are no better than the best; stages stay those of the whole budget',
      wholeNumber('early-stopping-patience', 1),
    )
    .option(
      '--early-stopping-threshold <gain>',
      'what counts as better: by more than this (default: 0)',
      nonNegativeNumber('early-stopping-threshold'),
    );

/** What is kept of a run and told of it: its numbers are the same. */
export const addWatchOptions = (command: Command): Command =>
  addSteering(command)
    .addOption(
      new Option(
        '--save-strategy <when>',
        'with --save: when the snapshot to resume from is taken (default: epoch)',
      ).choices(SAVE_STRATEGIES),
    )
    .option('--save-steps <n>', 'with --save: a snapshot every n steps', wholeNumber('save-steps', 1))
    .option(
      '--save-total-limit <n>',
      'with --save: also keep whole models, checkpoint-<step>, of the last n snapshots and of the best',
      wholeNumber('save-total-limit', 1),
    )
    .option('--logging-dir <folder>', 'write the curves for TensorBoard');

/** @throws UsageError where evaluations are to decide and are turned off */
export function watchedOf(flags: WatchFlags): Watched {
  const { evalStrategy, greaterIsBetter, loadBestModelAtEnd, earlyStoppingPatience, evalSteps } = flags;
  const wants = loadBestModelAtEnd
    ? '--load-best-model-at-end'
    : earlyStoppingPatience !== undefined
      ? '--early-stopping-patience'
      : evalSteps !== undefined
        ? '--eval-steps'
        : undefined;
  if (evalStrategy === 'no' && wants !== undefined)
    throw new UsageError(`${wants} wants evaluations: --eval-strategy epoch or steps, not no`);
  const given = {
    maxSteps: flags.maxSteps,
    labelSmoothingFactor: flags.labelSmoothingFactor,
    classWeights: flags.classWeights,
    layerwiseLrDecay: flags.layerwiseLrDecay,
    evalStrategy: evalStrategy === 'no' ? undefined : evalStrategy,
    evalSteps,
    loadBestModelAtEnd,
    metricForBestModel: flags.metricForBestModel,
    greaterIsBetter: greaterIsBetter === undefined ? undefined : greaterIsBetter === 'true',
    earlyStoppingPatience,
    earlyStoppingThreshold: flags.earlyStoppingThreshold,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** What a run keeps and tells. */
export const keptOf = ({
  saveStrategy,
  saveSteps,
  saveTotalLimit,
  loggingDir,
}: WatchFlags): Pick<RunOptions, 'saveStrategy' | 'saveSteps' | 'saveTotalLimit' | 'loggingDir'> => ({
  saveStrategy,
  saveSteps,
  saveTotalLimit,
  loggingDir,
});
