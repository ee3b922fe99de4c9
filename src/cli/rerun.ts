/** `progtuning rerun`: a record made again from its spec, number by number. */
import type { Command } from 'commander';
import { DataError } from '../errors.js';
import { machineText } from '../experiments/machine-text.js';
import { agrees, type Comparison, rerun } from '../experiments/rerun.js';
import { scoreText } from '../report/number-text.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { runDisplay } from './run-display.js';

interface RerunFlags extends EngineFlags {
  readonly model?: string;
  readonly data?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  Make records again; the model and the data that they name are given by their folders where they do not ship:
    progtuning rerun runs/*.json --model bert-base-uncased/ --data glue/
On the same kind of processor every number must be the same to the last digit, elsewhere within 0.02 (SQuAD's scores: 2 points).
Exit code 1 where it is not.`;

export function registerRerun(program: Command): void {
  const command = program
    .command('rerun')
    .argument('<records...>', 'files of a ledger')
    .option('--model <folder>', 'where its model lies: folder or hub id')
    .option(
      '--data <source>',
      'a folder with the tasks’ folders, or with glue/ and squad/; embedded; plain; hub',
    )
    .option('--json', 'print the comparison as JSON');
  addEngineOptions(command).addHelpText('after', EXAMPLES).action(rerunCommand);
}

const line = ({ name, recorded, now, ...rest }: Comparison): string => {
  const verdict = agrees({ name, recorded, now, ...rest }) ? '' : '   DIFFERS';
  return `  ${name.padEnd(30)} ${scoreText(recorded).padStart(12)} ${scoreText(now).padStart(12)}${verdict}`;
};

async function rerunCommand(paths: readonly string[], flags: RerunFlags): Promise<void> {
  let differing = 0;
  for (const path of paths) differing += await rerunOne(path, flags);
  if (differing > 0) throw new DataError(`${differing} numbers differ from those of the records`);
}

/** @returns how many numbers differ */
async function rerunOne(path: string, { model, data, json, ...engine }: RerunFlags): Promise<number> {
  const shown = runDisplay();
  const result = await withEngine(engine, (options) =>
    rerun({ path, model, data }, { ...options, onEvent: shown.onEvent }),
  ).finally(() => shown.stop());
  const { record, again, exact, comparisons } = result;
  const differing = comparisons.filter((comparison) => !agrees(comparison));
  if (json) process.stdout.write(`${JSON.stringify({ key: record.key, exact, comparisons })}\n`);
  else {
    const kept = comparisons.filter(({ name }) => !name.startsWith('loss'));
    const losses = differing.filter(({ name }) => name.startsWith('loss'));
    const asked = exact ? 'the same to the last digit' : 'within the tolerance of another kind of processor';
    process.stdout.write(
      [
        `${record.key}: recorded on ${machineText(record.machine)}; now on ${machineText(again.machine)}`,
        `  ${''.padEnd(30)} ${'recorded'.padStart(12)} ${'now'.padStart(12)}`,
        ...[...kept, ...losses].map(line),
        `  ${record.losses.length - losses.length} of ${record.losses.length} losses ${asked}`,
        '',
      ].join('\n'),
    );
  }
  return differing.length;
}
