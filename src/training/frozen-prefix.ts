/**
 * `--cache-frozen`: what the frozen blocks below the lowest trained one compute is kept from epoch to epoch, in memory and within a
 * budget. Under a progressive schedule the frozen prefix only grows, so what was kept at one stage is where the next one starts.
 * Deviation from the paper: the prefix runs without dropout (otherwise there would be nothing to keep). Without dropout in the model
 * the losses are those of a run that keeps nothing.
 */
import type { Batch } from '../datasets/batch.js';
import {
  type CompiledFree,
  type CompileOptions,
  compileFree,
  type SizedFunction,
} from '../engine/compile.js';
import { statesBefore } from '../models/forward.js';
import type { ModelInputs } from '../models/inputs.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import { encoderBlocks } from '../models/specs.js';
import { type Model, type PackedShape, packedInputs, parameterInputs } from './model.js';
import { type LossSettings, packedFeeds, type StatedBatch, upperObjective } from './objective.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { Stage } from './step.js';

/** Hidden states of one example's tokens before `block`: [tokens, H]. */
interface Entry {
  readonly block: number;
  readonly states: Float32Array;
}

/** Examples' states, by their numbers in the data set. Examples beyond the budget are computed anew each time. */
export class StateCache {
  private readonly entries = new Map<number, Entry>();
  private bytes = 0;

  /** @param budget bytes of states at most */
  constructor(readonly budget: number) {}

  get(example: number): Entry | undefined {
    return this.entries.get(example);
  }

  set(example: number, block: number, states: Float32Array): void {
    const former = this.entries.get(example)?.states.byteLength ?? 0;
    if (this.bytes - former + states.byteLength > this.budget) return;
    this.bytes += states.byteLength - former;
    this.entries.set(example, { block, states });
  }

  /** Forgets what blocks from `block` on had a part in: they train now. */
  keepUpTo(block: number): void {
    for (const [example, entry] of this.entries) {
      if (entry.block <= block) continue;
      this.bytes -= entry.states.byteLength;
      this.entries.delete(example);
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

/** States [rows length, H] of batches before `block`, from the cache or computed. */
function openPrefix(
  model: Model,
  block: number,
  parameters: Parameters,
  cache: StateCache,
  options: CompileOptions,
) {
  const { config, adaptation } = model;
  const hidden = config.hiddenSize;
  const specs = parameterInputs(model.specs);
  const values = Object.fromEntries(parameters);
  const statesAt = (start: number, shape: PackedShape): SizedFunction => {
    const { rows: batch, length: seq } = shape;
    const known = start > 0 ? { hidden: { shape: [batch * seq, hidden] } } : {};
    return {
      inputs: { ...specs, ...packedInputs(model, shape), ...known },
      fn: (parameters) => {
        const context = modelContext({ config, adaptation, parameters, batch, seq });
        const from = start > 0 ? { block: start, hidden: parameters.hidden as never } : undefined;
        return { states: statesBefore(context, parameters as unknown as ModelInputs, block, from) };
      },
    };
  };
  const programs = new Map<number, Promise<CompiledFree>>();
  const programFrom = (start: number, batch: Batch): Promise<CompiledFree> => {
    const program =
      programs.get(start) ?? compileFree((size) => statesAt(start, { ...batch, ...size }), options);
    programs.set(start, program);
    return program;
  };

  async function compute(batch: Batch, start: number, from: Float32Array): Promise<Float32Array> {
    const program = await programFrom(start, batch);
    const feeds = { ...values, ...packedFeeds(model, batch), ...(start > 0 ? { hidden: from } : {}) };
    return (await program.run(batch, feeds)).states as Float32Array;
  }

  return {
    async states(batch: Batch): Promise<Float32Array> {
      const slots = Array.from({ length: batch.count }, (_, slot) => ({
        example: batch.examples[slot] as number,
        from: (batch.starts[slot] as number) * hidden,
        size: (batch.lengths[slot] as number) * hidden,
      }));
      const entries = slots.map(({ example }) => cache.get(example));
      const start = entries[0]?.block ?? 0;
      const known = new Float32Array(batch.rows * batch.length * hidden);
      const usable = start > 0 && entries.every((entry) => entry?.block === start);
      for (const [slot, entry] of usable ? entries.entries() : [])
        known.set((entry as Entry).states, slots[slot]?.from);
      if (usable && start === block) return known;
      const states = await compute(batch, usable ? start : 0, known);
      for (const { example, from, size } of slots) cache.set(example, block, states.slice(from, from + size));
      return states;
    },
    async close(): Promise<void> {
      for (const program of programs.values()) await (await program).close();
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
  loss: LossSettings = {},
): Stage<Batch> | undefined {
  // Of two stacks at most the whole first one: a second one's states do not say what it read.
  const most = encoderBlocks(model.config) || Number.POSITIVE_INFINITY;
  const block = Math.min(most, lowestTrainedBlock(model.specs, trains, model.config.numHiddenLayers));
  cache.keepUpTo(block);
  if (block === 0) return undefined;
  const prefix = openPrefix(model, block, state.parameters, cache, options);
  const stage = openStage<StatedBatch, PackedShape>(
    upperObjective(model, block, loss),
    state,
    trains,
    options,
  );
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
