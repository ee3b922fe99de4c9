/** `progtuning finetune`: argv -> RunSpec -> run -> metrics as text or one JSON object. */
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { isShippedData } from '../datasets/source.js';
import { UsageError } from '../errors.js';
import { type RunEvent, run } from '../experiments/run.js';
import { OWN_KINDS, type RunSpec, runSpec } from '../experiments/run-spec.js';
import { checkWritable } from '../experiments/save-folder.js';
import { writeTextAtomically } from '../models/config-file.js';
import { canDraw, DRAWING_PACKAGES } from '../report/svg.js';
import { saveConfusions } from './confusions.js';
import { STRICT } from './data-options.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { addMethodOptions, headTrainingOf, type MethodFlags, methodFor } from './method-options.js';
import { nonNegativeNumber } from './numbers.js';
import { addOwnDataOptions, type OwnDataFlags, taskAndData } from './own-data-options.js';
import { addPushOptions, type PushFlags, pusher } from './push.js';
import { rangeTest } from './range-test.js';
import { defaultsOf, literatureText } from './recipe-options.js';
import { LOG_INTERVAL, runDisplay } from './run-display.js';
import { jsonOf } from './run-json.js';
import { planText, recordText, stagesText } from './run-text.js';
import { addScheduleOptions, type ScheduleFlags, scheduleOf } from './schedule-options.js';
import { addSquadOptions, type SquadFlags, squadOf } from './squad-options.js';
import { addTrainingOptions, type TrainingFlags, trainingOf } from './training-options.js';
import { addWatchOptions, keptOf, type WatchFlags, watchedOf } from './watch-options.js';

interface FinetuneFlags
  extends MethodFlags,
    ScheduleFlags,
    TrainingFlags,
    Omit<SquadFlags, 'task'>,
    EngineFlags,
    PushFlags,
    OwnDataFlags,
    WatchFlags {
  readonly model: string;
  readonly save?: string;
  readonly overwrite?: boolean;
  readonly predictTest?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly logInterval: number;
  readonly report?: string;
}

const EXAMPLES = `
Examples:
  Progtuning, three stages, on SST-2 in GLUE's original layout:
    progtuning finetune --task sst2 --data glue/ --model bert-base-uncased/ --epochs 3 --save runs/sst2
  Full fine-tuning with the same settings, as one JSON object:
    progtuning finetune --task sst2 --data glue/ --model bert-base-uncased/ --epochs 3 --schedule full --json
  LoRA under Progtuning:
    progtuning finetune --task sst2 --data glue/ --model bert-base-uncased/ --method lora --lora-rank 8 --save runs/sst2-lora
  LoRA on every linear map of the blocks, as PEFT's all-linear:
    progtuning finetune --task rte --data glue/ --model bert-base-uncased/ --method lora --lora-targets all-linear
  SQuAD v1.1 from its official files; predictions.json and nbest_predictions.json beside the checkpoint:
    progtuning finetune --task squad --data squad/ --model bert-base-uncased/ --epochs 2 --save runs/squad
  Your own reviews, a tenth of them held out; the classes are those of the file:
    progtuning finetune --train-file reviews.csv --text-column text --label-column label --model bert-base-uncased/ --save runs/reviews
  The same, evaluated every epoch, the best weights kept, with a page of its curves:
    progtuning finetune --train-file reviews.csv --model bert-base-uncased/ --load-best-model-at-end --metric-for-best-model accuracy --early-stopping-patience 2 --save runs/best --report best.html
  A GPT-2 or LLaMA on text of your own, to predict the next token; perplexity of the tenth that is held out:
    progtuning finetune --task causal-lm --train-file book.txt --model gpt2/ --max-length 256 --save runs/book
  A T5 that writes one column of a table of another, equal parts of its two stacks side by side:
    progtuning finetune --task seq2seq-lm --train-file rows.csv --text-column mr --label-column ref --model t5/ --epochs 2 --stacks side-by-side --save runs/t5
  Parts by what blocks contribute (trace of the Fisher information on 256 training examples), least first:
    progtuning finetune --task rte --data glue/ --model bert-base-uncased/ --partition contribution --contribution-estimate fisher
  Low blocks freeze when they hardly move any more, looked at after each epoch (--stages 10: ten times in the run):
    progtuning finetune --task rte --data glue/ --model bert-base-uncased/ --partition adaptive --freeze-threshold 50 --embeddings first-stage
  LISA: two random blocks at a time, others every five steps, moments of what thaws reset:
    progtuning finetune --task rte --data glue/ --model bert-base-uncased/ --schedule lisa --lisa-layers 2 --lisa-interval 5 --optimiser-state reset-thawed
  A warm-up and a decay for each stage, at lower and lower peaks:
    progtuning finetune --task rte --data glue/ --model bert-base-uncased/ --learning-rate-stages restart --learning-rate-peaks 1,0.5,0.25
  200 steps at most, classes weighed by how rare they are, curves for TensorBoard:
    progtuning finetune --train-file reviews.csv --model bert-base-uncased/ --max-steps 200 --class-weights balanced --logging-dir curves/ --eval-steps 50`;

export function registerFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .option(
      '--task <name>',
      `cola sst2 mrpc stsb qqp mnli qnli rte wnli squad squad_v2; of encoder-decoders e2e webnlg; of own data ${OWN_KINDS.join(' ')} (default: guessed)`,
    )
    .option(
      '--data <source>',
      "folder that holds the task's folder (SST-2/train.tsv) or SQuAD's files (train-v1.1.json), hub, embedded, or plain: generated text that is learnt in seconds (default: embedded)",
    )
    .requiredOption(
      '--model <folder>',
      'hub id, or folder with config.json, model.safetensors, tokenizer.json or vocab.txt',
    );
  addOwnDataOptions(command);
  addTrainingOptions(addSquadOptions(addScheduleOptions(addMethodOptions(command))))
    .option(
      '--save <folder>',
      'write the fine-tuned checkpoint; an interrupted run goes on from its last whole epoch',
    )
    .option('--overwrite', 'with --save: begin anew over the result or the unfinished run of another')
    .option(
      '--predict-test',
      "with --save: also answer the test sets, as files that GLUE's server takes (MNLI: and AX)",
    )
    .option('--strict', STRICT)
    .option(
      '--log-interval <seconds>',
      'where stderr is no terminal: a line at most every so many seconds; 0: none',
      nonNegativeNumber('log-interval'),
      LOG_INTERVAL,
    )
    .option(
      '--report <file>',
      'write a page of the run: loss, metrics, learning rate, parameters; one .html file',
    )
    .option('--json', 'one JSON object on stdout, nothing else')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: FinetuneFlags) => finetune(flags));
  addEngineOptions(addPushOptions(addWatchOptions(command)));
}

async function specOf(flags: FinetuneFlags): Promise<RunSpec> {
  const method = await methodFor(flags, flags.model);
  const source = await taskAndData(flags);
  const { model, maxTrainExamples = null } = flags;
  const request = { ...source, model, maxTrainExamples };
  const defaults = await defaultsOf(flags.recipe, request, method, flags);
  const epochs = flags.epochs ?? defaults.epochs;
  const { maxSteps = Number.POSITIVE_INFINITY } = flags;
  const stages = flags.stages ?? Math.min(flags.epochs ?? defaults.stages, maxSteps);
  return runSpec({
    ...source,
    model,
    method,
    headTraining: headTrainingOf(flags, method),
    schedule: scheduleOf(flags, stages, flags.seed),
    epochs,
    ...trainingOf(flags, defaults),
    ...squadOf({ ...flags, task: source.task }),
    ...watchedOf(flags),
  });
}

async function finetune(flags: FinetuneFlags): Promise<void> {
  const spec = await specOf(flags);
  if (flags.predictTest && flags.save === undefined)
    throw new UsageError('--predict-test wants --save: the files are written there');
  if (flags.findLearningRate) return rangeTest(spec, flags);
  if (flags.report !== undefined) {
    if (!canDraw())
      throw new UsageError(`--report: its pictures are not drawn without: npm install ${DRAWING_PACKAGES}`);
    await checkWritable(dirname(flags.report));
  }
  const push = await pusher(flags, flags.save);
  const shown = runDisplay(flags.logInterval);
  try {
    const { predictTest = false, strict = false, overwrite = false, gradientCheckpointing = false } = flags;
    const save = flags.save === undefined ? {} : { save: flags.save };
    let announced = flags.json ?? false;
    const onEvent = (event: RunEvent): void => {
      // `--json` says it in its object. Generated data are named before anything else is told.
      if (!announced && (event.kind === 'loaded' || isShippedData(spec.data))) {
        announced = true;
        shown.stop();
        process.stderr.write(`${planText(spec)}\n`);
        if (flags.recipe === 'literature')
          process.stderr.write(`${literatureText(spec.task, spec.method)}\n`);
      }
      if (event.kind === 'loaded' && !flags.json) process.stderr.write(`${stagesText(spec, event)}\n`);
      shown.onEvent(event);
    };
    const record = await withEngine(flags, (engine) =>
      run(spec, {
        ...{ ...engine, gradientCheckpointing, predictTest, strict, overwrite, onEvent },
        ...{ ...save, ...keptOf(flags) },
      }),
    );
    shown.stop();
    if (flags.report !== undefined) {
      // Plotly takes a second to load: only who asks for a page waits for it.
      const { runPage } = await import('../report/run-page.js');
      await writeTextAtomically(flags.report, await runPage(record));
    }
    process.stdout.write(flags.json ? `${JSON.stringify(jsonOf(record))}\n` : `${recordText(record)}\n`);
    if (flags.save !== undefined) await saveConfusions(flags.save, record);
    await push?.();
  } finally {
    shown.stop();
  }
}
