/** `progtuning params`: how many parameters a method and a schedule update, without any weights. */
import { access } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { type HeadSpec, type ModelConfig, PRESETS } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import { countParameters } from '../models/parameters.js';
import { encoderBlocks, modelSpecs } from '../models/specs.js';
import { unknownName } from '../nearest.js';
import { checkMethod, isTrainedHead, methodSpecs, methodTrains } from '../peft/method.js';
import type { MethodBase } from '../peft/modules.js';
import { checkSchedule, cutSchedule, isAdaptive } from '../progressive/schedule.js';
import { scheduleText } from '../progressive/schedule-text.js';
import { countedUpdates, savedFraction } from '../progressive/updates.js';
import { addMethodOptions, headTrainingOf, type MethodFlags, methodOf } from './method-options.js';
import { wholeNumber } from './numbers.js';
import { addScheduleOptions, type ScheduleFlags, scheduleOf } from './schedule-options.js';

const HEADS = ['classification', 'causal-lm', 'seq2seq-lm'] as const;

interface ParamsFlags extends MethodFlags, ScheduleFlags {
  readonly model: string;
  readonly epochs?: number;
  readonly labels?: number;
  readonly task?: (typeof HEADS)[number];
  readonly untied?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  The abstract's "approximately 25 %":
    progtuning params --model bert-base-uncased --stages 3 --schedule progressive --embeddings always
  Parts of as many scalars each, the embeddings in the lowest (blocks 12, 10, 5 instead of 12, 8, 4):
    progtuning params --model bert-base-uncased --stages 3 --partition equal-parameters --embeddings first-stage
  LISA with as many blocks at a time as Progtuning has on the mean:
    progtuning params --model bert-base-uncased --stages 3 --schedule lisa --lisa-layers 8
  Houlsby adapters in three stages:
    progtuning params --model bert-large-uncased --stages 3 --method adapter --adapter-size 64
  T5 with equal parts of both stacks side by side, instead of in one row:
    progtuning params --model google-t5/t5-small --stages 3 --stacks side-by-side
  GPT-2 as a language model, the same with an output embedding of its own, and as a classifier:
    progtuning params --model gpt2
    progtuning params --model gpt2 --untied
    progtuning params --model gpt2 --labels 2`;

export function registerParams(program: Command): void {
  const command = program
    .command('params')
    .option(
      '--model <preset>',
      `${Object.keys(PRESETS).join(', ')}, or a folder with config.json`,
      'bert-base-uncased',
    );
  addScheduleOptions(addMethodOptions(command))
    .option('--epochs <n>', 'epochs (default: one per stage, 3 without --stages)', wholeNumber('epochs', 1))
    .addOption(
      new Option(
        '--task <kind>',
        'head of the model (default: classification; decoders without --labels: causal-lm, encoder-decoders: seq2seq-lm)',
      ).choices(HEADS),
    )
    .option('--labels <n>', 'outputs of the classifier (default: 2)', wholeNumber('labels', 1))
    .option(
      '--untied',
      'decoders, encoder-decoders: an output embedding of its own, where the model ties it to the word embedding',
    )
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ParamsFlags) => {
      const counts = countsOf(flags, await configOf(flags.model));
      command.configureOutput().writeOut?.(flags.json ? `${JSON.stringify(counts)}\n` : textOf(counts));
    });
}

async function configOf(model: string): Promise<ModelConfig> {
  const preset = PRESETS[model];
  if (preset) return preset;
  const isFolder = await access(model).then(
    () => true,
    () => false,
  );
  if (isFolder) return readConfig(model);
  throw new UsageError(`${unknownName('model', model, Object.keys(PRESETS))}, or a folder with config.json`);
}

/** What the command prints; counts are scalars. */
export interface ParameterCounts {
  readonly model: string;
  readonly method: string;
  readonly schedule: string;
  readonly embeddings: string;
  readonly stages: number;
  readonly head: string;
  readonly totalParameters: number;
  /** With the head. */
  readonly trainableParameters: number;
  readonly headParameters: number;
  /** Per epoch. */
  readonly updatedParameters: readonly number[];
  /** Against as many epochs of the same method without a schedule. */
  readonly savedFraction: number;
}

/** @throws UsageError for options that do not go together */
function headOf({ task, labels, untied }: ParamsFlags, config: ModelConfig): HeadSpec {
  const { causal, decoder } = familyOf(config);
  const writes = decoder ? 'seq2seq-lm' : 'causal-lm';
  const kind = task ?? ((causal || decoder) && labels === undefined ? writes : 'classification');
  if (kind === 'classification') {
    if (untied)
      throw new UsageError(`--untied is for --task ${writes}: a classifier has no output embedding`);
    return { kind, numLabels: labels ?? 2 };
  }
  if (labels !== undefined) throw new UsageError('--labels is for --task classification');
  return { kind };
}

function countsOf(flags: ParamsFlags, given: ModelConfig): ParameterCounts {
  const config: ModelConfig = flags.untied ? { ...given, tieWordEmbeddings: false } : given;
  const method = methodOf(flags, familyOf(config).loraTargets);
  const head = headTrainingOf(flags, method);
  const epochs = flags.epochs ?? flags.stages ?? 3;
  const schedule = scheduleOf(flags, flags.stages ?? epochs, 0);
  checkSchedule(schedule, epochs, config);
  if (isAdaptive(schedule))
    throw new UsageError(
      "--partition adaptive: what freezes is decided while the model trains; a run's record has the counts (updatedParameters)",
    );
  if (encoderBlocks(config) > 0 && 'partition' in schedule && schedule.partition?.kind === 'contribution')
    throw new UsageError(
      '--partition contribution: blocks of an encoder-decoder are not all as large, so which contribute least changes the counts',
    );
  // Else every block is as large: which blocks contribute least changes no count.
  const cut = cutSchedule(schedule, config, new Array<number>(config.numHiddenLayers).fill(0));
  const base: MethodBase = {
    config,
    head: headOf(flags, config),
    headTraining: head,
  };
  checkMethod(base, method);
  const specs = [...modelSpecs(config, base.head), ...methodSpecs(base, method)];
  const trains = methodTrains(base, method);
  const updatedParameters = countedUpdates(cut, epochs, config, specs, trains);
  const trainableParameters = countParameters(specs, trains);
  return {
    model: flags.model,
    method: method.kind,
    schedule: scheduleText(schedule),
    embeddings: schedule.embeddings,
    stages: schedule.stages,
    head,
    totalParameters: countParameters(specs),
    trainableParameters,
    headParameters: countParameters(specs, isTrainedHead(head)),
    updatedParameters,
    savedFraction: savedFraction(updatedParameters, trainableParameters),
  };
}

function textOf(counts: ParameterCounts): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  const share = (value: number): string => `${(100 * value).toFixed(2)} %`;
  const sum = counts.updatedParameters.reduce((total, count) => total + count, 0);
  const rows: [string, string, string][] = [
    ['total', number(counts.totalParameters), ''],
    [
      'trainable',
      number(counts.trainableParameters),
      share(counts.trainableParameters / counts.totalParameters),
    ],
    ['  of these head', number(counts.headParameters), counts.headParameters > 0 ? counts.head : ''],
    ...counts.updatedParameters.map((count, i): [string, string, string] => [
      `epoch ${i + 1}`,
      number(count),
      share(count / counts.trainableParameters),
    ]),
    ['all epochs', number(sum), `${share(counts.savedFraction)} saved`],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map(([name, value, rest]) =>
    `${name.padEnd(widths[0] as number)}  ${value.padStart(widths[1] as number)}  ${rest}`.trimEnd(),
  );
  const title = `${counts.model}, ${counts.method}, ${counts.schedule}, T = ${counts.stages}, embeddings ${counts.embeddings}`;
  return `${[title, ...lines].join('\n')}\n`;
}
