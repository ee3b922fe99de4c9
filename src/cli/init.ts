/** `progtuning init`: a BERT with random weights and a vocabulary of its own, as a Hugging Face folder. */
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readSplit } from '../datasets/source.js';
import { findTask } from '../datasets/task.js';
import { DataError, UsageError } from '../errors.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import { type ModelConfig, PRESETS } from '../models/config.js';
import { initialise } from '../models/initialise.js';
import { modelSpecs } from '../models/specs.js';
import { trainVocabulary, writeTokenizer } from '../tokenizers/train.js';
import { wholeNumber } from './numbers.js';

export interface InitOptions {
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
Example:
  A BERT of 4 blocks, 256 wide, with a vocabulary learnt from SST-2's training sentences:
    progtuning init --layers 4 --hidden 256 --vocab-size 8000 --task sst2 --data glue/ --out models/random-4x256`;

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('Make a BERT with random weights and a vocabulary trained on your text.')
    .requiredOption('--out <folder>', 'where the model goes')
    .option('--layers <L>', 'blocks', wholeNumber('layers', 1), 4)
    .option('--hidden <H>', 'hidden size; the intermediate size is 4 H', wholeNumber('hidden', 1), 256)
    .option('--heads <n>', 'attention heads (default: H / 64)', wholeNumber('heads', 1))
    .option('--vocab-size <n>', 'tokens, at most 30000', wholeNumber('vocab-size', 10), 8000)
    .option('--text <files...>', 'plain text to learn the vocabulary from')
    .option('--task <name>', "or: a task's training sentences")
    .option('--data <source>', "folder that holds the task's folder, or embedded", 'embedded')
    .option('--seed <n>', 'draws the weights', wholeNumber('seed', 0), 42)
    .addHelpText('after', EXAMPLES)
    .action(initModel);
}

async function textsOf({ text, task, data }: InitOptions): Promise<string[]> {
  if (task !== undefined) {
    const { examples } = await readSplit(data, findTask(task), 'train');
    return examples.flatMap(({ texts }) => texts);
  }
  if (!text) throw new UsageError('init: give --text FILES or --task NAME to learn the vocabulary from');
  return Promise.all(
    text.map((path) =>
      readFile(path, 'utf8').catch(() => {
        throw new DataError(`${path}: no such file`);
      }),
    ),
  );
}

/** Makes the folder. @throws UsageError when it exists, DataError when the text is missing or too small */
export async function initModel(options: InitOptions): Promise<void> {
  const { out, layers, hidden, vocabSize, seed } = options;
  const heads = options.heads ?? Math.max(1, Math.round(hidden / 64));
  if (hidden % heads !== 0)
    throw new UsageError(`init: hidden ${hidden} is not a multiple of heads ${heads}`);
  const taken = await access(join(out, 'model.safetensors')).then(
    () => true,
    () => false,
  );
  if (taken) throw new UsageError(`${out}: holds a model already; choose another --out`);
  const vocabulary = await trainVocabulary(await textsOf(options), { vocabSize, lowercase: true });
  const config: ModelConfig = {
    ...(PRESETS['bert-base-uncased'] as ModelConfig),
    vocabSize: vocabulary.length,
    hiddenSize: hidden,
    numHiddenLayers: layers,
    numAttentionHeads: heads,
    intermediateSize: 4 * hidden,
  };
  const head = { kind: 'classification', numLabels: 2 } as const;
  const specs = modelSpecs(config, head).filter(({ place }) => place.kind !== 'classifier');
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, seed)]));
  await mkdir(out, { recursive: true });
  await writeTokenizer(out, vocabulary, { lowercase: true });
  await saveCheckpoint(out, { folder: undefined, config, head, specs, parameters, initialised: [] });
}
