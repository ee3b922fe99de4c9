/** Our side of a benchmark: a training step, or a forward pass, of a BERT of any shape on made-up tokens. */
import type { Batch } from '../../src/datasets/batch.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { initialise } from '../../src/models/initialise.js';
import { both, type Trains } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { ADAMW_DEFAULTS, adamw } from '../../src/training/adamw.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';

export interface Shape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly batch: number;
  readonly length: number;
}

export const BERT_BASE: Shape = {
  layers: 12,
  hidden: 768,
  heads: 12,
  intermediate: 3072,
  vocab: 30522,
  batch: 8,
  length: 128,
};

export interface StepOptions {
  readonly shape: Shape;
  readonly method?: Method;
  /** Blocks from this one up train. */
  readonly firstBlock: number;
  readonly embeddings: boolean;
  readonly dropout: number;
  readonly threads: number;
}

export interface Bench {
  /** Milliseconds of one step: forward, backward, clipping, AdamW. */
  step(): Promise<number>;
  /** Milliseconds of tracing and opening the session. */
  compileMilliseconds(): number;
  close(): Promise<void>;
}

const configOf = ({ layers, hidden, heads, intermediate, vocab }: Shape, dropout: number): ModelConfig => ({
  ...(PRESETS['bert-base-uncased'] as ModelConfig),
  vocabSize: vocab,
  hiddenSize: hidden,
  numHiddenLayers: layers,
  numAttentionHeads: heads,
  intermediateSize: intermediate,
  hiddenDropoutProb: dropout,
  attentionProbsDropoutProb: dropout,
});

function madeUpBatch({ batch: rows, length, vocab }: Shape): Batch {
  return {
    inputIds: Int32Array.from({ length: rows * length }, (_, i) => (i * 7919) % vocab),
    attentionMask: new Int32Array(rows * length).fill(1),
    tokenTypeIds: new Int32Array(rows * length),
    labels: Float32Array.from({ length: rows }, (_, i) => i % 2),
    rows,
    length,
    count: rows,
  };
}

export function ourStep({
  shape,
  method = { kind: 'full' },
  firstBlock,
  embeddings,
  dropout,
  threads,
}: StepOptions): Bench {
  const config = configOf(shape, dropout);
  const head = { kind: 'classification', numLabels: 2 } as const;
  const specs = [...modelSpecs(config, head), ...methodSpecs(config, method)];
  const stageTrains: Trains = ({ place }) =>
    place.kind === 'block' ? place.index >= firstBlock : place.kind !== 'embeddings' || embeddings;
  const trains = both(
    methodTrains(method, method.kind === 'full' ? 'classifier+pooler' : 'classifier'),
    stageTrains,
  );
  const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  const state = createTrainingState(specs, values, trains);
  const model = { config, head, specs, adaptation: methodAdaptation(config, method) };
  const stage = openStage(taskObjective(model), state, trains, { threads });
  const batch = madeUpBatch(shape);
  let step = 0;
  return {
    async step() {
      const start = performance.now();
      const { gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step: step++ });
      adamw(stage.trained, 2e-5, gradientNorm, ADAMW_DEFAULTS);
      return performance.now() - start;
    },
    compileMilliseconds: () => stage.compileMilliseconds,
    close: () => stage.close(),
  };
}
