/** `progtuning export`: a model as ONNX, for `@huggingface/transformers` in Node or the browser. */
import type { Command } from 'commander';
import { type ExportRequest, exportRun } from '../experiments/export-run.js';

const EXAMPLES = `
Examples:
  progtuning export --model runs/sst2 --out web/sst2
  progtuning export --model bert-base-uncased --adapter runs/sst2-lora --task sst2 --out web/sst2-lora
Then, in JavaScript (a folder is written with ./ in front; without, it is taken for a hub id):
  import { pipeline } from '@huggingface/transformers';
  const classify = await pipeline('text-classification', './web/sst2', { local_files_only: true, dtype: 'fp32' });
  console.log(await classify('a lovely film'));
Models that write are exported alike, with their cache of keys and values (a T5 as encoder_model.onnx and decoder_model_merged.onnx), for
pipeline('text-generation', ...) and pipeline('text2text-generation', ...).
A regression model (STS-B) has no classes, and this pipeline's softmax makes 1 of every score. The score is what the model itself gives,
(await model(tokenizer(one, { text_pair: other }))).logits, with AutoTokenizer and AutoModelForSequenceClassification.`;

export function registerExport(program: Command): void {
  program
    .command('export')
    .requiredOption(
      '--model <folder>',
      'a fine-tuned model, or the base model of --adapter; folder or hub id',
    )
    .option('--adapter <folder>', 'a saved LoRA, Adapter or BitFit to lay over it')
    .option('--task <name>', 'what the adapter was trained for, if not to write')
    .requiredOption('--out <folder>', 'where the model goes')
    .addHelpText('after', EXAMPLES)
    .action(async (request: ExportRequest) => {
      const bytes = await exportRun(request);
      process.stdout.write(`${request.out}/onnx: ${(bytes / 2 ** 20).toFixed(1)} MiB\n`);
    });
}
