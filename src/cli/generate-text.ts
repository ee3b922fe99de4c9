/** `progtuning generate-text`: what a decoder writes, as it writes it. */
import { type Command, Option } from 'commander';
import { type GenerateTextRequest, generateText } from '../experiments/generate-text.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { anyNumber, numberBetween, positiveNumber, wholeNumber } from './numbers.js';
import { note } from './progress.js';

interface Flags extends EngineFlags, Omit<GenerateTextRequest, 'doSample' | 'stopStrings' | 'earlyStopping'> {
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
  progtuning generate-text --model models/from-gguf --prompt 'The play' --num-beams 3 --length-penalty 1 --stop . --max-new-tokens 8`;

function samplingOf({ sample, temperature, topK, topP, seed }: Flags): GenerateTextRequest['doSample'] {
  const given = Object.fromEntries(
    Object.entries({ temperature, topK, topP, seed }).filter(([, value]) => value !== undefined),
  );
  return sample || Object.keys(given).length > 0 ? given : undefined;
}

function requestOf(flags: Flags): GenerateTextRequest {
  const { stop, earlyStopping, ...rest } = flags;
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

export function registerGenerateText(program: Command): void {
  const command = program
    .command('generate-text')
    .requiredOption(
      '--model <folder>',
      'a decoder (GPT-2, LLaMA, Qwen2), or the base model of --adapter; folder or hub id',
    )
    .option('--adapter <folder>', 'a saved LoRA, Adapter or BitFit to lay over it')
    .requiredOption('--prompt <text>', 'what the text goes on from')
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
  addEngineOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) =>
      withEngine(flags, async (engine) => {
        const pieces = generateText(requestOf(flags), {
          ...engine,
          onNote: note,
          onEnd: ({ promptTokens, newTokens, seconds }) =>
            note(
              `${promptTokens} tokens of prompt, ${newTokens} written in ${seconds.toFixed(2)} s: ${(newTokens / seconds).toFixed(1)} tokens/s`,
            ),
        });
        for await (const piece of pieces) process.stdout.write(piece);
        process.stdout.write('\n');
      }),
    );
}
