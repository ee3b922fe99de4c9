/**
 * `node dist/test/bench/make-lengths.js GLUE SQUAD MODEL`: writes `test/bench/lengths.json`, the token counts of real training examples
 * and of SST-2's dev set, in the order of the file: numbers only. QQP's folder may hold a part of it.
 */
import { writeFile } from 'node:fs/promises';
import { featuresOf } from '../../src/datasets/features.js';
import { readSplit } from '../../src/datasets/source.js';
import { readSquadSplit } from '../../src/datasets/squad-source.js';
import { findTask } from '../../src/datasets/task.js';
import { buildWindows } from '../../src/datasets/windows.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';

/** Examples of a task, and of SQuAD windows: enough for steady ratios. */
const MOST = 5000;

const [glue, squad, model] = process.argv.slice(2) as [string, string, string];
const tokenizer = await loadTokenizer(model);
const lengths: Record<string, number[]> = {};
const countsOf = (features: readonly { inputIds: ArrayLike<number> }[]): number[] =>
  features.slice(0, MOST).map(({ inputIds }) => inputIds.length);
for (const task of ['cola', 'mrpc', 'qnli', 'qqp', 'rte', 'sst2', 'stsb', 'wnli']) {
  const { examples } = await readSplit(glue, findTask(task), 'train', { maxExamples: MOST });
  lengths[task] = countsOf(await featuresOf(examples, tokenizer, 128));
}
const dev = await readSplit(glue, findTask('sst2'), 'dev');
lengths['sst2-dev'] = countsOf(await featuresOf(dev.examples, tokenizer, 128));
const { examples } = await readSquadSplit(squad, '1.1', 'train', { maxExamples: MOST });
const windows = await buildWindows(examples, tokenizer.tokenizer, { purpose: 'train' });
lengths.squad = countsOf(windows.features);
const lines = Object.entries(lengths).map(([task, counts]) => `  "${task}": ${JSON.stringify(counts)}`);
await writeFile(new URL('../../../test/bench/lengths.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`);
