/**
 * `--cache-frozen`: what the frozen blocks below the lowest trained one compute is kept from epoch to epoch, in memory and within a
 * budget. Under a progressive schedule the frozen prefix only grows, so what was kept at one stage is where the next one starts.
 * Deviation from the paper: the prefix runs without dropout (otherwise there would be nothing to keep). Without dropout in the model
 * the losses are those of a run that keeps nothing.
 */
import type { Batch } from '../datasets/batch.js';
import { type Compiled, type CompileOptions, compile } from '../engine/compile.js';
import { type EncoderInputs, statesBefore } from '../models/encoder.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import { encoderInputs, type Model, parameterInputs } from './model.js';
import { encoderFeeds, type StatedBatch, upperObjective } from './objective.js';
import { type ProgramCache, programCache } from './program-cache.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { Stage } from './step.js';

/** Hidden states of one example's tokens before `block`: [tokens, H]. */
interface Entry {
  readonly block: number;
  readonly states: Float32Array;
}

/** Examples' states, by their tokens. Examples beyond the budget are computed anew each time. */
export class StateCache {
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  /** @param budget bytes of states at most */
  constructor(readonly budget: number) {}

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  set(key: string, block: number, states: Float32Array): void {
    const former = this.entries.get(key)?.states.byteLength ?? 0;
    if (this.bytes - former + states.byteLength > this.budget) return;
    this.bytes += states.byteLength - former;
    this.entries.set(key, { block, states });
  }

  /** Forgets what blocks from `block` on had a part in: they train now. */
  keepUpTo(block: number): void {
    for (const [key, entry] of this.entries) {
      if (entry.block <= block) continue;
      this.bytes -= entry.states.byteLength;
      this.entries.delete(key);
    }
  }
}

/** The lowest block with a trained parameter, at most the last block; 0 where the embeddings train: nothing is frozen below. */
export function lowestTrainedBlock(specs: readonly ParameterSpec[], trains: Trains, blocks: number): number {
  return specs.filter(trains).reduce((lowest, { place }) => {
    if (place.kind === 'embeddings') return 0;
    return place.kind === 'block' ? Math.min(lowest, place.index) : lowest;
  }, blocks - 1);
}

const tokensOf = ({ attentionMask, length }: Batch, row: number): number =>
  attentionMask.subarray(row * length, (row + 1) * length).reduce((sum, real) => sum + real, 0);

const keyOf = ({ inputIds, tokenTypeIds, length }: Batch, row: number, tokens: number): string => {
  const from = row * length;
  return `${inputIds.subarray(from, from + tokens).join()};${tokenTypeIds.subarray(from, from + tokens).join('')}`;
};

/** States [rows length, H] of batches before `block`, from the cache or computed. */
function openPrefix(
  model: Model,
  block: number,
  parameters: Parameters,
  cache: StateCache,
  options: CompileOptions,
) {
  const { hiddenSize: hidden } = model.config;
  const specs = parameterInputs(model.specs);
  const values = Object.fromEntries(parameters);
  const compileFrom = (start: number, { rows, length }: Batch): Promise<Compiled> =>
    compile(
      {
        ...specs,
        ...encoderInputs({ rows, length }),
        ...(start > 0 ? { hidden: { shape: [rows * length, hidden] } } : {}),
      },
      (tensors) => {
        const context = modelContext({
          config: model.config,
          adaptation: model.adaptation,
          ...{ parameters: tensors, batch: rows, seq: length },
        });
        const known = start > 0 ? { block: start, hidden: tensors.hidden as never } : undefined;
        return { states: statesBefore(context, tensors as unknown as EncoderInputs, block, known) };
      },
      options,
    );
  const programs = new Map<number, ProgramCache<Batch, Compiled>>();
  const programsFrom = (start: number) => {
    const known = programs.get(start) ?? programCache((shape: Batch) => compileFrom(start, shape));
    programs.set(start, known);
    return known;
  };

  async function compute(batch: Batch, start: number, from: Float32Array): Promise<Float32Array> {
    const program = await programsFrom(start).get(batch);
    const feeds = { ...values, ...encoderFeeds(batch), ...(start > 0 ? { hidden: from } : {}) };
    return (await program.run(feeds)).states as Float32Array;
  }

  return {
    async states(batch: Batch): Promise<Float32Array> {
      const width = batch.length * hidden;
      const rows = Array.from({ length: batch.count }, (_, row) => {
        const tokens = tokensOf(batch, row);
        return { row, tokens, key: keyOf(batch, row, tokens) };
      });
      const entries = rows.map(({ key }) => cache.get(key));
      const start = entries[0]?.block ?? 0;
      const known = new Float32Array(batch.rows * width);
      const usable = start > 0 && entries.every((entry) => entry?.block === start);
      for (const [row, entry] of usable ? entries.entries() : [])
        known.set((entry as Entry).states, row * width);
      if (usable && start === block) return known;
      const states = await compute(batch, usable ? start : 0, known);
      for (const { row, tokens, key } of rows) {
        cache.set(key, block, states.slice(row * width, row * width + tokens * hidden));
      }
      return states;
    },
    async close(): Promise<void> {
      for (const kept of programs.values()) await kept.close();
    },
  };
}

/** A stage that computes its frozen prefix once per example, or undefined where nothing below is frozen. */
export function openCachedStage(
  model: Model,
  state: TrainingState,
  trains: Trains,
  cache: StateCache,
  options: CompileOptions,
): Stage<Batch> | undefined {
  const block = lowestTrainedBlock(model.specs, trains, model.config.numHiddenLayers);
  cache.keepUpTo(block);
  if (block === 0) return undefined;
  const prefix = openPrefix(model, block, state.parameters, cache, options);
  const stage = openStage<StatedBatch>(upperObjective(model, block), state, trains, options);
  return {
    trained: stage.trained,
    async run(batches, random) {
      const stated: StatedBatch[] = [];
      for (const batch of batches) {
        // The program's own array is overwritten by the next run.
        stated.push({ ...batch, hidden: Float32Array.from(await prefix.states(batch)) });
      }
      return stage.run(stated, random);
    },
    update: stage.update,
    settle: stage.settle,
    get compileMilliseconds() {
      return stage.compileMilliseconds;
    },
    async close() {
      await stage.close();
      await prefix.close();
    },
  };
}
