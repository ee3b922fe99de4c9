/** `progtuning block-gradients`: how large the gradient of each block is before training, beside the paper's figure 1. */
import { type Command, Option } from 'commander';
import { SHIPPED_MODEL } from '../datasets/source.js';
import {
  type BlockGradientsRecord,
  measureBlockGradients,
  writeBlockGradients,
} from '../experiments/block-gradients-run.js';
import { runSpec } from '../experiments/run-spec.js';
import { tableText } from '../report/table.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { wholeNumber } from './numbers.js';
import { progressBar } from './progress.js';

interface BlockGradientsFlags extends EngineFlags {
  readonly task: string;
  readonly data: string;
  readonly model: string;
  readonly batches: number;
  readonly batchSize: number;
  readonly maxLength: number;
  readonly seed: number;
  readonly out?: string;
}

const EXAMPLES = `
The squared norm of the loss's gradient, block by block, averaged over batches of the training data, at the weights before training and
without dropout. One pass over the data, where figure 1 takes a training for each block.

Examples:
  Of the model that ships, on what ships:
    progtuning block-gradients --task sst2 --batches 4
  As a record, for notebook 06:
    progtuning block-gradients --task cola --batches 2 --out block-gradients/cola.json`;

export function registerBlockGradients(program: Command): void {
  const command = program
    .command('block-gradients')
    .requiredOption('--task <name>', 'a task of GLUE, or squad')
    .option('--data <source>', 'a folder with the tasks’ folders; embedded; plain; hub', 'embedded')
    .option('--model <folder>', 'folder, shipped name or hub id', SHIPPED_MODEL)
    .option('--batches <n>', 'batches of the first epoch', wholeNumber('batches', 1), 32)
    .option('--batch-size <n>', 'examples', wholeNumber('batch-size', 1), 32)
    .option('--max-length <n>', 'tokens', wholeNumber('max-length', 8), 128)
    .addOption(
      new Option('--seed <n>', 'draws the head and the order').default(0).argParser(wholeNumber('seed', 0)),
    )
    .option('--out <file>', 'write the record here');
  addEngineOptions(command).addHelpText('after', EXAMPLES).action(blockGradientsCommand);
}

function table({ embeddings, blocks, head, batches, spec }: BlockGradientsRecord): string {
  const total = blocks.reduce((sum, one) => sum + one, 0);
  const rows = [
    { part: 'embeddings', value: embeddings, share: null },
    ...blocks.map((value, i) => ({ part: `block ${i + 1}`, value, share: (100 * value) / total })),
    { part: 'head', value: head, share: null },
  ];
  const headers = { value: 'squared gradient norm', share: "% of all blocks'" };
  const caption = `${spec.model} before training, ${spec.task}, ${batches} batches of ${spec.batchSize}, seed ${spec.seed}`;
  return tableText(rows, { headers, digits: { share: 1, value: 5 }, caption });
}

async function blockGradientsCommand(flags: BlockGradientsFlags): Promise<void> {
  const { task, data, model, batches, batchSize, maxLength, seed, out, ...engine } = flags;
  const schedule = { kind: 'full' } as const;
  const spec = runSpec({ task, data, model, batchSize, maxLength, seed, schedule });
  const bar = progressBar('batches', batches, 'batches');
  let done = 0;
  const record = await withEngine(engine, (options) =>
    measureBlockGradients(spec, batches, options, () => bar.update(++done)),
  ).finally(() => bar.stop());
  if (out !== undefined) await writeBlockGradients(out, record);
  process.stdout.write(`${table(record)}\n`);
}
