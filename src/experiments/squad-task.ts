/** SQuAD as a run sees it: questions -> windows -> start and end scores -> answers -> the official metrics, as HF's `run_qa`. */
import { cached } from '../datasets/cache.js';
import { describeMisplaced, type SquadExample, type SquadVersion } from '../datasets/squad.js';
import { readSquadSplit, type SquadSource } from '../datasets/squad-source.js';
import { buildWindows, describeWindows, type SpanWindows } from '../datasets/windows.js';
import { DataError, UsageError } from '../errors.js';
import { jsonObjectText } from '../json.js';
import { decodeSpans, type SpanPredictions, type SpanQuestion } from '../metrics/spans.js';
import { scoreSquadV1, scoreSquadV2 } from '../metrics/squad.js';
import type { SquadSettings } from './run-spec.js';
import { limitOf, type RunTask, type TaskInput } from './run-task.js';
import { SQUAD_SETTINGS_FILE, squadSettingsText } from './squad-settings.js';

function settingsOf({ spec }: TaskInput): SquadSettings {
  if (!spec.squad) throw new Error('internal: a SQuAD run without its settings');
  return spec.squad;
}

/** Raised when windows change. */
const FORMAT = 1;

/** The windows of a split, from the cache or reported to the bar. */
function windowsOf(
  input: TaskInput,
  { examples, hash, path }: SquadSource,
  split: 'train' | 'dev',
): Promise<SpanWindows> {
  const { spec, tokenizer, onEvent } = input;
  const settings = { maxLength: spec.maxLength, docStride: settingsOf(input).docStride };
  const of = { kind: 'squad', format: FORMAT, hash, split, questions: examples.length };
  return cached({ ...of, tokenizer: tokenizer.hash, ...settings }, () =>
    buildWindows(examples, tokenizer.tokenizer, {
      purpose: split === 'train' ? 'train' : 'evaluate',
      ...settings,
      path,
      onProgress: (done, total) => onEvent({ kind: 'tokenising', split, done, total }),
    }),
  );
}

/** The questions of a split. */
export type ReadQuestions = (input: TaskInput, split: 'train' | 'dev') => Promise<SquadSource>;

/** Start and end scores of windows -> answers. */
export function decodeAnswers(
  { maxAnswerLength, nBest, nullScoreThreshold }: SquadSettings,
  version: SquadVersion,
  examples: readonly SpanQuestion[],
  { features }: SpanWindows,
  logits: readonly Float32Array[],
): SpanPredictions {
  const scores = logits.map((both) => ({
    start: both.subarray(0, both.length / 2),
    end: both.subarray(both.length / 2),
  }));
  return decodeSpans(examples, features, scores, {
    nBest,
    maxAnswerLength,
    withNoAnswer: version === '2.0',
    nullScoreDiffThreshold: nullScoreThreshold,
  });
}

/**
 * The official numbers. v2.0: `best_exact`, `best_f1` and their thresholds are what the official script finds from the written files;
 * it sees the answers given, so a threshold above the run's own is found only from a run with a high one.
 */
function metricsOf(
  version: SquadVersion,
  examples: readonly SquadExample[],
  { predictions, nullOdds }: SpanPredictions,
): Record<string, number> {
  const references = examples.map(({ id, answers }) => ({ id, answers: answers.map(({ text }) => text) }));
  if (version === '1.1') return { ...scoreSquadV1(references, predictions) };
  const options = { naProbs: nullOdds, naProbThreshold: Number.POSITIVE_INFINITY };
  return { ...scoreSquadV2(references, predictions, options) };
}

const jsonText = (map: ReadonlyMap<string, unknown>): string => `${jsonObjectText(map)}\n`;

/** The files of `run_qa`. */
const filesOf = ({ predictions, nbest, nullOdds }: SpanPredictions): Record<string, string> => ({
  'predictions.json': jsonText(predictions),
  'nbest_predictions.json': jsonText(nbest),
  ...(nullOdds.size > 0 ? { 'null_odds.json': jsonText(nullOdds) } : {}),
});

export const squadTask = (name: string, version: SquadVersion): RunTask =>
  spanTask(name, version, ({ spec, strict }, split) => {
    const limit = limitOf(split === 'train' ? spec.maxTrainExamples : spec.maxEvalExamples);
    return readSquadSplit(spec.data, version, split, { ...limit, strict: strict && split === 'train' });
  });

/** Questions of any source. @param read what it gives holds to `version` */
export const spanTask = (name: string, version: SquadVersion, read: ReadQuestions): RunTask => ({
  name,
  head: { kind: 'span' },
  labels: [],
  async training(input) {
    const split = await read(input, 'train');
    const windows = await windowsOf(input, split, 'train');
    const { misplaced, lost } = windows.report;
    const warnings = [describeMisplaced(split), lost + misplaced > 0 ? describeWindows(windows) : undefined];
    for (const text of warnings) if (text !== undefined) input.onEvent({ kind: 'warning', text });
    return {
      features: windows.features,
      examples: split.examples.length,
      hash: split.hash,
      report: { ...windows.report, windows: windows.features.length },
    };
  },
  async prepare(input) {
    const split = await read(input, 'dev');
    const { examples, hash } = split;
    if (examples.length === 0) throw new DataError(`${split.path}: no question to evaluate on`);
    const windows = await windowsOf(input, split, 'dev');
    return {
      report: {},
      hashes: { dev: hash },
      metricNames: version === '1.1' ? ['exact_match', 'f1'] : ['exact', 'f1'],
      async evaluate(infer) {
        const answers = decodeAnswers(
          settingsOf(input),
          version,
          examples,
          windows,
          await infer('dev', windows.features),
        );
        return {
          metrics: metricsOf(version, examples, answers),
          undefinedMetrics: {},
          files: { ...filesOf(answers), [SQUAD_SETTINGS_FILE]: squadSettingsText(input.spec, version) },
        };
      },
    };
  },
  async test() {
    throw new UsageError('--predict-test is for GLUE: the test sets of SQuAD are not public');
  },
});
