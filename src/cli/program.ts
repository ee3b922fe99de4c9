/**
 * The whole command line, as a value: `cli.ts` runs it, a test reads its help. A command's code, and the engine with it, is loaded when
 * it is called, so that the list of commands comes at once.
 */
import { Command } from 'commander';
import { packageVersion } from '../package.js';

const EXAMPLES = `
Every command has --help with examples; they build on one another, from finetune to export.

Examples:
  A small BERT that comes along, on sentences that come along: nothing is downloaded:
    progtuning finetune --task sst2 --model progtuning-bert-6x256 --max-train-examples 32 --max-eval-examples 32
  What Progtuning saves on BERT-base:
    progtuning params --model bert-base-uncased --stages 3`;

interface Entry {
  readonly description: string;
  /** Loads the command. @returns what adds it to the program, under its name */
  readonly load: () => Promise<(program: Command) => void>;
}

/** By name, in the order of the help. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  finetune: {
    description: 'Fine-tune a model on a GLUE task, SQuAD or data of your own, and evaluate it.',
    load: async () => (await import('./finetune.js')).registerFinetune,
  },
  params: {
    description: 'Count the parameters that a method and a schedule update. Needs no weights.',
    load: async () => (await import('./params.js')).registerParams,
  },
  evaluate: {
    description: 'score predictions, or a saved model',
    load: async () => (await import('./evaluate.js')).registerEvaluate,
  },
  predict: {
    description:
      "What a saved model says of texts: label and scores, or a question's answer and where it stands (UTF-16 start and end), in the order of the rows.",
    load: async () => (await import('./predict.js')).registerPredict,
  },
  export: {
    description: 'Write a model as ONNX, in the folder layout of @huggingface/transformers.',
    load: async () => (await import('./export.js')).registerExport,
  },
  convert: {
    description: 'Write a LLaMA that lies in a GGUF file as a Hugging Face folder.',
    load: async () => (await import('./convert.js')).registerConvert,
  },
  push: {
    description: 'Send a saved model or adapter, with its card and record, to the Hugging Face hub.',
    load: async () => (await import('./push.js')).registerPush,
  },
  init: {
    description: 'Make a BERT with random weights and a vocabulary trained on your text.',
    load: async () => (await import('./init.js')).registerInit,
  },
  pretrain: {
    description: 'Pre-train a BERT as a masked-language model on plain text.',
    load: async () => (await import('./pretrain.js')).registerPretrain,
  },
  distil: {
    description: 'Distil a small student from a BERT on plain text.',
    load: async () => (await import('./distil.js')).registerDistil,
  },
  generate: {
    description: "Write the generated tasks in GLUE's and SQuAD's layouts.",
    load: async () => (await import('./generate.js')).registerGenerate,
  },
  'generate-text': {
    description: 'Write text with a decoder, and show it as it comes.',
    load: async () => (await import('./generate-text.js')).registerGenerateText,
  },
  grid: {
    description: 'Run what is missing of a grid of runs, and keep the records in a ledger.',
    load: async () => (await import('./grid.js')).registerGrid,
  },
  ledger: {
    description: 'Look at the records of runs, check them, and make one ledger of two.',
    load: async () => (await import('./ledger.js')).registerLedger,
  },
  'block-gradients': {
    description: 'Measure the gradient of each block before training, a cheap estimate beside figure 1.',
    load: async () => (await import('./block-gradients.js')).registerBlockGradients,
  },
  notebooks: {
    description: 'Build and execute tslab notebooks, without Python.',
    load: async () => (await import('./notebooks.js')).registerNotebooks,
  },
  reproduce: {
    description: 'Judge the claims of the paper from the records, and execute every notebook.',
    load: async () => (await import('./reproduce.js')).registerReproduce,
  },
  rerun: {
    description: 'Make the runs of records again and compare the numbers.',
    load: async () => (await import('./rerun.js')).registerRerun,
  },
  completion: {
    description: 'Print the script that completes commands and options in a shell.',
    load: async () => (await import('./completion.js')).registerCompletion,
  },
};

/** The command that a command line calls, or asks the help of; undefined: none. */
const calledBy = (words: readonly string[]): string | undefined =>
  words.find((word) => Object.hasOwn(COMMANDS, word));

/** @param words the command line: the command that it calls is whole, of the others there is the description. Default: all are whole */
export async function buildProgram(words?: readonly string[]): Promise<Command> {
  const program = new Command('progtuning')
    .description(
      'Progressive fine-tuning of Transformers (arXiv 2506.21119), on an ordinary CPU, without Python.',
    )
    .version(packageVersion())
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  const called = words && calledBy(words);
  for (const [name, { description, load }] of Object.entries(COMMANDS)) {
    if (!words || name === called) {
      (await load())(program);
      const { suggestChoices } = await import('./choices.js');
      suggestChoices(program.commands.at(-1) as Command);
    } else program.command(name);
    program.commands.at(-1)?.description(description);
  }
  return program;
}
