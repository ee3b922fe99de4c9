/** Tasks as tables name them: what is no whole task of GLUE or SQuAD says so. */
import type { RunSpec } from '../experiments/run-spec.js';

const NAMES: Readonly<Record<string, string>> = {
  ...{ cola: 'CoLA', sst2: 'SST-2', mrpc: 'MRPC', stsb: 'STS-B', qqp: 'QQP', mnli: 'MNLI', qnli: 'QNLI' },
  ...{ rte: 'RTE', wnli: 'WNLI', squad: 'SQuAD v1.1', squad_v2: 'SQuAD v2.0' },
};

/**
 * `RTE`; `QQP (subset, 10,000)`: files from a folder `glue-subset` or `glue-derived` stand in for the task's own, and a number is how many
 * training examples were used of more.
 */
export function taskName({ task, data, maxTrainExamples }: RunSpec): string {
  const files = /^(?:glue|squad)-(.+)$/.exec(data)?.[1];
  const part = maxTrainExamples === null ? undefined : maxTrainExamples.toLocaleString('en-US');
  const more = [files, part].filter((word) => word !== undefined).join(', ');
  const name = NAMES[task] ?? task;
  return more === '' ? name : `${name} (${more})`;
}
