/** `progtuning distil`: a small student from a BERT, on plain text, to a Hugging Face folder. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { runDistillation } from '../experiments/distil-run.js';
import {
  type DistilEvent,
  type DistilLoss,
  type DistilRecord,
  type DistilSettings,
  STUDENT_INITIALISATIONS,
  type StudentInitialisation,
} from '../experiments/distil-spec.js';
import { bertConfig } from '../experiments/distil-start.js';
import { distillationCard, distillationFigure } from '../report/distillation-card.js';
import { numberText } from '../report/number-text.js';
import { DISTILLATION_METHODS, type DistillationMethod } from '../training/distillation-losses.js';
import { addEngineOptions, withEngine } from './engine-options.js';
import { nonNegativeNumber, wholeNumber } from './numbers.js';
import { duration, isInteractive, plainLines, progressBar } from './progress.js';
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

interface Shape {
  readonly layers: number;
  readonly hidden: number;
}

interface DistilFlags extends TextRunFlags {
  readonly teacher: string;
  readonly student: string | Shape;
  readonly heads?: number;
  readonly intermediate?: number;
  readonly vocabularySize?: number;
  readonly method: DistillationMethod;
  readonly teacherLayer?: number;
  readonly relationHeads?: number;
  readonly logitsWeight: number;
  readonly initialisation: StudentInitialisation;
  readonly logInterval: number;
}

const EXAMPLES = `
${GOES_ON}

Examples:
  A tiny one of a tiny one (pretrain's example), to see how it goes:
    progtuning distil --teacher models/tiny --student 2x64 --vocabulary-size 800 --text book.txt --out models/small --held-out-share 0.1 --tokens 2e4
  The student goes on, on other text:
    progtuning distil --teacher models/tiny --student models/small --text law-*.txt.gz --out models/small-law --held-out-share 0.1 --tokens 2e4
A student to work with wants a GPU or days: --teacher bert-base-uncased/ --student 6x384 --vocabulary-size 8000 --text wiki-*.txt.xz.`;

/** `6x384`: layers and hidden size; anything else is a folder. @throws InvalidArgumentError for a shape of nothing */
function student(text: string): string | Shape {
  const shape = /^(\d+)x(\d+)$/.exec(text);
  if (!shape) return text;
  const [layers, hidden] = [Number(shape[1]), Number(shape[2])];
  if (layers === 0 || hidden === 0)
    throw new InvalidArgumentError(`student takes a folder or a shape such as 6x384, not '${text}'.`);
  return { layers, hidden };
}

export function registerDistil(program: Command): void {
  const command = program
    .command('distil')
    .requiredOption('--teacher <folder>', 'a BERT, with its masked-language head')
    .requiredOption(
      '--student <shape|folder>',
      'layers x hidden size of a new one, as 6x384, or a folder to go on from, with its tokenizer',
      student,
    )
    .requiredOption('--text <files...>', TEXT_FILES)
    .requiredOption('--out <folder>', 'where the student goes; snapshots lie in OUT/unfinished')
    .option(
      '--vocabulary-size <n>',
      "tokens of the teacher's vocabulary to keep: the text's most frequent, and its single characters (default: all)",
      wholeNumber('vocabulary-size', 10),
    )
    .addOption(
      new Option(
        '--method <name>',
        "minilm: one teacher layer's self-attention relations; tinybert: hidden states and attention scores, layer by layer; logits: the distribution of masked tokens alone",
      )
        .choices(DISTILLATION_METHODS)
        .default('minilm'),
    )
    .option(
      '--teacher-layer <n>',
      "the teacher's layer whose relations are learnt, or the last one that is (default: its last)",
      wholeNumber('teacher-layer', 1),
    )
    .option(
      '--relation-heads <n>',
      'of minilm: both hidden sizes are cut into so many (default: 48, or the largest below that divides both)',
      wholeNumber('relation-heads', 1),
    )
    .option(
      '--logits-weight <x>',
      "of the distribution of masked tokens, beside the method's own loss; 0: no token is masked",
      nonNegativeNumber('logits-weight'),
      1,
    )
    .addOption(
      new Option(
        '--initialisation <kind>',
        "of a new student: embeddings: the teacher's on their principal axes, the rest at random; random: as Hugging Face",
      )
        .choices(STUDENT_INITIALISATIONS)
        .default('embeddings'),
    )
    .option(
      '--heads <n>',
      "attention heads of a new student (default: the teacher's, or H / 64 where these do not divide H)",
      wholeNumber('heads', 1),
    )
    .option(
      '--intermediate <n>',
      'intermediate size of a new student (default: 4 H)',
      wholeNumber('intermediate', 1),
    );
  addTextRunOptions(command, { learningRate: 6e-4 })
    .option(
      '--log-interval <seconds>',
      'where stderr is no terminal: a line of progress every so often; 0: none',
      nonNegativeNumber('log-interval'),
      30,
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DistilFlags) => distilCommand(flags));
  addEngineOptions(command);
}

/** MiniLMv2's 48, or the largest number below it that divides both hidden sizes. */
function relationHeadsFor(sizes: readonly number[]): number {
  let heads = 48;
  while (sizes.some((size) => size % heads !== 0)) heads--;
  return heads;
}

async function settingsOf(flags: DistilFlags): Promise<DistilSettings> {
  const teacher = await bertConfig(flags.teacher);
  const shape =
    typeof flags.student === 'string'
      ? { layers: 0, hidden: (await bertConfig(flags.student)).hiddenSize }
      : flags.student;
  const { hidden } = shape;
  const likeTeacher = hidden % teacher.numAttentionHeads === 0;
  return {
    ...shape,
    heads: flags.heads ?? (likeTeacher ? teacher.numAttentionHeads : Math.max(1, Math.round(hidden / 64))),
    intermediate: flags.intermediate ?? 4 * hidden,
    vocabularySize: flags.vocabularySize ?? null,
    initialisation: flags.initialisation,
    method: flags.method,
    teacherLayer: flags.teacherLayer ?? teacher.numHiddenLayers,
    relationHeads: flags.relationHeads ?? relationHeadsFor([hidden, teacher.hiddenSize]),
    logitsWeight: flags.logitsWeight,
    ...textRunSpec(flags),
  };
}

const lossText = ({ loss, parts = {} }: DistilLoss): string => {
  const each = Object.entries(parts).map(([name, value]) => `${name} ${numberText(value, 3)}`);
  return `held out ${numberText(loss, 4)}${each.length > 1 ? ` (${each.join(', ')})` : ''}`;
};

const textOf = (record: DistilRecord, { out, dtype }: DistilFlags): string => {
  const bytes = record.parameters * (dtype === 'F16' ? 2 : 4);
  return [
    `${out}: ${(record.parameters / 1e6).toFixed(2)} M parameters (${(bytes / 1e6).toFixed(1)} MB), ${(record.tokensSeen / 1e6).toFixed(1)} M tokens seen (${record.epochs.toFixed(2)} epochs)`,
    `  ${lossText(record.finalHeldOut)}`,
    `  time      ${duration(record.seconds)}, ${(record.tokensSeen / record.seconds).toFixed(0)} tokens/s`,
  ].join('\n');
};

async function distilCommand(flags: DistilFlags): Promise<void> {
  const settings = await settingsOf(flags);
  const { teacher, student } = flags;
  const progress = isInteractive() ? progressBar : plainLines(flags.logInterval);
  const shown = textRunDisplay<DistilEvent>('distil', settings.totalSteps, lossText, progress);
  try {
    const options = {
      ...{ ...textRunOptions(flags), teacher },
      student: typeof student === 'string' ? student : undefined,
      ...{ onEvent: shown.onEvent, stopped: interruptible() },
    };
    const record = await withEngine(flags, (engine) => runDistillation(settings, { ...options, ...engine }));
    shown.stop();
    if (!record) process.exitCode = 130;
    else
      await writeTextCard(
        flags,
        (name) => distillationFigure(record, name),
        (options, figure) => distillationCard(record, options, figure),
      );
    if (record) process.stdout.write(`${flags.json ? JSON.stringify(record) : textOf(record, flags)}\n`);
  } finally {
    shown.stop();
  }
}
