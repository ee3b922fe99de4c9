/** Where settings that are not given come from, as numbers: in `--help`, and before the first step. */
import { resolveModel } from '../datasets/source.js';
import { readConfig } from '../models/config-file.js';
import {
  defaultLearningRate,
  RECIPES,
  type Recipe,
  SMALL_HIDDEN,
  SMALL_LEARNING_RATES,
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

const defaultsOf = (field: keyof Omit<Recipe, 'source'>): string => perMethod((kind) => RECIPES[kind][field]);

/** `(default: ...)` of each setting, for help texts. */
export const DEFAULT_TEXTS = {
  learningRate: `(default: ${defaultsOf('learningRate')}; models narrower than ${SMALL_HIDDEN}: ${perMethod((kind) => SMALL_LEARNING_RATES[kind])})`,
  epochs: `(default: ${defaultsOf('epochs')})`,
  batchSize: `(default: ${defaultsOf('batchSize')})`,
  warmupRatio: `(default: ${defaultsOf('warmupRatio')})`,
  weightDecay: `(default: ${defaultsOf('weightDecay')})`,
} as const;

export type RecipeKind = 'default' | 'literature';

/** Settings of a method on a task: the literature's, or the method's with the learning rate of the model's size. @throws DataError for a model without config.json */
export async function recipeOf(
  which: RecipeKind,
  task: string,
  { kind }: Method,
  model: string,
): Promise<Recipe> {
  if (which === 'literature') return literatureRecipe(task, kind);
  const config = await readConfig(await resolveModel(model));
  return { ...RECIPES[kind], learningRate: defaultLearningRate(kind, config) };
}

/** What `--recipe literature` sets, and from where. */
export function literatureText(task: string, { kind }: Method): string {
  const { source, ...settings } = literatureRecipe(task, kind);
  const { learningRate, epochs, batchSize, warmupRatio, weightDecay } = settings;
  return `recipe literature sets, where not given otherwise: learning rate ${rateText(learningRate)}, epochs ${epochs}, batch ${batchSize}, warm-up ${numberText(100 * warmupRatio, 1)} %, weight decay ${weightDecay} (${source})`;
}
