/** What lies beside a saved model for other people and programs: a model card with the hub's YAML header, and metrics by HF's names. */
import { sharedDataName, sharedModelName } from '../datasets/shared-names.js';
import { isShippedData } from '../datasets/source.js';
import { scheduleText } from '../progressive/schedule-text.js';
import { evaluatedNames } from './log-history.js';
import type { RunRecord } from './run-record.js';
import { isSpanTask, isTextTask, ownKind } from './run-spec.js';

/** `all_results.json` of Hugging Face's `Trainer.save_metrics`. */
export function allResults(record: RunRecord): Record<string, number> {
  const { metrics, seconds, steps, stepsPerEpoch, trainExamples } = record;
  const last = steps.filter(({ epoch }) => epoch === steps.at(-1)?.epoch);
  const epochs = steps.length / stepsPerEpoch;
  return {
    epoch: epochs,
    ...evaluatedNames(metrics),
    train_loss: last.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, last.length),
    train_runtime: seconds,
    train_samples: trainExamples,
    train_samples_per_second: (trainExamples * epochs) / seconds,
    train_steps_per_second: steps.length / seconds,
  };
}

/** YAML text: any JSON string is one. */
const yaml = (value: string): string => JSON.stringify(value);

const dataName = (data: string): string =>
  isShippedData(data) ? 'generated text that ships with progtuning' : sharedDataName(data);

/** The hub's name of what a model does. */
function pipelineOf(task: string): string {
  if (isSpanTask(task)) return 'question-answering';
  if (task === 'causal-lm') return 'text-generation';
  return isTextTask(task) ? 'text2text-generation' : 'text-classification';
}

/** Stages that a card lists: LISA has hundreds. */
const SHOWN_STAGES = 24;

function header({ spec, metrics }: RunRecord): string[] {
  const task = pipelineOf(spec.task);
  const data = dataName(spec.data);
  const model = sharedModelName(spec.model);
  const results = Object.entries(metrics).flatMap(([name, value]) => [
    `      - type: ${name}`,
    `        value: ${value}`,
  ]);
  return [
    '---',
    `base_model: ${yaml(model)}`,
    `pipeline_tag: ${task}`,
    `library_name: ${spec.method.kind === 'lora' ? 'peft' : 'transformers'}`,
    'tags:',
    '  - progtuning',
    'model-index:',
    `  - name: ${yaml(`${model}-${spec.task}`)}`,
    '    results:',
    '    - task:',
    `        type: ${task}`,
    '      dataset:',
    `        name: ${yaml(data)}`,
    `        type: ${yaml(ownKind(spec.task) === undefined ? spec.task : data)}`,
    ...(results.length > 0 ? ['      metrics:', ...results] : []),
    '---',
  ];
}

const row = (what: string, value: string | number): string => `| ${what} | ${value} |`;

/** README.md of a saved run. */
export function modelCard(record: RunRecord): string {
  const { spec, metrics, undefinedMetrics, updatedParameters, stages, identity } = record;
  const { schedule } = spec;
  const model = sharedModelName(spec.model);
  const numbers = [
    ...Object.keys(undefinedMetrics).map((name) => row(name, 'undefined')),
    ...Object.entries(metrics).map(([name, value]) => row(name, value)),
  ];
  return [
    ...header(record),
    '',
    `# ${model}, fine-tuned on ${spec.task}`,
    '',
    '| | |',
    '|---|---|',
    row('base model', model),
    row('data', `${dataName(spec.data)}, ${record.trainExamples} training examples`),
    row('method', spec.method.kind),
    row('schedule', `${scheduleText(schedule)}, T = ${schedule.stages}, embeddings ${schedule.embeddings}`),
    row(
      `${spec.maxSteps === undefined ? 'epochs' : 'steps'}, batch`,
      `${spec.maxSteps ?? spec.epochs}, ${spec.batchSize * spec.gradientAccumulationSteps}`,
    ),
    row('learning rate', `${spec.learningRate} ${spec.learningRateSchedule.kind}`),
    row('longest row', `${spec.maxLength} tokens`),
    row('seed', spec.seed),
    row('parameters updated in each epoch', updatedParameters.join(', ')),
    ...(stages.length > SHOWN_STAGES
      ? []
      : [row('parameters updated in each stage', stages.map((stage) => stage.updatedParameters).join(', '))]),
    row('saved by the schedule', `${(100 * record.savedFraction).toFixed(2)} %`),
    ...numbers,
    '',
    `Everything that made it (run ${identity.key}: settings, hashes of model and data, every loss) is in \`run.json\`.`,
    '',
  ].join('\n');
}
