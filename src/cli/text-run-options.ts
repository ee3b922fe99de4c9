/** Options that a pre-training and a distillation have in common. */
import { type Command, Option } from 'commander';
import type { TextRunOptions, TextRunSpec } from '../experiments/text-run-spec.js';
import { LEARNING_RATE_KINDS, type LearningRateSchedule } from '../training/learning-rate.js';
import type { EngineFlags } from './engine-options.js';
import { nonNegativeNumber, numberBetween, positiveNumber, wholeNumber } from './numbers.js';

export const TEXT_FILES = 'plain text, .gz or .xz; documents are parted by blank lines or <doc> tags';

/** Stands in the help of both. */
export const GOES_ON = `A run that is cut off, at any moment, goes on from its last snapshot when the same command is given again: same losses, same weights.
With the schedule warmup_stable_decay it may then also be given more or fewer --tokens, as long as the decay had not begun.`;

export interface TextRunFlags extends EngineFlags {
  readonly text: readonly string[];
  readonly out: string;
  readonly corpus?: string;
  readonly maxLength: number;
  readonly tokens: number;
  readonly batchSize: number;
  readonly gradientAccumulationSteps: number;
  readonly maskProbability: number;
  readonly wholeWordMask?: boolean;
  readonly heldOutShare: number;
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule['kind'];
  readonly warmupSteps: number;
  readonly decayRatio: number;
  readonly weightDecay: number;
  readonly maxGradientNorm: number;
  readonly dropout: number;
  readonly evalSteps: number;
  readonly evalRows: number;
  readonly saveSteps: number;
  readonly dtype: 'F32' | 'F16';
  readonly keepSnapshot?: boolean;
  readonly overwrite?: boolean;
  readonly textSource?: string;
  readonly license?: string;
  readonly seed: number;
  readonly json?: boolean;
}

export const addTextRunOptions = (
  command: Command,
  { learningRate }: { readonly learningRate: number },
): Command =>
  command
    .option('--overwrite', 'begin anew, whatever model or unfinished run lies in OUT')
    .option('--corpus <folder>', 'where packed text is kept (default: OUT/unfinished/corpus)')
    .option('--max-length <n>', 'tokens of a packed sequence', wholeNumber('max-length', 8), 128)
    .option('--tokens <n>', 'tokens to train on', wholeNumber('tokens', 1), 50e6)
    .option('--batch-size <n>', 'sequences of one forward pass', wholeNumber('batch-size', 1), 32)
    .option(
      '--gradient-accumulation-steps <n>',
      'forward passes of one step',
      wholeNumber('gradient-accumulation-steps', 1),
      1,
    )
    .option(
      '--mask-probability <p>',
      'share of the tokens to predict',
      numberBetween('mask-probability', 0, 1),
      0.15,
    )
    .option('--whole-word-mask', 'all pieces of a word are masked, or none')
    .option(
      '--held-out-share <p>',
      'of the documents, never trained on',
      numberBetween('held-out-share', 0, 0.5),
      0.005,
    )
    .option('--learning-rate <x>', 'peak', positiveNumber('learning-rate'), learningRate)
    .addOption(
      new Option('--learning-rate-schedule <kind>', 'decay')
        .choices(LEARNING_RATE_KINDS)
        .default('warmup_stable_decay'),
    )
    .option('--warmup-steps <n>', 'the rate rises from 0', wholeNumber('warmup-steps', 0), 500)
    .option(
      '--decay-ratio <p>',
      'share of the steps over which it falls to 0',
      numberBetween('decay-ratio', 0, 1),
      0.2,
    )
    .option('--weight-decay <x>', 'AdamW', nonNegativeNumber('weight-decay'), 0.01)
    .option('--max-gradient-norm <x>', 'clipping; 0: none', nonNegativeNumber('max-gradient-norm'), 1)
    .option('--dropout <p>', 'while training', numberBetween('dropout', 0, 0.9), 0)
    .option('--eval-steps <n>', 'steps between two held-out losses', wholeNumber('eval-steps', 1), 500)
    .option('--eval-rows <n>', 'held-out sequences for each', wholeNumber('eval-rows', 1), 512)
    .option('--save-steps <n>', 'steps between two snapshots', wholeNumber('save-steps', 1), 100)
    .addOption(new Option('--dtype <type>', 'of the weights').choices(['F32', 'F16']).default('F32'))
    .option('--keep-snapshot', 'keep the snapshot before the decay, so that a longer run can go on from it')
    .option('--text-source <sentence>', 'for the model card: what the text is, with its licence')
    .option('--license <id>', 'for the model card: of the weights')
    .option('--seed <n>', 'drives weights, order, masks and dropout', wholeNumber('seed', 0), 42)
    .option('--json', 'one JSON object on stdout, nothing else');

export const textRunSpec = (flags: TextRunFlags): TextRunSpec => ({
  length: flags.maxLength,
  batchSize: flags.batchSize,
  accumulation: flags.gradientAccumulationSteps,
  totalSteps: Math.ceil(flags.tokens / (flags.batchSize * flags.gradientAccumulationSteps * flags.maxLength)),
  maskProbability: flags.maskProbability,
  wholeWords: flags.wholeWordMask ?? false,
  heldOutShare: flags.heldOutShare,
  learningRate: flags.learningRate,
  learningRateSchedule: {
    kind: flags.learningRateSchedule,
    warmupRatio: 0,
    warmupSteps: flags.warmupSteps,
    decayRatio: flags.decayRatio,
  },
  weightDecay: flags.weightDecay,
  maxGradientNorm: flags.maxGradientNorm,
  dropout: flags.dropout,
  seed: flags.seed,
});

export const textRunOptions = (flags: TextRunFlags): TextRunOptions => {
  const { out, text, corpus, evalSteps, evalRows, saveSteps, dtype } = flags;
  return {
    ...{ out, text, corpus, evalSteps, evalRows, saveSteps, dtype },
    keepSnapshot: flags.keepSnapshot ?? false,
    overwrite: flags.overwrite ?? false,
  };
};
