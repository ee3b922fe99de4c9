/** Our side of the benchmark: a training step, or a forward pass, of a BERT of any shape on made-up tokens. */
import type { Batch, PaddedBatch } from '../../src/datasets/batch.js';
import { makeBatch } from '../../src/datasets/batches.js';
import { type CompileOptions, trace } from '../../src/engine/compile.js';
import { matrixFlops } from '../../src/engine/flops.js';
import type { Graph } from '../../src/engine/graph.js';
import { type EncoderConfig, type ModelConfig, PRESETS } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import type { TaskHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { both, type Trains } from '../../src/models/parameters.js';
import { encoderBlocks, modelSpecs } from '../../src/models/specs.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { type Schedule, stageOfEpoch, stageTrains } from '../../src/progressive/schedule.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { openChunkedStage, runsInChunks } from '../../src/training/chunked-stage.js';
import { featureLogits, openExported } from '../../src/training/evaluate.js';
import { modelOutputs } from '../../src/training/export-model.js';
import { fit } from '../../src/training/fit.js';
import { type FitPlan, stagesOfEpochs } from '../../src/training/fit-plan.js';
import { paddedInputs, parameterInputs } from '../../src/training/model.js';
import { vocabularyPieces } from '../../src/training/next-token.js';
import { taskObjective } from '../../src/training/objective.js';
import { compileStep, openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { packedBatch } from '../batch-of.js';
import type { Ready } from './child.js';

export interface Shape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly batch: number;
  readonly length: number;
  /** Tokens of a row of the decoder's, of an encoder-decoder. */
  readonly target?: number;
}

export interface Options extends CompileOptions {
  readonly shape: Shape;
  /** Preset of a decoder that learns next tokens, without dropout. */
  readonly decoder?: string;
  readonly method?: Method;
  /** Blocks from this one up train. */
  readonly firstBlock?: number;
  readonly embeddings?: boolean;
  readonly dropout: number;
}

export interface Contestant {
  readonly ready: Ready;
  /** Steps that a call of `step` takes, where it is not one. */
  readonly steps?: number;
  step(): Promise<void>;
  close?(): Promise<void>;
}

const configOf = ({ layers, hidden, heads, intermediate, vocab }: Shape, dropout: number): EncoderConfig => ({
  ...(PRESETS['bert-base-uncased'] as EncoderConfig),
  vocabSize: vocab,
  hiddenSize: hidden,
  numHiddenLayers: layers,
  numAttentionHeads: heads,
  intermediateSize: intermediate,
  hiddenDropoutProb: dropout,
  attentionProbsDropoutProb: dropout,
});

/** Rows without padding, one example each. */
function madeUpBatches({ batch: rows, length, vocab, target }: Shape) {
  const padded: PaddedBatch = {
    inputIds: Int32Array.from({ length: rows * length }, (_, i) => (i * 7919) % vocab),
    attentionMask: new Int32Array(rows * length).fill(1),
    tokenTypeIds: new Int32Array(rows * length),
    ...{ rows, length },
  };
  const labels = Array.from({ length: rows }, (_, i) => i % 2);
  return {
    padded,
    packed: target === undefined ? packedBatch(padded, labels) : pairs(padded, target, vocab),
  };
}

/** The rows with others of so many tokens to write of them. */
function pairs({ inputIds, rows, length }: PaddedBatch, target: number, vocab: number): Batch {
  const features = Array.from({ length: rows }, (_, row) => ({
    inputIds: inputIds.subarray(row * length, (row + 1) * length),
    tokenTypeIds: new Int32Array(length),
    target: Int32Array.from({ length: target }, (_, i) => (row * 131 + i * 7919) % vocab),
  }));
  return makeBatch(features, { batchSize: rows, padTokenId: 0, maxLength: length, shapes: 'any' });
}

function decoderOf(name: string): ModelConfig {
  const config = PRESETS[name] as ModelConfig;
  return familyOf(config).withDropout(config, 0);
}

function modelOf({ shape, decoder, method = { kind: 'full' }, dropout }: Options) {
  const config = decoder === undefined ? configOf(shape, dropout) : decoderOf(decoder);
  const writes: TaskHead = { kind: encoderBlocks(config) > 0 ? 'seq2seq-lm' : 'causal-lm' };
  const head: TaskHead = decoder === undefined ? { kind: 'classification', numLabels: 2 } : writes;
  const base = {
    config,
    head,
    headTraining: method.kind === 'full' ? 'classifier+pooler' : 'classifier',
  } as const;
  const specs = [...modelSpecs(config, head), ...methodSpecs(base, method)];
  const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  return {
    model: { config, head, specs, adaptation: methodAdaptation(base, method) },
    values,
    byMethod: methodTrains(base, method),
  };
}

const flopsOf = (graph: Graph | undefined): number => (graph ? matrixFlops(graph) : 0);

/** Steps of a chunk, where steps run in chunks: what travels once a chunk is part of them. */
const CHUNK = 32;

/** Forward, backward, clipping, AdamW. */
export async function ourStep(options: Options): Promise<Contestant> {
  const { shape, firstBlock = 0, embeddings = true } = options;
  const { model, values, byMethod } = modelOf(options);
  const stageTrains: Trains = ({ place }) =>
    place.kind === 'block' ? place.index >= firstBlock : place.kind !== 'embeddings' || embeddings;
  const trains = both(byMethod, stageTrains);
  const sizes = { batchSize: shape.batch, maxLength: shape.target ?? shape.length };
  const objective = taskObjective(model, { vocabularyPieces: vocabularyPieces(model.config, sizes) });
  const { packed: batch } = madeUpBatches(shape);
  const from = performance.now();
  const counted = await compileStep(objective, batch, model.specs.filter(trains), options);
  const compileMilliseconds = performance.now() - from;
  await counted.close();
  const state = createTrainingState(model.specs, values, trains);
  if (runsInChunks(options)) {
    const plan = { adamw: ADAMW_DEFAULTS, gradientAccumulationSteps: 1 };
    const stage = openChunkedStage(objective, state, trains, plan, options);
    let first = 0;
    return {
      ready: { flops: flopsOf(counted.graph), compileMilliseconds },
      steps: CHUNK,
      async step() {
        const steps = Array.from({ length: CHUNK }, (_, i) => ({
          ...{ batches: [batch], learningRate: 2e-5 },
          random: { seed: 1, stream: 3, step: first + i },
        }));
        first += CHUNK;
        await stage.runAll(steps, () => {});
      },
      close: () => stage.close(),
    };
  }
  const stage = openStage(objective, state, trains, options);
  let step = 0;
  return {
    ready: { flops: flopsOf(counted.graph), compileMilliseconds },
    async step() {
      const { gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step: step++ });
      await stage.update(2e-5, gradientNorm, ADAMW_DEFAULTS);
    },
    close: () => stage.close(),
  };
}

/** Whole runs on batches of real lengths. */
export interface TaskOptions extends CompileOptions {
  readonly shape: Omit<Shape, 'batch' | 'length'>;
  readonly dropout: number;
  /** Token counts of the examples of each batch. */
  readonly batches: readonly (readonly number[])[];
  /** Longest row. */
  readonly maxLength: number;
  readonly epochs: number;
  readonly schedule: Schedule;
  /** Keeps what frozen blocks compute. */
  readonly cacheFrozen: boolean;
}

/** One step is a whole run: every stage compiled, every batch packed, as `finetune` does it. */
export async function ourTask(options: TaskOptions): Promise<Contestant> {
  const { shape, batches, maxLength, epochs, schedule, cacheFrozen } = options;
  const { model, values } = modelOf({ ...options, shape: { ...shape, batch: 0, length: 0 } });
  const made = batches.map((lengths, batch) => {
    const features = lengths.map((length, row) => ({
      inputIds: Int32Array.from({ length }, (_, i) => (batch * 31 + row * 17 + i * 7919) % shape.vocab),
      tokenTypeIds: new Int32Array(length),
      label: row % 2,
    }));
    const first = batches.slice(0, batch).reduce((sum, before) => sum + before.length, 0);
    const packing = { batchSize: lengths.length, padTokenId: 0, maxLength, shapes: 'any' } as const;
    return makeBatch(
      features,
      packing,
      lengths.map((_, row) => first + row),
    );
  });
  const stageOf = (epoch: number) => {
    const stage = stageOfEpoch(schedule, epoch, epochs);
    return { stage, trains: stageTrains(schedule, stage, model.config) };
  };
  const plan: FitPlan = {
    ...{ stepsPerEpoch: batches.length, totalSteps: epochs * batches.length, batchesOf: () => made },
    stages: stagesOfEpochs(epochs, batches.length, stageOf),
    ...{ gradientAccumulationSteps: 1, learningRate: 2e-5, adamw: ADAMW_DEFAULTS, seed: 1 },
    learningRateSchedule: { kind: 'linear', warmupRatio: 0.1 },
    cacheFrozenBytes: cacheFrozen ? 2 ** 31 : undefined,
  };
  return {
    ready: {},
    step: async () => {
      // Anew: what trains no more at a run's end has given back its gradients and moments.
      const state = createTrainingState(model.specs, values, stageOf(0).trains);
      await fit(model, state, plan, options);
    },
  };
}

/** Forward only, as in evaluation: the exported model, weights inside. */
export async function ourForward(options: Options): Promise<Contestant> {
  const { model, values } = modelOf({ ...options, dropout: 0 });
  const { padded: batch } = madeUpBatches(options.shape);
  const { graph } = trace({ ...parameterInputs(model.specs), ...paddedInputs(batch) }, (tensors) =>
    modelOutputs(model, batch, tensors),
  );
  const from = performance.now();
  const program = await openExported(model, values, options);
  return {
    ready: { flops: flopsOf(graph), compileMilliseconds: performance.now() - from },
    step: async () => {
      await program.logits(batch);
    },
  };
}

export interface EvaluationOptions extends CompileOptions {
  readonly shape: Omit<Shape, 'batch' | 'length'>;
  /** Token counts of the examples, in their order. */
  readonly lengths: readonly number[];
}

/** A whole set, as `evaluate` does it: rows of like length share a batch. */
export async function ourEvaluation({ shape, lengths, ...options }: EvaluationOptions): Promise<Contestant> {
  const { model, values } = freshModel(shape);
  const features = lengths.map((length, row) => ({
    inputIds: Int32Array.from({ length }, (_, i) => (row * 17 + i * 7919) % shape.vocab),
    tokenTypeIds: new Int32Array(length),
  }));
  const from = performance.now();
  const program = await openExported(model, values, options);
  return {
    ready: { compileMilliseconds: performance.now() - from },
    step: async () => {
      await featureLogits(program, model, features, { ...options, maxLength: Math.max(...lengths) });
    },
  };
}

/** A checkpoint of the shape, to be exported. */
export function freshModel(shape: Omit<Shape, 'batch' | 'length'>) {
  return modelOf({ shape: { ...shape, batch: 0, length: 0 }, dropout: 0 });
}
