/** The whole command line, as a value: `cli.ts` runs it, a test reads its help. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerBlockGradients } from './block-gradients.js';
import { registerEvaluate } from './evaluate.js';
import { registerExport } from './export.js';
import { registerFinetune } from './finetune.js';
import { registerGenerate } from './generate.js';
import { registerGrid } from './grid.js';
import { registerInit } from './init.js';
import { registerNotebooks } from './notebooks.js';
import { registerParams } from './params.js';
import { registerPredict } from './predict.js';
import { registerPretrain } from './pretrain.js';
import { registerReproduce } from './reproduce.js';
import { registerRerun } from './rerun.js';

const EXAMPLES = `
Every command has --help with examples; they build on one another, from finetune to export.

Examples:
  A small BERT that comes along, on sentences that come along: nothing is downloaded:
    progtuning finetune --task sst2 --model progtuning-bert-6x256 --max-train-examples 32 --max-eval-examples 32
  What Progtuning saves on BERT-base:
    progtuning params --model bert-base-uncased --stages 3`;

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function buildProgram(): Command {
  const program = new Command('progtuning')
    .description(
      'Progressive fine-tuning of Transformers (arXiv 2506.21119), on an ordinary CPU, without Python.',
    )
    .version(packageVersion())
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  for (const register of [
    registerFinetune,
    registerParams,
    registerEvaluate,
    registerPredict,
    registerExport,
    registerInit,
    registerPretrain,
    registerGenerate,
    registerGrid,
    registerBlockGradients,
    registerNotebooks,
    registerReproduce,
    registerRerun,
  ]) {
    register(program);
  }
  return program;
}
