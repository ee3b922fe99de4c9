/** `progtuning pretrain`: masked-language modelling on plain text, to a Hugging Face folder. */
import { basename, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { runPretraining } from '../experiments/pretrain-run.js';
import {
  INITIALISATIONS,
  type Initialisation,
  type PretrainEvent,
  type PretrainRecord,
  type PretrainSpec,
} from '../experiments/pretrain-spec.js';
import { continuedFrom } from '../experiments/pretrain-start.js';
import { writeTextAtomically } from '../models/config-file.js';
import { modelCard, pretrainingFigure } from '../report/model-card.js';
import { numberText } from '../report/number-text.js';
import { canDraw, DRAWING_PACKAGES, figureToSvg } from '../report/svg.js';
import { LEARNING_RATE_KINDS, type LearningRateSchedule } from '../training/learning-rate.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { nonNegativeNumber, numberBetween, positiveNumber, wholeNumber } from './numbers.js';
import { duration, note, type Progress, progressBar } from './progress.js';

interface PretrainFlags extends EngineFlags {
  readonly text: readonly string[];
  readonly out: string;
  readonly model?: string;
  readonly tokenizer?: string;
  readonly corpus?: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads?: number;
  readonly vocabSize: number;
  readonly maxLength: number;
  readonly tokens: number;
  readonly batchSize: number;
  readonly gradientAccumulationSteps: number;
  readonly maskProbability: number;
  readonly wholeWordMask?: boolean;
  readonly nextSentence?: boolean;
  readonly heldOutShare: number;
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule['kind'];
  readonly warmupSteps: number;
  readonly decayRatio: number;
  readonly initialisation: Initialisation;
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

const EXAMPLES = `
A run that is cut off, at any moment, goes on from its last snapshot when the same command is given again: same losses, same weights.
With the schedule warmup_stable_decay it may then also be given more or fewer --tokens, as long as the decay had not begun.

Examples:
  A tiny one, to see how it goes:
    progtuning pretrain --text book.txt --out models/tiny --layers 2 --hidden 128 --vocab-size 1000 --held-out-share 0.1 --tokens 2e4
  More of it for a model that has been pre-trained before, or text of another field:
    progtuning pretrain --model models/tiny --text law-*.txt.gz --out models/tiny-law --held-out-share 0.1 --tokens 2e4
A model to work with wants hours: --text wiki-*.txt.xz and the defaults, 6 blocks, 256 wide, and 50e6 tokens.`;

export function registerPretrain(program: Command): void {
  const command = program
    .command('pretrain')
    .requiredOption(
      '--text <files...>',
      'plain text, .gz or .xz; documents are parted by blank lines or <doc> tags',
    )
    .requiredOption('--out <folder>', 'where the model goes; snapshots lie in OUT/unfinished')
    .option(
      '--model <folder>',
      'go on from this masked-language model, with its tokenizer; shape and initialisation are then its own',
    )
    .option('--overwrite', 'begin anew, whatever model or unfinished run lies in OUT')
    .option('--tokenizer <folder>', 'a tokenizer to use (default: a vocabulary learnt from the text)')
    .option('--corpus <folder>', 'where packed text is kept (default: OUT/unfinished/corpus)')
    .option('--layers <L>', 'blocks', wholeNumber('layers', 1), 6)
    .option('--hidden <H>', 'hidden size; the intermediate size is 4 H', wholeNumber('hidden', 1), 256)
    .option('--heads <n>', 'attention heads (default: H / 64)', wholeNumber('heads', 1))
    .option('--vocab-size <n>', 'tokens', wholeNumber('vocab-size', 10), 8000)
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
      '--next-sentence',
      'sequences are pairs of segments, and whether the second follows the first is learnt too, with the pooler',
    )
    .option(
      '--held-out-share <p>',
      'of the documents, for perplexity',
      numberBetween('held-out-share', 0, 0.5),
      0.005,
    )
    .option('--learning-rate <x>', 'peak', positiveNumber('learning-rate'), 7e-4)
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
    .addOption(
      new Option(
        '--initialisation <kind>',
        'random: as Hugging Face; cooccurrence: word vectors and neighbour maps counted in the text, which saves millions of tokens',
      )
        .choices(INITIALISATIONS)
        .default('random'),
    )
    .option('--weight-decay <x>', 'AdamW', nonNegativeNumber('weight-decay'), 0.01)
    .option('--max-gradient-norm <x>', 'clipping; 0: none', nonNegativeNumber('max-gradient-norm'), 1)
    .option('--dropout <p>', 'while pre-training', numberBetween('dropout', 0, 0.9), 0)
    .option('--eval-steps <n>', 'steps between two perplexities', wholeNumber('eval-steps', 1), 500)
    .option('--eval-rows <n>', 'held-out sequences for each', wholeNumber('eval-rows', 1), 512)
    .option('--save-steps <n>', 'steps between two snapshots', wholeNumber('save-steps', 1), 100)
    .addOption(new Option('--dtype <type>', 'of the weights').choices(['F32', 'F16']).default('F32'))
    .option('--keep-snapshot', 'keep the snapshot before the decay, so that a longer run can go on from it')
    .option('--text-source <sentence>', 'for the model card: what the text is, with its licence')
    .option('--license <id>', 'for the model card: of the weights')
    .option('--seed <n>', 'drives weights, order, masks and dropout', wholeNumber('seed', 0), 42)
    .option('--json', 'one JSON object on stdout, nothing else')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: PretrainFlags) => pretrainCommand(flags));
  addEngineOptions(command);
}

const specOf = async (flags: PretrainFlags): Promise<PretrainSpec> => ({
  layers: flags.layers,
  hidden: flags.hidden,
  heads: flags.heads ?? null,
  vocabSize: flags.vocabSize,
  length: flags.maxLength,
  batchSize: flags.batchSize,
  accumulation: flags.gradientAccumulationSteps,
  totalSteps: Math.ceil(flags.tokens / (flags.batchSize * flags.gradientAccumulationSteps * flags.maxLength)),
  maskProbability: flags.maskProbability,
  wholeWords: flags.wholeWordMask ?? false,
  ...(flags.nextSentence && { nextSentence: true }),
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
  initialisation: flags.initialisation,
  ...(flags.model === undefined ? {} : await continuedFrom(flags.model)),
});

/** Draws a run's events as bars on stderr. */
function display(spec: PretrainSpec): { onEvent: (event: PretrainEvent) => void; stop: () => void } {
  let bar: Progress | undefined;
  let phase = '';
  let [tokensPerStep, perplexity] = [0, ''];
  const next = (label: string, total: number, unit: string): void => {
    bar?.stop();
    bar = progressBar(label, total, unit);
    phase = label;
  };
  return {
    onEvent(event) {
      if (event.kind === 'vocabulary') note('learning a vocabulary');
      else if (event.kind === 'warning') process.stderr.write(`${event.text}\n`);
      else if (event.kind === 'corpus') {
        const label = event.progress.phase === 'count' ? 'count   ' : 'pack    ';
        if (phase !== label) next(label, event.progress.totalBytes, 'bytes');
        bar?.update(event.progress.bytes);
      } else if (event.kind === 'count') {
        if (phase !== 'count words') next('count words', event.total, 'tables');
        bar?.update(event.done);
      } else if (event.kind === 'start') {
        tokensPerStep = event.tokensPerStep;
        if (event.step > 0) note(`resumed after step ${event.step}`);
        next('pretrain', spec.totalSteps * tokensPerStep, 'tokens');
      } else if (event.kind === 'evaluated') {
        const { nextSentenceAccuracy: accuracy } = event;
        const next = accuracy === undefined ? '' : `, next sentence ${(100 * accuracy).toFixed(1)} %`;
        perplexity = ` | perplexity ${event.perplexity.toFixed(2)}${next}`;
      } else bar?.update((event.step + 1) * tokensPerStep, `loss ${numberText(event.loss, 3)}${perplexity}`);
    },
    stop: () => bar?.stop(),
  };
}

const textOf = (record: PretrainRecord, out: string): string =>
  [
    `${out}: ${(record.parameters / 1e6).toFixed(2)} M parameters, ${(record.tokensSeen / 1e6).toFixed(1)} M tokens seen (${record.epochs.toFixed(2)} epochs)`,
    `  held out  loss ${numberText(record.finalHeldOut.loss, 4)}, perplexity ${record.finalHeldOut.perplexity.toFixed(2)}`,
    `  time      ${duration(record.seconds)}, ${(record.tokensSeen / record.seconds).toFixed(0)} tokens/s`,
  ].join('\n');

/** Ctrl-C ends the session after the step in hand, with a snapshot. A second one ends it at once. */
function interruptible(): () => boolean {
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    note('stopping after this step; give the same command to go on');
  });
  return () => interrupted;
}

/** README.md and, where it can be drawn, the loss curve, beside the weights. */
async function writeCard(record: PretrainRecord, { out, textSource, license }: PretrainFlags): Promise<void> {
  const name = basename(resolve(out));
  const figure = canDraw() ? 'loss.svg' : undefined;
  if (figure)
    await writeTextAtomically(join(out, figure), await figureToSvg(pretrainingFigure(record, name)));
  else note(`the model card has no loss curve; to draw it: npm install ${DRAWING_PACKAGES}`);
  const card = modelCard(record, { name, textSource, license }, figure);
  await writeTextAtomically(join(out, 'README.md'), card);
}

async function pretrainCommand(flags: PretrainFlags): Promise<void> {
  const spec = await specOf(flags);
  const { out, text, model, tokenizer, corpus, evalSteps, evalRows, saveSteps, dtype } = flags;
  const shown = display(spec);
  try {
    const options = {
      ...{ out, text, model, tokenizer, corpus, evalSteps, evalRows, saveSteps, dtype },
      keepSnapshot: flags.keepSnapshot ?? false,
      overwrite: flags.overwrite ?? false,
      onEvent: shown.onEvent,
      stopped: interruptible(),
    };
    const record = await withEngine(flags, (engine) => runPretraining(spec, { ...options, ...engine }));
    shown.stop();
    if (!record) process.exitCode = 130;
    else await writeCard(record, flags);
    if (record) process.stdout.write(flags.json ? `${JSON.stringify(record)}\n` : `${textOf(record, out)}\n`);
  } finally {
    shown.stop();
  }
}
