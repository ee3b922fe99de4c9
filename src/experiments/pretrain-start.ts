/** The model that a pre-training starts from: fresh weights, or those of a model that it goes on from. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import type { EncoderConfig, HeadSpec, ModelConfig, T5Config } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import { initialise } from '../models/initialise.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { encoderBlocks, modelSpecs } from '../models/specs.js';
import * as z from '../schema.js';
import { createTrainingState, type TrainingState } from '../training/state.js';
import { newModelConfig, newTextToTextConfig } from './create-model.js';
import { hashWeights } from './identity.js';
import { type FormerRun, formerRunSchema, type PretrainSpec } from './pretrain-spec.js';

export const headOf = ({ objective, nextSentence }: PretrainSpec): HeadSpec =>
  objective === 'span-corruption'
    ? { kind: 'seq2seq-lm' }
    : { kind: 'masked-lm', ...(nextSentence && { nextSentence }) };

export interface StartingModel {
  /** As `config.json` will have it. */
  readonly saved: ModelConfig;
  /** With the dropout of the pre-training. */
  readonly config: ModelConfig;
  readonly specs: readonly ParameterSpec[];
  readonly state: TrainingState;
  readonly former: readonly FormerRun[];
}

/** What a spec says of a model that is gone on from. @throws DataError for a folder that holds none */
export async function continuedFrom(
  folder: string,
): Promise<Pick<PretrainSpec, 'layers' | 'hidden' | 'heads' | 'vocabSize' | 'continues' | 'objective'>> {
  const config = await readConfig(folder);
  const { modelType, numHiddenLayers, hiddenSize, numAttentionHeads, vocabSize } = config;
  const encoder = encoderBlocks(config);
  if (modelType !== 'bert' && encoder === 0)
    throw new DataError(`${folder}: a ${modelType} model; pre-training goes on from BERT and T5 models only`);
  return {
    ...{ layers: encoder || numHiddenLayers, hidden: hiddenSize, heads: numAttentionHeads },
    ...{ vocabSize, continues: await hashWeights(folder) },
    ...(encoder > 0 ? { objective: 'span-corruption' } : {}),
  };
}

const recordSchema = formerRunSchema.extend({ former: z.array(formerRunSchema).default([]) });

/** The pre-trainings of a model of ours, oldest first; none where the folder has no record. */
async function formerRuns(folder: string): Promise<readonly FormerRun[]> {
  const path = join(folder, 'pretraining.json');
  if (!(await exists(path))) return [];
  const record = recordSchema.safeParse(await readJson(path));
  if (!record.success)
    throw new DataError(`${path}: not the record of a pre-training; delete it to go on without`);
  const { former, ...last } = record.data;
  return [...former, last];
}

async function valuesOf(
  folder: string,
  { tieWordEmbeddings }: ModelConfig,
  head: HeadSpec,
  { seed }: PretrainSpec,
): Promise<Parameters> {
  const { config, parameters } = await loadCheckpoint(folder, head, { seed });
  if (config.tieWordEmbeddings === tieWordEmbeddings) return parameters;
  throw new DataError(
    `${join(folder, 'config.json')}: tie_word_embeddings is not false, but the weights hold another output embedding than the word embedding; set it to false to go on from both`,
  );
}

/** @param folder of the model that `spec.continues` names @throws DataError where its weights or its record cannot be read */
export async function startingModel(spec: PretrainSpec, folder: string | undefined): Promise<StartingModel> {
  const known = spec.continues === undefined ? undefined : folder;
  const newConfig = spec.objective === 'span-corruption' ? newTextToTextConfig : newModelConfig;
  const saved: EncoderConfig | T5Config = known
    ? // `continuedFrom` has seen that it is a BERT or a T5.
      ((await readConfig(known)) as EncoderConfig | T5Config)
    : newConfig(spec.layers, spec.hidden, spec.heads ?? undefined, spec.vocabSize);
  const config: ModelConfig = {
    ...saved,
    hiddenDropoutProb: spec.dropout,
    attentionProbsDropoutProb: spec.dropout,
  };
  const head = headOf(spec);
  const specs = modelSpecs(config, head);
  const values = known
    ? await valuesOf(known, saved, head, spec)
    : new Map(specs.map((parameter) => [parameter.name, initialise(parameter, config, spec.seed)]));
  const former = known ? await formerRuns(known) : [];
  return { saved, config, specs, state: createTrainingState(specs, values, () => true), former };
}
