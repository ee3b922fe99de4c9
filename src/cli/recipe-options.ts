/** Where settings that are not given come from, as numbers: in `--help`, and before the first step. */
import { resolveModel } from '../datasets/source.js';
import type { RunRequest } from '../experiments/run-spec.js';
import { trainingRows } from '../experiments/training-rows.js';
import { readConfig } from '../models/config-file.js';
import {
  DEFAULT_STAGES,
  defaultLearningRate,
  MANY_ROWS,
  RECIPES,
  type Recipe,
  SMALL_BUDGETS,
  SMALL_HIDDEN,
  SMALL_LEARNING_RATES,
  smallRecipe,
} from '../peft/defaults.js';
import type { Method } from '../peft/method.js';
import { literatureRecipe } from '../peft/recipes.js';
import { numberText } from '../report/number-text.js';

const KINDS = Object.keys(RECIPES) as Method['kind'][];

/** `2e-5`, `0.1`, `0`. */
const rateText = (value: number): string =>
  value !== 0 && value < 0.01 ? value.toExponential() : String(value);

const perMethod = (numberOf: (kind: Method['kind']) => number): string => {
  const texts = KINDS.map((kind) => [kind, rateText(numberOf(kind))] as const);
  const first = texts[0]?.[1];
  return texts.every(([, text]) => text === first)
    ? String(first)
    : texts.map(([kind, text]) => `${kind} ${text}`).join(', ');
};

const methodsText = (field: keyof Omit<Recipe, 'source'>): string =>
  perMethod((kind) => RECIPES[kind][field]);

/** `below 20000 rows 16, below 10000 8`: from which number of rows down a small model has another value. */
function byRows(field: 'batchSize' | 'epochs'): string {
  const changes = SMALL_BUDGETS.flatMap((budget, i) => {
    const above = SMALL_BUDGETS[i - 1];
    return above && above[field] !== budget[field] ? [`below ${above.rows} rows ${budget[field]}`] : [];
  });
  return `models narrower than ${SMALL_HIDDEN}: ${changes.join(', ')}`;
}

/** `(default: ...)` of each setting, for help texts. */
export const DEFAULT_TEXTS = {
  learningRate: `(default: ${methodsText('learningRate')}; models narrower than ${SMALL_HIDDEN}: ${perMethod((kind) => SMALL_LEARNING_RATES[kind])})`,
  epochs: `(default: ${methodsText('epochs')}; ${byRows('epochs')} in ${DEFAULT_STAGES} stages, where no batch size or number of steps is given)`,
  batchSize: `(default: ${methodsText('batchSize')}; ${byRows('batchSize')}, where no epochs or steps are given)`,
  warmupRatio: `(default: ${methodsText('warmupRatio')}; with the epochs or batches of few rows: ${smallRecipe(RECIPES.full, 0).warmupRatio})`,
  weightDecay: `(default: ${methodsText('weightDecay')})`,
} as const;

export type RecipeKind = 'default' | 'literature';

/** What of its budget a request says itself: then none is chosen by the rows. */
export interface GivenBudget {
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly maxSteps?: number;
  readonly gradientAccumulationSteps?: number;
}

/** A recipe, and T for its epochs: one stage each where there are blocks for as many. */
export type Defaults = Recipe & { readonly stages: number };

/**
 * Settings of a method on a task: the literature's, or the method's, with learning rate and budget of the model's size.
 * @param request what there is to train on @throws DataError for a model without config.json, or data that cannot be read
 */
export async function defaultsOf(
  which: RecipeKind,
  request: RunRequest,
  { kind }: Method,
  given: GivenBudget,
): Promise<Defaults> {
  const config = await readConfig(await resolveModel(request.model));
  const staged = (recipe: Recipe, stages = recipe.epochs): Defaults => {
    const blocks = config.numHiddenLayers;
    return { ...recipe, stages: Math.min(stages > blocks ? DEFAULT_STAGES : stages, blocks) };
  };
  if (which === 'literature') return staged(literatureRecipe(request.task, kind));
  const recipe = { ...RECIPES[kind], learningRate: defaultLearningRate(kind, config) };
  const { epochs, batchSize, maxSteps, gradientAccumulationSteps = 1 } = given;
  const isGiven = [epochs, batchSize, maxSteps].some((value) => value !== undefined);
  if (config.hiddenSize >= SMALL_HIDDEN || isGiven || gradientAccumulationSteps > 1) return staged(recipe);
  const rows = await trainingRows(request, MANY_ROWS);
  return rows === undefined ? staged(recipe) : staged(smallRecipe(recipe, rows), DEFAULT_STAGES);
}

/** What `--recipe literature` sets, and from where. */
export function literatureText(task: string, { kind }: Method): string {
  const { source, ...settings } = literatureRecipe(task, kind);
  const { learningRate, epochs, batchSize, warmupRatio, weightDecay } = settings;
  return `recipe literature sets, where not given otherwise: learning rate ${rateText(learningRate)}, epochs ${epochs}, batch ${batchSize}, warm-up ${numberText(100 * warmupRatio, 1)} %, weight decay ${weightDecay} (${source})`;
}
