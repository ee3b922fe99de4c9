/** A folder in which every example of every `--help` works: the files that the examples name, made from what ships. */
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createModel } from '../../src/experiments/create-model.js';
import { type Gpt2Config, PRESETS } from '../../src/models/config.js';
import { byteModel } from '../byte-model.js';
import { goldenPath, packageRoot } from '../golden/golden.js';
import { tinyLlama } from '../models/gguf-file.js';

/** Rows of each file of a task. */
const ROWS = 16;
const read = (...path: string[]): Promise<string> => readFile(join(packageRoot, ...path), 'utf8');

async function write(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), content);
}

async function writeData(folder: string): Promise<void> {
  for (const task of ['SST-2', 'RTE'])
    for (const file of ['train.tsv', 'dev.tsv']) {
      const lines = (await read('data/glue', task, file)).split('\n');
      await write(folder, join('glue', task, file), `${lines.slice(0, ROWS + 1).join('\n')}\n`);
    }
  for (const file of ['train-v1.1.json', 'dev-v1.1.json']) {
    const { version, data } = JSON.parse(await read('data/squad', file)) as Squad;
    const [{ title, paragraphs }] = data;
    const few = { version, data: [{ title, paragraphs: paragraphs.slice(0, 1) }] };
    await write(folder, join('squad', file), JSON.stringify(few));
  }
}

interface Squad {
  readonly version: string;
  readonly data: readonly [{ readonly title: string; readonly paragraphs: readonly unknown[] }];
}

/** Prose enough for a vocabulary of a thousand tokens: the notebooks'. */
async function prose(): Promise<string[]> {
  const names = await readdir(join(packageRoot, 'notebooks/source'));
  const texts = await Promise.all(names.sort().map((name) => read('notebooks/source', name)));
  return texts.flatMap((text) => text.split('\n')).filter((line) => /^[A-Z].{60}/.test(line));
}

const GRID = {
  title: 'A small grid',
  shared: {
    model: 'bert-base-uncased',
    data: 'embedded',
    epochs: 1,
    maxTrainExamples: 8,
    maxEvalExamples: 8,
  },
  tasks: { rte: {} },
  methods: {
    full: {},
    lora: { method: { kind: 'lora', rank: 4, alpha: 8, dropout: 0, targets: ['query'] } },
  },
  schedules: [{ kind: 'full' }],
  seeds: [1, 2],
};

/** A table of one's own. */
const reviews = (): string =>
  `text,label\n${Array.from({ length: 40 }, (_, i) => `the ${i % 2 ? 'good' : 'bad'} hall ${i},${i % 2 ? 'fine' : 'poor'}`).join('\n')}\n`;

async function writeT5(folder: string): Promise<void> {
  await cp(goldenPath('t5', 'v1_0', 'model'), folder, { recursive: true });
  await cp(goldenPath('t5', 'tokenizer'), folder, { recursive: true });
}

/** What is to be written of what. */
const pairs = (): string =>
  `mr,ref\n${Array.from({ length: 12 }, (_, i) => `the pub ${i},a pub is the pub and a cat is a cat`).join('\n')}\n`;

const NOTEBOOK = '# A lesson\n\n```typescript\nconsole.log(6 * 7);\n```\n';

/** @returns the PATH under which `progtuning` is this project's, as it is after an installation */
export async function layOut(folder: string): Promise<string> {
  const lines = await prose();
  await Promise.all([
    writeData(folder),
    createModel({
      out: join(folder, 'bert-base-uncased'),
      ...{ layers: 3, hidden: 16, heads: 2, vocabSize: 500, texts: lines, seed: 1 },
    }),
    byteModel(join(folder, 'gpt2'), {
      ...(PRESETS.gpt2 as Gpt2Config),
      ...{ vocabSize: 257, hiddenSize: 16, numHiddenLayers: 3, numAttentionHeads: 2, intermediateSize: 32 },
      ...{ maxPositionEmbeddings: 256, padTokenId: 256, eosTokenId: 256 },
    }),
    writeT5(join(folder, 't5')),
    write(folder, 'rows.csv', pairs()),
    write(folder, 'reviews.csv', reviews()),
    write(folder, 'new.csv', 'text\nwhat a fine hall\n'),
    write(folder, 'new.txt', 'what a fine hall\n'),
    write(folder, 'questions.csv', 'question,context\nWho has the key?,The porter has the key.\n'),
    write(folder, 'book.txt', lines.join('\n\n')),
    write(folder, 'law-1.txt.gz', gzipSync(lines.slice(0, 200).join('\n\n'))),
    write(folder, 'data/grids/glue.json', JSON.stringify(GRID)),
    write(folder, 'model.gguf', tinyLlama()),
    write(folder, 'lesson.md', NOTEBOOK),
    write(folder, 'notebooks/source/01-lesson.md', NOTEBOOK),
    mkdir(join(folder, 'bin')),
  ]);
  const command = join(packageRoot, 'dist/lib/cli.js');
  await chmod(command, 0o755);
  await symlink(command, join(folder, 'bin/progtuning'));
  await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return `${join(folder, 'bin')}:${process.env.PATH}`;
}
