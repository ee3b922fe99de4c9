/** `progtuning generate-text`: what a decoder or encoder-decoder writes, as it writes it. */
import { type Command, Option } from 'commander';
import { DATA_TO_TEXT_TASKS, type DataToTextTask } from '../datasets/data-to-text/read.js';
import { localFile } from '../datasets/hub-dataset.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { type GenerateTextRequest, generateText, type WriterRequest } from '../experiments/generate-text.js';
import { type GivenTexts, pairColumns } from '../experiments/text-task.js';
import { type WriteTextsRequest, writeTexts } from '../experiments/write-texts.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { anyNumber, numberBetween, positiveNumber, wholeNumber } from './numbers.js';
import { addColumnOptions, type ColumnFlags, givenColumns } from './own-data-options.js';
import { note } from './progress.js';

interface Flags
  extends EngineFlags,
    ColumnFlags,
    Omit<GenerateTextRequest, 'prompt' | 'doSample' | 'stopStrings' | 'earlyStopping'> {
  readonly prompt?: string;
  readonly input?: string;
  readonly task?: DataToTextTask;
  readonly out?: string;
  readonly maxExamples?: number;
  readonly sample?: true;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly earlyStopping?: 'true' | 'false' | 'never';
}

const EXAMPLES = `
Examples:
  progtuning generate-text --model models/from-gguf --prompt 'The play' --max-new-tokens 8
  progtuning generate-text --model models/from-gguf --chat --prompt 'Name a play.' --sample --temperature 0.7 --top-p 0.9 --max-new-tokens 8
  progtuning generate-text --model t5/ --input rows.csv --text-column mr --label-column ref --num-beams 2 --max-new-tokens 8 --out written.jsonl
  progtuning generate-text --model models/from-gguf --prompt 'The play' --num-beams 3 --length-penalty 1 --stop . --max-new-tokens 8`;

function samplingOf({ sample, temperature, topK, topP, seed }: Flags): GenerateTextRequest['doSample'] {
  const given = Object.fromEntries(
    Object.entries({ temperature, topK, topP, seed }).filter(([, value]) => value !== undefined),
  );
  return sample || Object.keys(given).length > 0 ? given : undefined;
}

function requestOf(flags: Flags): WriterRequest {
  const { stop, earlyStopping, prompt: _prompt, input: _input, out: _out, task: _task, ...rest } = flags;
  const doSample = samplingOf(flags);
  return {
    ...rest,
    ...(doSample === undefined ? {} : { doSample }),
    ...(stop === undefined ? {} : { stopStrings: stop }),
    ...(earlyStopping === undefined
      ? {}
      : { earlyStopping: earlyStopping === 'never' ? 'never' : earlyStopping === 'true' }),
  };
}

async function tableColumns(input: string, given: GivenTexts): Promise<WriteTextsRequest['columns']> {
  const { text, prefix, delimiter, label } = given;
  if (text !== undefined) return { text, prefix, delimiter, label };
  return { ...(await pairColumns(await localFile(input), given)), delimiter };
}

/** A text for each row; metrics as JSON on stdout where there are references. @throws UsageError, DataError */
async function writeTable(flags: Flags, engine: CompileOptions): Promise<void> {
  const { input, out, prompt, maxExamples, task } = flags;
  if (input === undefined || prompt !== undefined || out === undefined)
    throw new UsageError('--input goes with --out, and without --prompt');
  const columns = task ? undefined : await tableColumns(input, givenColumns(flags));
  const metrics = await writeTexts(
    { ...requestOf(flags), input, columns, task, out, maxExamples },
    { ...engine, onNote: note },
  );
  if (metrics) process.stdout.write(`${JSON.stringify(metrics, null, 2)}\n`);
}

export function registerGenerateText(program: Command): void {
  const command = program
    .command('generate-text')
    .requiredOption(
      '--model <folder>',
      'a decoder (GPT-2, LLaMA, Qwen2) or encoder-decoder (T5), or the base model of --adapter; folder or hub id',
    )
    .option('--adapter <folder>', 'a saved LoRA, Adapter or BitFit to lay over it')
    .option('--prompt <text>', 'what the text goes on from; T5: what it reads')
    .option(
      '--input <file>',
      'a table in the place of a prompt: a text is written for each distinct one of its --text-column, and with --label-column (the references) scored',
    )
    .addOption(
      new Option(
        '--task <name>',
        'with --input FOLDER: the test part of this data set, with its references',
      ).choices(DATA_TO_TEXT_TASKS),
    )
    .option('--out <file>', 'with --input: what is written, .jsonl')
    .option('--max-examples <n>', 'with --input: the first n distinct texts', wholeNumber('max-examples', 1))
    .option('--chat', "the prompt is what a user says; the tokenizer's chat_template writes the conversation")
    .option('--system <text>', 'in a chat: what the system says first')
    .option('--max-new-tokens <n>', 'most tokens that are written', wholeNumber('max-new-tokens', 1), 128)
    .option('--sample', 'draw the tokens; without, the most probable one is taken')
    .option(
      '--temperature <t>',
      'with --sample: below 1 probable tokens gain (default: 1)',
      positiveNumber('temperature'),
    )
    .option(
      '--top-k <n>',
      'with --sample: so many most probable tokens; 0: all (default: 50)',
      wholeNumber('top-k', 0),
    )
    .option(
      '--top-p <p>',
      'with --sample: the most probable tokens of this probability (default: 1)',
      numberBetween('top-p', 0, 1),
    )
    .option('--seed <n>', 'with --sample: draws the tokens (default: 42)', wholeNumber('seed', 0))
    .option(
      '--repetition-penalty <r>',
      'over 1: tokens that are there already lose (default: 1)',
      positiveNumber('repetition-penalty'),
    )
    .option('--num-beams <n>', 'beam search over so many texts', wholeNumber('num-beams', 1), 1)
    .option(
      '--length-penalty <x>',
      'of beams: above 0 longer texts gain (default: 1)',
      anyNumber('length-penalty'),
    )
    .addOption(
      new Option('--early-stopping <when>', 'of beams (default: false)').choices(['true', 'false', 'never']),
    )
    .option('--stop <strings...>', 'any of these ends the text');
  addColumnOptions(command);
  addEngineOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) =>
      withEngine(flags, async (engine) => {
        if (flags.input !== undefined) return writeTable(flags, engine);
        if (flags.prompt === undefined)
          throw new UsageError('--prompt: what is gone on from? Or give a table with --input');
        const pieces = generateText(
          { ...requestOf(flags), prompt: flags.prompt },
          {
            ...engine,
            onNote: note,
            onEnd: ({ promptTokens, newTokens, seconds }) =>
              note(
                `${promptTokens} tokens of prompt, ${newTokens} written in ${seconds.toFixed(2)} s: ${(newTokens / seconds).toFixed(1)} tokens/s`,
              ),
          },
        );
        for await (const piece of pieces) process.stdout.write(piece);
        process.stdout.write('\n');
      }),
    );
}
