/**
 * Hyper-parameters of the literature by task and method, as data: what a paper or its code used where it differs from the method's
 * own {@link RECIPES}. `finetune --recipe literature` takes them; the defaults keep epochs equal so that methods can be compared.
 */
import { RECIPES, type Recipe } from './defaults.js';
import type { Method } from './method.js';

type Changes = Partial<Omit<Recipe, 'source'>>;

interface Source {
  readonly method: Method['kind'];
  readonly source: string;
  readonly tasks: Readonly<Record<string, Changes>>;
}

const run_glue: Changes = { learningRate: 2e-5, epochs: 3, batchSize: 32, warmupRatio: 0, weightDecay: 0 };
const run_qa: Changes = { learningRate: 3e-5, epochs: 2, batchSize: 12, warmupRatio: 0, weightDecay: 0 };
const bitfit: Changes = { learningRate: 1e-3, epochs: 16, batchSize: 8, warmupRatio: 0 };
const GLUE = ['cola', 'sst2', 'mrpc', 'stsb', 'qqp', 'mnli', 'qnli', 'rte', 'wnli'] as const;

/** The same for every task of GLUE, but what `more` says. */
const everywhere = (shared: Changes, more: Readonly<Record<string, Changes>> = {}): Source['tasks'] =>
  Object.fromEntries(GLUE.map((task) => [task, { ...shared, ...more[task] }]));

/** One method's settings for RoBERTa-base in microsoft/LoRA; batch is per device times devices. */
const lora = (learningRate: number, epochs: number, batchSize: number): Changes => ({
  ...{ learningRate, epochs, batchSize, warmupRatio: 0.06, weightDecay: 0.1 },
});

export const LITERATURE: readonly Source[] = [
  {
    method: 'full',
    source:
      'huggingface/transformers run_glue README (bert-base-cased, max length 128; 5 epochs for MRPC and WNLI)',
    tasks: everywhere(run_glue, { mrpc: { epochs: 5 }, wnli: { epochs: 5 } }),
  },
  {
    method: 'full',
    source: 'huggingface/transformers run_qa README (bert-base-uncased, max length 384, stride 128)',
    tasks: { squad: run_qa, squad_v2: run_qa },
  },
  {
    method: 'lora',
    source:
      'microsoft/LoRA examples/NLU/roberta_base_*.sh (RoBERTa-base, r 8, max length 512; MRPC, RTE and STS-B start from the MNLI adapter)',
    tasks: {
      cola: lora(4e-4, 80, 64),
      mnli: lora(5e-4, 30, 128),
      mrpc: lora(4e-4, 30, 128),
      qnli: lora(4e-4, 25, 256),
      qqp: lora(5e-4, 25, 128),
      rte: lora(5e-4, 80, 256),
      sst2: lora(5e-4, 60, 128),
      stsb: lora(4e-4, 40, 128),
    },
  },
  {
    method: 'adapter',
    source: 'google-research/adapter-bert README, MRPC (BERT-base, size 64, max length 128)',
    tasks: { mrpc: { learningRate: 3e-4, epochs: 5, batchSize: 32, warmupRatio: 0.1 } },
  },
  {
    method: 'bitfit',
    source: 'benzakenelad/BitFit run_glue.py (constant rate there; 1e-4 for MNLI by its issue 3)',
    tasks: everywhere(bitfit, { mnli: { learningRate: 1e-4 } }),
  },
];

/**
 * The literature's settings for a task; where it has none for the task, the method's own. `source` says which.
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * const { epochs, source } = peft.literatureRecipe('rte', 'lora');
 * console.log(epochs, source.split(' ')[0]); // 80 microsoft/LoRA
 * ```
 */
export function literatureRecipe(task: string, method: Method['kind']): Recipe {
  const found = LITERATURE.find((entry) => entry.method === method && entry.tasks[task]);
  const base = RECIPES[method];
  return found ? { ...base, ...found.tasks[task], source: found.source } : base;
}
