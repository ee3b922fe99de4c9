/** `progtuning pretrain`: masked-language modelling, or span corruption, on plain text, to a Hugging Face folder. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { runPretraining } from '../experiments/pretrain-run.js';
import {
  INITIALISATIONS,
  type Initialisation,
  type PretrainEvent,
  type PretrainRecord,
  type PretrainSpec,
} from '../experiments/pretrain-spec.js';
import { continuedFrom } from '../experiments/pretrain-start.js';
import { modelCard, pretrainingFigure } from '../report/model-card.js';
import { numberText } from '../report/number-text.js';
import { addEngineOptions, withEngine } from './engine-options.js';
import { positiveNumber, wholeNumber } from './numbers.js';
import { duration } from './progress.js';
import { writeTextCard } from './text-run-card.js';
import { interruptible, textRunDisplay } from './text-run-display.js';
import {
  addTextRunOptions,
  GOES_ON,
  TEXT_FILES,
  type TextRunFlags,
  textRunOptions,
  textRunSpec,
} from './text-run-options.js';

interface PretrainFlags extends TextRunFlags {
  readonly model?: string;
  readonly tokenizer?: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads?: number;
  readonly vocabSize: number;
  readonly nextSentence?: boolean;
  readonly objective?: 'masked-lm' | 'span-corruption';
  readonly meanSpanLength?: number;
  readonly initialisation: Initialisation;
}

const EXAMPLES = `
${GOES_ON}

Examples:
  A tiny one, to see how it goes:
    progtuning pretrain --text book.txt --out models/tiny --layers 2 --hidden 128 --vocab-size 1000 --held-out-share 0.1 --tokens 2e4
  More of it for a model that has been pre-trained before, or text of another field:
    progtuning pretrain --model models/tiny --text law-*.txt.gz --out models/tiny-law --held-out-share 0.1 --tokens 2e4
A model to work with wants hours: --text wiki-*.txt.xz and the defaults, 6 blocks, 256 wide, and 50e6 tokens.
A T5 is pre-trained with --objective span-corruption --tokenizer FOLDER, whose tokenizer has sentinel tokens (<extra_id_0> ...); --layers are those of each stack.`;

export function registerPretrain(program: Command): void {
  const command = program
    .command('pretrain')
    .requiredOption('--text <files...>', TEXT_FILES)
    .requiredOption('--out <folder>', 'where the model goes; snapshots lie in OUT/unfinished')
    .option(
      '--model <folder>',
      'go on from this masked-language model, with its tokenizer; shape and initialisation are then its own',
    )
    .option('--tokenizer <folder>', 'a tokenizer to use (default: a vocabulary learnt from the text)')
    .option('--layers <L>', 'blocks', wholeNumber('layers', 1), 6)
    .option('--hidden <H>', 'hidden size; the intermediate size is 4 H', wholeNumber('hidden', 1), 256)
    .option('--heads <n>', 'attention heads (default: H / 64)', wholeNumber('heads', 1))
    .option('--vocab-size <n>', 'tokens', wholeNumber('vocab-size', 10), 8000);
  addTextRunOptions(command, { learningRate: 7e-4 })
    .option(
      '--next-sentence',
      'sequences are pairs of segments, and whether the second follows the first is learnt too, with the pooler',
    )
    .addOption(
      new Option(
        '--objective <kind>',
        'masked-lm: a BERT (default); span-corruption: a T5, whose --layers are those of each stack, with --tokenizer',
      ).choices(['masked-lm', 'span-corruption']),
    )
    .option(
      '--mean-span-length <n>',
      'span-corruption: mean tokens of a span (default: 3)',
      positiveNumber('mean-span-length'),
    )
    .addOption(
      new Option(
        '--initialisation <kind>',
        'random: as Hugging Face; cooccurrence: word vectors and neighbour maps counted in the text, which saves millions of tokens',
      )
        .choices(INITIALISATIONS)
        .default('random'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: PretrainFlags) => pretrainCommand(flags));
  addEngineOptions(command);
}

/** @throws UsageError for options of another objective */
function checkObjective(flags: PretrainFlags, objective: PretrainSpec['objective']): void {
  const { objective: given, nextSentence, wholeWordMask, initialisation, meanSpanLength } = flags;
  const spans = objective === 'span-corruption';
  if (given !== undefined && (given === 'span-corruption') !== spans)
    throw new UsageError(`--objective ${given} is not what ${flags.model} was made for`);
  const masked = { '--next-sentence': nextSentence, '--whole-word-mask': wholeWordMask };
  const stray = Object.entries(masked).find(([, value]) => value)?.[0];
  if (spans && (stray ?? initialisation) !== 'random')
    throw new UsageError(`${stray ?? `--initialisation ${initialisation}`} is for --objective masked-lm`);
  if (!spans && meanSpanLength !== undefined)
    throw new UsageError('--mean-span-length is for --objective span-corruption');
}

async function specOf(flags: PretrainFlags): Promise<PretrainSpec> {
  const spec = await givenSpec(flags);
  checkObjective(flags, spec.objective);
  return spec;
}

const givenSpec = async (flags: PretrainFlags): Promise<PretrainSpec> => ({
  ...(flags.objective === 'span-corruption' && flags.model === undefined
    ? { objective: flags.objective }
    : {}),
  ...(flags.meanSpanLength === undefined ? {} : { meanSpanLength: flags.meanSpanLength }),
  layers: flags.layers,
  hidden: flags.hidden,
  heads: flags.heads ?? null,
  vocabSize: flags.vocabSize,
  ...textRunSpec(flags),
  ...(flags.nextSentence && { nextSentence: true }),
  initialisation: flags.initialisation,
  ...(flags.model === undefined ? {} : await continuedFrom(flags.model)),
});

const perplexityText = (event: PretrainEvent & { kind: 'evaluated' }): string => {
  const { perplexity, nextSentenceAccuracy: accuracy } = event;
  const next = accuracy === undefined ? '' : `, next sentence ${(100 * accuracy).toFixed(1)} %`;
  return `perplexity ${perplexity.toFixed(2)}${next}`;
};

const textOf = (record: PretrainRecord, out: string): string =>
  [
    `${out}: ${(record.parameters / 1e6).toFixed(2)} M parameters, ${(record.tokensSeen / 1e6).toFixed(1)} M tokens seen (${record.epochs.toFixed(2)} epochs)`,
    `  held out  loss ${numberText(record.finalHeldOut.loss, 4)}, perplexity ${record.finalHeldOut.perplexity.toFixed(2)}`,
    `  time      ${duration(record.seconds)}, ${(record.tokensSeen / record.seconds).toFixed(0)} tokens/s`,
  ].join('\n');

async function pretrainCommand(flags: PretrainFlags): Promise<void> {
  const spec = await specOf(flags);
  const { out, model, tokenizer } = flags;
  const shown = textRunDisplay<PretrainEvent>('pretrain', spec.totalSteps, perplexityText);
  try {
    const options = {
      ...{ ...textRunOptions(flags), model, tokenizer },
      ...{ onEvent: shown.onEvent, stopped: interruptible() },
    };
    const record = await withEngine(flags, (engine) => runPretraining(spec, { ...options, ...engine }));
    shown.stop();
    if (!record) process.exitCode = 130;
    else
      await writeTextCard(
        flags,
        (name) => pretrainingFigure(record, name),
        (options, figure) => modelCard(record, options, figure),
      );
    if (record) process.stdout.write(flags.json ? `${JSON.stringify(record)}\n` : `${textOf(record, out)}\n`);
  } finally {
    shown.stop();
  }
}
