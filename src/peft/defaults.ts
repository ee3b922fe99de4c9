/** Hyper-parameters that the literature uses with each method on GLUE, each with its source. */
import type { Method } from './method.js';

/** Hyper-parameters, and where they come from. */
export interface Recipe {
  readonly learningRate: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly warmupRatio: number;
  readonly weightDecay: number;
  readonly source: string;
}

/**
 * Epochs are 3 throughout, as in Hugging Face's reference recipe, so that methods are compared on equal epochs;
 * what the sources use is in `source`.
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * console.log(peft.RECIPES.lora.learningRate); // 0.0004
 * ```
 */
export const RECIPES: Readonly<Record<Method['kind'], Recipe>> = {
  full: {
    learningRate: 2e-5,
    epochs: 3,
    batchSize: 32,
    warmupRatio: 0,
    weightDecay: 0.01,
    source:
      'huggingface/transformers run_glue README: lr 2e-5, batch 32, 3 epochs (5 for MRPC and WNLI); decay 0.01: Devlin et al. 2019',
  },
  lora: {
    learningRate: 4e-4,
    epochs: 3,
    batchSize: 32,
    warmupRatio: 0.06,
    weightDecay: 0.1,
    source:
      'microsoft/LoRA examples/NLU/roberta_base_*.sh: lr 4e-4 to 5e-4, warm-up 6 %, decay 0.1, 25 to 80 epochs',
  },
  adapter: {
    learningRate: 3e-4,
    epochs: 3,
    batchSize: 32,
    warmupRatio: 0.1,
    weightDecay: 0.01,
    source: 'google-research/adapter-bert README, MRPC: lr 3e-4, batch 32, warm-up 10 %, 5 epochs',
  },
  bitfit: {
    learningRate: 1e-3,
    epochs: 3,
    batchSize: 16,
    warmupRatio: 0,
    weightDecay: 0.01,
    source:
      'benzakenelad/BitFit run_glue.py: lr 1e-3, batch 8, 16 epochs, constant rate; batch 16 in the paper',
  },
};

/** Hidden size below which a model is small: it learns with a higher rate than the literature's models of 768 and more. */
export const SMALL_HIDDEN = 512;

/**
 * Peak learning rates for small models: those that the shipped one (6 blocks of 256) learns 2,000 rows of the real SST-2 with, in the budget
 * of so many rows (`docs/own-data.md`). Two or three times as high, Adapter and BitFit end at chance there.
 */
export const SMALL_LEARNING_RATES: Readonly<Record<Method['kind'], number>> = {
  full: 3e-4,
  lora: 1e-3,
  adapter: 1e-3,
  bitfit: 1e-3,
};

/** The peak learning rate that a method starts from on a model of a size; it is the same for all models of `SMALL_HIDDEN` and wider. */
export const defaultLearningRate = (
  kind: Method['kind'],
  { hiddenSize }: { readonly hiddenSize: number },
): number => (hiddenSize < SMALL_HIDDEN ? SMALL_LEARNING_RATES[kind] : RECIPES[kind].learningRate);

/** Stages of a run whose epochs are not chosen: the paper's T. */
export const DEFAULT_STAGES = 3;

/**
 * Budgets of small models, by the rows that there are to train on: they learn by steps more than by rows, so few rows are gone through
 * often, in small batches, with a warm-up (as Mosbach et al. 2021, "On the Stability of Fine-tuning BERT", have it for few rows). Each
 * gives 1,875 steps or more from 1,667 rows up.
 */
export const SMALL_BUDGETS = [
  { rows: 20_000, batchSize: 32, epochs: 3 },
  { rows: 10_000, batchSize: 16, epochs: 3 },
  { rows: 5_000, batchSize: 8, epochs: 3 },
  { rows: 2_500, batchSize: 8, epochs: 6 },
  { rows: 0, batchSize: 8, epochs: 9 },
] as const;

/** Rows from which on a small model has the budget of its method, as all others. */
export const MANY_ROWS = SMALL_BUDGETS[0].rows;

const SMALL_WARMUP = 0.1;

/** A method's recipe with the budget of a small model on so many rows. */
export function smallRecipe(recipe: Recipe, rows: number): Recipe {
  const found = SMALL_BUDGETS.find((budget) => rows >= budget.rows) ?? SMALL_BUDGETS[0];
  if (found.rows === MANY_ROWS) return recipe;
  const { batchSize, epochs } = found;
  return { ...recipe, batchSize: Math.min(recipe.batchSize, batchSize), epochs, warmupRatio: SMALL_WARMUP };
}
