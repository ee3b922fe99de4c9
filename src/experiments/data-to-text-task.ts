/** E2E NLG and WebNLG as a run sees them: an encoder-decoder reads a meaning representation and learns every text that says it. */
import type { Feature } from '../datasets/batch.js';
import { type DataToTextExample, inputOutputs } from '../datasets/data-to-text/example.js';
import { type DataToTextPart, type DataToTextTask, readDataToText } from '../datasets/data-to-text/read.js';
import { UsageError } from '../errors.js';
import { limitOf, type RunTask, type TaskInput } from './run-task.js';
import { pairsOf, preparedTexts } from './text-task.js';

/** The examples of a part, and what it is known by; what is not as published is told. @throws DataError as `readDataToText` */
async function read(
  { spec, onEvent }: TaskInput,
  task: DataToTextTask,
  part: DataToTextPart,
): Promise<{ readonly examples: readonly DataToTextExample[]; readonly hash: string }> {
  const limit = part === 'train' ? spec.maxTrainExamples : spec.maxEvalExamples;
  const { examples, hash, notes } = await readDataToText(spec.data, task, part, limitOf(limit));
  for (const text of notes) onEvent({ kind: 'warning', text });
  return { examples, hash };
}

const features = (input: TaskInput, examples: readonly DataToTextExample[]): Promise<Feature[]> =>
  pairsOf(
    input,
    inputOutputs(examples).map(({ input, output }) => [input, output] as const),
  );

/** Loss and perplexity are of the development part. */
export const dataToTextTask = (name: DataToTextTask): RunTask => ({
  name,
  head: { kind: 'seq2seq-lm' },
  labels: [],
  async training(input) {
    const { examples, hash } = await read(input, name, 'train');
    const train = await features(input, examples);
    return { features: train, examples: train.length, hash, report: { 'train.inputs': examples.length } };
  },
  async prepare(input) {
    const { examples, hash } = await read(input, name, 'dev');
    return preparedTexts(
      [{ name: 'validation', features: await features(input, examples), hash }],
      'seq2seq-lm',
    );
  },
  test: async () => {
    throw new UsageError(`--predict-test is for GLUE; let generate-text --task ${name} write the test part`);
  },
});
