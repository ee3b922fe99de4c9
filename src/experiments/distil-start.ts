/** Teacher and student before the first step, and that they fit each other. */
import { join } from 'node:path';
import { hashFile } from '../datasets/corpus.js';
import { countTokens } from '../datasets/pack.js';
import { sampleDocuments } from '../datasets/text.js';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { type Checkpoint, loadCheckpoint } from '../models/checkpoint.js';
import type { ModelConfig } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import { initialise } from '../models/initialise.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';
import { frequentTokens, idsInWhole, writePruned } from '../tokenizers/prune.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import {
  type Distillation,
  distillationSpecs,
  distillationTrains,
  teacherName,
} from '../training/distillation.js';
import { createTrainingState, type TrainingState } from '../training/state.js';
import { newModelConfig, VOCABULARY_CHARACTERS } from './create-model.js';
import type { DistilOptions, DistilSettings, DistilSpec } from './distil-spec.js';
import { hashWeights } from './identity.js';
import { hashOf } from './run-spec.js';
import { unfinished } from './text-run.js';

const HEAD = { kind: 'masked-lm' } as const;

/** @throws DataError for a folder that holds no BERT */
export async function bertConfig(folder: string): Promise<ModelConfig> {
  const config = await readConfig(folder);
  if (config.modelType === 'bert') return config;
  throw new DataError(`${folder}: a ${config.modelType} model; distillation takes BERT models only`);
}

/** The spec of a run: what is asked, and which teacher and student they are. @throws DataError for a folder that holds no BERT */
export async function distilSpec(
  settings: DistilSettings,
  { teacher, student }: Pick<DistilOptions, 'teacher' | 'student'>,
): Promise<DistilSpec> {
  const spec = { ...settings, teacher: await hashWeights(teacher) };
  if (student === undefined) return spec;
  const own = await bertConfig(student);
  return {
    ...{ ...spec, continues: await hashWeights(student), vocabularySize: null },
    ...{ layers: own.numHiddenLayers, hidden: own.hiddenSize },
    ...{ heads: own.numAttentionHeads, intermediate: own.intermediateSize },
  };
}

/** The tokenizer's folder: the student's own, the teacher's, or the teacher's cut to what is frequent in the text, once. */
export async function studentTokenizer(
  { vocabularySize }: DistilSpec,
  whole: TextTokenizer,
  { teacher, student, text, out, onEvent }: DistilOptions,
): Promise<string> {
  if (student !== undefined || vocabularySize === null) return student ?? teacher;
  const files = await Promise.all(text.map(hashFile));
  const of = { files: files.map(({ sha256 }) => sha256), vocabularySize, whole: whole.hash };
  const folder = join(unfinished(out), `tokenizer-${hashOf(of).slice(0, 12)}`);
  if (await exists(join(folder, 'tokenizer_config.json'))) return folder;
  onEvent?.({ kind: 'vocabulary' });
  const counts = await countTokens(await sampleDocuments(text, VOCABULARY_CHARACTERS), whole);
  await writePruned(folder, whole, frequentTokens(whole, counts, vocabularySize));
  return folder;
}

/** The rows of a [vocabulary, width] table, or of a [vocabulary] bias, that the student's tokens have. */
function rowsOf(values: Float32Array, ids: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(ids.length * width);
  ids.forEach((id, row) => {
    rows.set(values.subarray(id * width, (id + 1) * width), row * width);
  });
  return rows;
}

/** The teacher over the student's vocabulary. */
function narrowed({ config, specs, parameters }: Checkpoint, ids: Int32Array) {
  const family = familyOf(config);
  const over = new Set([family.wordEmbedding(config), family.outputEmbedding, 'cls.predictions.bias']);
  const widthOf = ({ shape }: ParameterSpec): number => shape[1] ?? 1;
  const values = new Map(parameters);
  for (const spec of specs.filter(({ name }) => over.has(name)))
    values.set(spec.name, rowsOf(parameters.get(spec.name) as Float32Array, ids, widthOf(spec)));
  const narrow = specs.map((spec) =>
    over.has(spec.name) ? { ...spec, shape: [ids.length, ...spec.shape.slice(1)] } : spec,
  );
  return { config: { ...config, vocabSize: ids.length }, specs: narrow, parameters: values };
}

/** @throws UsageError for settings that one of the two models cannot follow */
function assertFits({ student, teacher, ...settings }: Distillation, length: number): void {
  const { method, teacherLayer, relationHeads: heads, logitsWeight } = settings;
  const both = [student.config, teacher.config] as const;
  const most = Math.min(...both.map((config) => familyOf(config).longestRow(config)));
  if (length > most) throw new UsageError(`--max-length ${length}: the models take at most ${most} tokens`);
  if (teacherLayer > teacher.config.numHiddenLayers)
    throw new UsageError(
      `--teacher-layer ${teacherLayer}: the teacher has ${teacher.config.numHiddenLayers} layers`,
    );
  const odd = both.find(({ hiddenSize }) => hiddenSize % heads !== 0);
  if (method === 'minilm' && odd)
    throw new UsageError(
      `--relation-heads ${heads}: does not divide the hidden size ${odd.hiddenSize}; both, ${both.map(({ hiddenSize }) => hiddenSize).join(' and ')}, are divided by ${commonDivisors(both).join(', ')}`,
    );
  const [own, theirs] = both.map(({ numAttentionHeads }) => numAttentionHeads);
  if (method === 'tinybert' && own !== theirs)
    throw new UsageError(
      `--method tinybert compares attention head by head: the student has ${own} heads, the teacher ${theirs}; give --heads ${theirs}, or --method minilm`,
    );
  if (method === 'logits' && logitsWeight === 0)
    throw new UsageError('--method logits with --logits-weight 0 learns nothing; give a weight above 0');
}

const commonDivisors = (configs: readonly ModelConfig[]): number[] =>
  Array.from({ length: 128 }, (_, i) => i + 1).filter((n) =>
    configs.every(({ hiddenSize }) => hiddenSize % n === 0),
  );

export interface DistillationStart {
  readonly distillation: Distillation;
  /** As `config.json` will have it. */
  readonly saved: ModelConfig;
  /** Of the student and, under names of its own, the teacher. */
  readonly state: TrainingState;
  /** By the teacher's own names. */
  readonly teacherValues: Parameters;
  /** Of each of the student's tokens in the teacher's vocabulary. */
  readonly teacherIds: Int32Array;
}

function freshStudent(spec: DistilSpec, vocabSize: number, padTokenId: number): Checkpoint {
  const { layers, hidden, heads, intermediate, seed } = spec;
  const config = {
    ...newModelConfig(layers, hidden, heads, vocabSize),
    ...{ intermediateSize: intermediate, padTokenId },
  };
  const specs = modelSpecs(config, HEAD);
  const parameters = new Map(specs.map((one) => [one.name, initialise(one, config, seed)]));
  return { folder: undefined, config, head: HEAD, specs, parameters, initialised: [] };
}

/** @param home folder of the student's tokenizer @throws DataError, UsageError */
export async function startDistillation(
  spec: DistilSpec,
  home: string,
  whole: TextTokenizer,
  { teacher: folder, student: known }: DistilOptions,
): Promise<DistillationStart> {
  const { seed, dropout } = spec;
  const teacher = await loadCheckpoint(folder, HEAD, { seed });
  const lacking = teacher.initialised.find((name) => name.startsWith('cls.'));
  if (spec.logitsWeight > 0 && lacking !== undefined)
    throw new DataError(
      `${folder}: has no masked-language head (${lacking}), which --logits-weight above 0 learns from; give --logits-weight 0`,
    );
  const tokenizer = await loadTokenizer(home);
  const tokens = idsInWhole(tokenizer, whole);
  const padding = tokenizer.effective.special.named.pad_token ?? '[PAD]';
  const student = known
    ? await loadCheckpoint(known, HEAD, { seed })
    : freshStudent(spec, tokens.length, tokenizer.tokenizer.tokenToId(padding) ?? 0);
  // Rows beyond the last token are never looked up.
  const teacherIds = new Int32Array(student.config.vocabSize);
  teacherIds.set(tokens);
  const narrow = narrowed(teacher, teacherIds);
  const config = { ...student.config, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout };
  const { method, teacherLayer, relationHeads, logitsWeight } = spec;
  const distillation: Distillation = {
    ...{ method, teacherLayer, relationHeads, logitsWeight },
    ...{ student: { config, specs: student.specs }, teacher: narrow },
  };
  assertFits(distillation, spec.length);
  const theirs = [...narrow.parameters].map(([name, values]) => [teacherName(name), values] as const);
  const given = new Map<string, Float32Array>([...student.parameters, ...theirs]);
  const specs = distillationSpecs(distillation);
  const values = new Map(
    specs.map((one) => [one.name, given.get(one.name) ?? initialise(one, config, seed)]),
  );
  return {
    distillation,
    saved: student.config,
    state: createTrainingState(specs, values, distillationTrains(distillation)),
    teacherValues: narrow.parameters,
    teacherIds,
  };
}
