/** What each block contributes, measured before a run on its training data alone: what parts by contribution are cut by. */
import { join } from 'node:path';
import type { Feature, FeatureList } from '../datasets/batch.js';
import { batchesOf } from '../datasets/batches.js';
import type { ClassNames } from '../datasets/class-names.js';
import { heldOutRows } from '../datasets/tables/survey.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { writeTextAtomically } from '../models/config-file.js';
import type { Parameters } from '../models/parameters.js';
import { methodTrains } from '../peft/method.js';
import type { Estimate } from '../progressive/contribution.js';
import { MEASURED_EXAMPLES } from '../progressive/partition.js';
import { permutation, STREAM } from '../random.js';
import * as z from '../schema.js';
import { blockGradients } from '../training/block-gradients.js';
import { blockStates } from '../training/block-states.js';
import { predictFeatures } from '../training/evaluate.js';
import { evaluationLoss } from '../training/evaluation-loss.js';
import { fit } from '../training/fit.js';
import type { Model } from '../training/model.js';
import { createTrainingState } from '../training/state.js';
import { weightChanges } from '../training/weight-change.js';
import { withDropout } from './adapted-model.js';
import { fitPlan, rateFactor } from './fit-plan.js';
import type { RunIdentity } from './identity.js';
import type { RunSpec } from './run-spec.js';
import { checkWritable, ownSnapshot } from './save-folder.js';

/** What a run starts from. */
export interface Start {
  readonly spec: RunSpec;
  readonly model: Model;
  /** Before training; not changed. */
  readonly values: Parameters;
  readonly features: FeatureList;
  readonly task: Pick<ClassNames, 'labels'>;
}

/** So many training examples, drawn by the seed: files may be sorted. All where there are no more. */
export function measuredFeatures({ spec, features }: Start, examples = MEASURED_EXAMPLES): Feature[] {
  const order = permutation({ seed: spec.seed, stream: STREAM.sample, step: 0 }, features.length);
  return [...order.subarray(0, examples)].map((index) => features.at(index) as Feature);
}

/** The model without dropout: no masks decide. */
export const still = (model: Model): Model => ({ ...model, config: withDropout(model.config, 0) });

/** Packed batches of the features, in their order. */
export const batchesInOrder = (
  { spec, model }: Start,
  features: readonly Feature[],
  batchSize: number = spec.batchSize,
) =>
  batchesOf(features, {
    ...{ batchSize, padTokenId: model.config.padTokenId, maxLength: spec.maxLength, shapes: 'any' as const },
  });

/** Trains a copy under another schedule. @returns the values afterwards */
async function trained(
  { model, values, task }: Start,
  spec: RunSpec,
  features: readonly Feature[],
  options: CompileOptions,
): Promise<Parameters> {
  const plan = fitPlan(spec, model, features, task, options.device);
  const state = createTrainingState(
    model.specs,
    values,
    (parameter) => plan.stages.some(({ trains }) => trains(parameter)),
    rateFactor(spec, model.config),
  );
  await fit(model, state, plan, options);
  return state.parameters;
}

/** The run's settings under another schedule, without what evaluations would decide. */
function plainly({ maxSteps: _steps, ...spec }: RunSpec, epochs: number, block?: number): RunSpec {
  const { learningRateStages: _rates, optimiserState: _state, cacheFrozen: _cache, ...rest } = spec;
  const {
    evalStrategy: _when,
    loadBestModelAtEnd: _best,
    earlyStoppingPatience: _patience,
    ...others
  } = rest;
  const shared = { stages: epochs, embeddings: spec.schedule.embeddings };
  return {
    ...others,
    epochs,
    schedule: block === undefined ? { kind: 'full', ...shared } : { kind: 'only-block', ...shared, block },
  };
}

/** Minus the loss on a held-out tenth of runs that train embeddings, head and one block: the paper's figure 1, on training data. */
async function onlyBlocks(
  start: Start,
  features: readonly Feature[],
  options: CompileOptions,
): Promise<number[]> {
  const { model, spec } = start;
  const { head } = model;
  if (head.kind === 'span')
    throw new UsageError(
      'contribution-estimate only-block: questions have no loss on held-out rows; take another',
    );
  const byClass = head.kind === 'classification' && head.numLabels > 1;
  const strata = features.map(({ label = 0 }) => (byClass ? label : 0));
  const held = heldOutRows(strata, 0.1, spec.seed);
  const [kept, tenth] = [0, 1].map((is) => features.filter((_, i) => held[i] === is)) as [
    Feature[],
    Feature[],
  ];
  if (kept.length === 0 || tenth.length === 0)
    throw new UsageError(
      `contribution-estimate only-block: no tenth can be held out of ${features.length} training examples`,
    );
  const losses: number[] = [];
  for (let block = 0; block < model.config.numHiddenLayers; block++) {
    const values = await trained(start, plainly(spec, spec.epochs, block), kept, options);
    const logits = await predictFeatures(model, values, tenth, { ...options, maxLength: spec.maxLength });
    losses.push(evaluationLoss(head, tenth, logits) as number);
  }
  return losses.map((loss) => -loss);
}

/**
 * Contribution of each block from the lowest up: more is more. The same start gives the same numbers.
 * @throws UsageError for an estimate that the task has not
 */
export async function measureContributions(
  start: Start,
  estimate: Estimate,
  examples: number | undefined,
  options: CompileOptions,
): Promise<number[]> {
  const { model, values, spec } = start;
  const blocks = model.config.numHiddenLayers;
  if (estimate === 'only-block')
    return onlyBlocks(
      start,
      examples === undefined ? [...start.features] : measuredFeatures(start, examples),
      options,
    );
  const features = measuredFeatures(start, examples);
  if (estimate === 'weight-change') {
    const after = await trained(start, plainly(spec, 1), features, options);
    return weightChanges(model.specs, values, after, blocks);
  }
  if (estimate === 'cka') {
    const { linearCka } = await import('../training/similarity.js');
    const states = await blockStates(still(model), values, batchesInOrder(start, features), options);
    const before = (block: number) => states.flatMap((batch) => batch[block] ?? []);
    return Array.from({ length: blocks }, (_, block) => 1 - linearCka(before(block), before(block + 1)));
  }
  const batches = batchesInOrder(start, features, estimate === 'fisher' ? 1 : spec.batchSize);
  const method = methodTrains({ ...model, headTraining: spec.headTraining }, spec.method);
  return [...(await blockGradients(still(model), values, batches, options, undefined, method)).blocks];
}

const FILE = 'contributions.json';
const fileSchema = z.object({ key: z.string(), contributions: z.array(z.number()) });

/** Where what was measured is kept. */
export interface Kept {
  readonly identity: RunIdentity;
  /** Of the run's snapshots; undefined: nowhere. */
  readonly folder: string | undefined;
  readonly overwrite?: boolean | undefined;
}

/**
 * As {@link measureContributions}, for a schedule whose parts are by contribution; kept beside the snapshots of the run, so that one that
 * goes on need not measure again.
 * @throws DataError for a folder that cannot be written to, or holds the snapshot of another run
 */
export async function contributionsOf(
  start: Start,
  options: CompileOptions,
  kept?: Kept,
): Promise<number[] | undefined> {
  const { schedule } = start.spec;
  const partition = 'partition' in schedule ? schedule.partition : undefined;
  if (partition?.kind !== 'contribution') return undefined;
  const { estimate, examples } = partition;
  if (kept?.folder === undefined) return measureContributions(start, estimate, examples, options);
  const { folder, overwrite, identity } = kept;
  if (!overwrite) await ownSnapshot(folder, identity);
  await checkWritable(folder);
  const path = join(folder, FILE);
  const former = (await exists(path)) ? fileSchema.safeParse(await readJson(path)).data : undefined;
  if (former?.key === identity.key) return former.contributions;
  const contributions = await measureContributions(start, estimate, examples, options);
  await writeTextAtomically(path, `${JSON.stringify({ key: identity.key, contributions })}\n`);
  return contributions;
}
