/** `progtuning init`: a BERT with random weights and a vocabulary of its own, as a Hugging Face folder. */
import type { Command } from 'commander';
import { readSplit } from '../datasets/source.js';
import { readSquadSplit } from '../datasets/squad-source.js';
import { findTask } from '../datasets/task.js';
import { sampleDocuments } from '../datasets/text.js';
import { UsageError } from '../errors.js';
import { createModel, VOCABULARY_CHARACTERS } from '../experiments/create-model.js';
import { SQUAD_VERSIONS } from '../experiments/run-spec.js';
import { wholeNumber } from './numbers.js';

interface InitFlags {
  readonly out: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads?: number;
  readonly vocabSize: number;
  readonly text?: readonly string[];
  readonly task?: string;
  readonly data: string;
  readonly seed: number;
}

const EXAMPLES = `
Examples:
  A BERT of 4 blocks, 256 wide, with a vocabulary learnt from sentences that come along:
    progtuning init --layers 4 --hidden 256 --vocab-size 500 --task sst2 --out models/random-4x256
  With a vocabulary learnt from your text:
    progtuning init --layers 2 --hidden 128 --vocab-size 1000 --text book.txt --out models/random-2x128`;

export function registerInit(program: Command): void {
  program
    .command('init')
    .requiredOption('--out <folder>', 'where the model goes')
    .option('--layers <L>', 'blocks', wholeNumber('layers', 1), 4)
    .option('--hidden <H>', 'hidden size; the intermediate size is 4 H', wholeNumber('hidden', 1), 256)
    .option('--heads <n>', 'attention heads (default: H / 64)', wholeNumber('heads', 1))
    .option('--vocab-size <n>', 'tokens, at most 30000', wholeNumber('vocab-size', 10), 8000)
    .option('--text <files...>', 'plain text, .gz or .xz, to learn the vocabulary from')
    .option('--task <name>', "or: a task's training sentences (SQuAD: paragraphs and questions)")
    .option('--data <source>', "folder that holds the task's folder, embedded or plain", 'embedded')
    .option('--seed <n>', 'draws the weights', wholeNumber('seed', 0), 42)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: InitFlags) => createModel({ ...flags, texts: await textsOf(flags) }));
}

/** Sentences of a task's training split; SQuAD: each paragraph once, and the questions. */
async function taskTexts(task: string, data: string): Promise<string[]> {
  const version = SQUAD_VERSIONS.get(task);
  if (version) {
    const { examples } = await readSquadSplit(data, version, 'train');
    const paragraphs = new Set(examples.map(({ context }) => context));
    return [...paragraphs, ...examples.map(({ question }) => question)];
  }
  const { examples } = await readSplit(data, findTask(task), 'train');
  return examples.flatMap(({ texts }) => texts);
}

async function textsOf({ text, task, data }: InitFlags): Promise<string[]> {
  if (task !== undefined) return taskTexts(task, data);
  if (!text) throw new UsageError('init: give --text FILES or --task NAME to learn the vocabulary from');
  return sampleDocuments(text, VOCABULARY_CHARACTERS);
}
