/** Options of how a run trains, whatever task and method: budget, rates, rows, what is kept frozen. */
import { type Command, Option } from 'commander';
import type { RunSpec } from '../experiments/run-spec.js';
import type { Recipe } from '../peft/defaults.js';
import { LEARNING_RATE_KINDS } from '../training/learning-rate.js';
import { nonNegativeNumber, numberBetween, positiveNumber, wholeNumber } from './numbers.js';
import { DEFAULT_TEXTS, type RecipeKind } from './recipe-options.js';
import { addStageOptions, type StageFlags, stagedOf } from './stage-options.js';

export interface TrainingFlags extends StageFlags {
  readonly recipe: RecipeKind;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly gradientAccumulationSteps: number;
  readonly learningRate?: number;
  readonly learningRateSchedule: RunSpec['learningRateSchedule']['kind'];
  readonly warmupRatio?: number;
  readonly warmupSteps?: number;
  readonly weightDecay?: number;
  readonly findLearningRate?: boolean;
  readonly maxGradientNorm: number;
  readonly maxLength?: number;
  readonly maxTargetLength?: number;
  readonly optimiser?: 'adamw' | 'adafactor';
  readonly dropout?: number;
  readonly shuffle: boolean;
  readonly groupByLength?: boolean;
  readonly gradientCheckpointing?: boolean;
  readonly cacheFrozen?: number | true;
  readonly randomWeights?: boolean;
  readonly newHead?: boolean;
  readonly seed: number;
  readonly maxTrainExamples?: number;
  readonly maxEvalExamples?: number;
}

/** Of `--cache-frozen` without a number. */
const CACHE_MEBIBYTES = 1024;

export function addTrainingOptions(command: Command): Command {
  command
    .addOption(
      new Option(
        '--recipe <which>',
        "where settings that are not given come from: the method's default, on equal epochs, or what the literature uses for the task (learning rate, epochs, batch, warm-up, weight decay: told before the first step)",
      )
        .choices(['default', 'literature'])
        .default('default'),
    )
    .option('--epochs <n>', `epochs ${DEFAULT_TEXTS.epochs}`, wholeNumber('epochs', 1))
    .option('--batch-size <n>', `examples per step ${DEFAULT_TEXTS.batchSize}`, wholeNumber('batch-size', 1))
    .option(
      '--gradient-accumulation-steps <n>',
      'batches whose gradients make one step: a batch of 32 as 4 x 8 needs the memory of 8',
      wholeNumber('gradient-accumulation-steps', 1),
      1,
    )
    .option(
      '--learning-rate <rate>',
      `peak learning rate ${DEFAULT_TEXTS.learningRate}`,
      positiveNumber('learning-rate'),
    )
    .option(
      '--find-learning-rate',
      "trains nothing: Smith's range test, whose loss curve suggests a peak rate; with --save also as learning_rate_range.svg and .json",
    )
    .addOption(
      new Option('--learning-rate-schedule <kind>', 'decay').choices(LEARNING_RATE_KINDS).default('linear'),
    )
    .option(
      '--warmup-ratio <share>',
      `share of steps to warm up ${DEFAULT_TEXTS.warmupRatio}`,
      numberBetween('warmup-ratio', 0, 1),
    )
    .option('--warmup-steps <n>', 'steps to warm up, instead of a share', wholeNumber('warmup-steps', 0));
  return addStageOptions(command)
    .addOption(
      new Option(
        '--optimiser <name>',
        'adafactor: second moments by row and column, at the given learning rate, as T5 is fine-tuned with (default: adamw)',
      ).choices(['adamw', 'adafactor']),
    )
    .option(
      '--weight-decay <rate>',
      `AdamW's, not on biases and layer norms ${DEFAULT_TEXTS.weightDecay}`,
      nonNegativeNumber('weight-decay'),
    )
    .option(
      '--max-gradient-norm <norm>',
      'clip gradients to this global norm, 0: off',
      nonNegativeNumber('max-gradient-norm'),
      1,
    )
    .option(
      '--max-length <tokens>',
      'tokens of a row; longer ones are cut, SQuAD: into windows (default: 128, SQuAD: 384, causal-lm and seq2seq-lm: 256)',
      wholeNumber('max-length', 8),
    )
    .option(
      '--max-target-length <tokens>',
      'seq2seq-lm: tokens of what is written (default: as --max-length)',
      wholeNumber('max-target-length', 2),
    )
    .option(
      '--dropout <rate>',
      "both BERT dropouts (default: the model's own)",
      numberBetween('dropout', 0, 0.99),
    )
    .option('--no-shuffle', 'keep the order of the file')
    .option(
      '--gradient-checkpointing',
      'compute blocks again for their gradient: less memory, a third more time',
    )
    .option('--group-by-length', 'rows of like length share a batch, as in HF: another order of the examples')
    .option(
      '--cache-frozen [MiB]',
      'keep what frozen blocks compute from epoch to epoch (default: up to 1024 MiB); a deviation: no dropout in frozen blocks',
      wholeNumber('cache-frozen', 1),
    )
    .option('--random-weights', "fresh weights in the model's shape: what pre-training is compared with")
    .option('--new-head', 'a fresh output layer, where the model has one of another size or other classes')
    .option('--seed <n>', 'drives order, dropout and fresh parameters', wholeNumber('seed', 0), 42)
    .option(
      '--max-train-examples <n>',
      'use the first n (SQuAD: questions)',
      wholeNumber('max-train-examples', 1),
    )
    .option('--max-eval-examples <n>', 'use the first n', wholeNumber('max-eval-examples', 1));
}

/** @param recipe what is not given comes from */
export const trainingOf = (
  flags: TrainingFlags,
  recipe: Recipe,
): Partial<Omit<RunSpec, 'squad' | 'schedule'>> => ({
  ...(flags.cacheFrozen
    ? { cacheFrozen: flags.cacheFrozen === true ? CACHE_MEBIBYTES : flags.cacheFrozen }
    : {}),
  ...(flags.randomWeights ? { randomWeights: true } : {}),
  ...(flags.newHead ? { newHead: true } : {}),
  batchSize: flags.batchSize ?? recipe.batchSize,
  gradientAccumulationSteps: flags.gradientAccumulationSteps,
  learningRate: flags.learningRate ?? recipe.learningRate,
  learningRateSchedule: {
    kind: flags.learningRateSchedule,
    warmupRatio: flags.warmupRatio ?? recipe.warmupRatio,
    ...(flags.warmupSteps ? { warmupSteps: flags.warmupSteps } : {}),
  },
  ...stagedOf(flags),
  ...(flags.optimiser === 'adafactor' ? { optimiser: flags.optimiser } : {}),
  weightDecay: flags.weightDecay ?? recipe.weightDecay,
  maxGradientNorm: flags.maxGradientNorm,
  ...(flags.maxLength === undefined ? {} : { maxLength: flags.maxLength }),
  ...(flags.maxTargetLength === undefined ? {} : { maxTargetLength: flags.maxTargetLength }),
  dropout: flags.dropout ?? null,
  shuffle: flags.shuffle,
  groupByLength: flags.groupByLength ?? false,
  seed: flags.seed,
  maxTrainExamples: flags.maxTrainExamples ?? null,
  maxEvalExamples: flags.maxEvalExamples ?? null,
});
