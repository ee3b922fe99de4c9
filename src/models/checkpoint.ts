/** Hugging Face checkpoint folders: `config.json`, `model.safetensors` and the tokenizer's files, read and written. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { copyTokenizer } from '../tokenizers/save.js';
import type { HeadSpec, ModelConfig } from './config.js';
import { readConfig, writeConfig } from './config-file.js';
import { familyOf } from './families.js';
import type { Family } from './family.js';
import { initialise } from './initialise.js';
import type { ParameterSpec, Parameters } from './parameters.js';
import { writeSafetensors } from './safetensors.js';
import { modelSpecs } from './specs.js';
import { storedNames } from './stored-names.js';
import { openWeights, type Weights } from './weights.js';

/** A model with its values: what a folder holds, read. */
export interface Checkpoint {
  /** Where it was read from; undefined for a model made afresh. */
  readonly folder: string | undefined;
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly parameters: Parameters;
  /** Names that the file does not hold and that were drawn afresh: a new head. */
  readonly initialised: readonly string[];
  /** What the user should know of the files: tensors without use, two sets of weights; one line each. */
  readonly notes?: readonly string[];
}

/** The head and a pooler may be missing (a pre-trained checkpoint has none); anything else must be there. */
const mayBeFresh = (spec: ParameterSpec): boolean =>
  spec.place.kind === 'classifier' || spec.place.kind === 'pooler';

/** What is drawn afresh instead of read. */
export interface LoadOptions {
  /** Draws the tensors that the file does not hold. */
  readonly seed: number;
  /** Draws every tensor; the file only has to be a model of this shape. */
  readonly randomWeights?: boolean | undefined;
  /** Draws the output layer even where the file holds one, of whatever size (HF `ignore_mismatched_sizes`). */
  readonly newHead?: boolean | undefined;
  /** Names whose values come from elsewhere, as an adapter's: neither read nor drawn. */
  readonly except?: Pick<ReadonlySet<string>, 'has'>;
}

/** What is read in place of a parameter that the file has not, or has under another name. */
const STAND_INS: Readonly<Record<string, readonly string[]>> = {
  // As in Python, where the decoder's own bias is the one that is added.
  'cls.predictions.bias': ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
};

/** Reads a model's tensors by Hugging Face's names, and keeps count of what was read. */
class Reader {
  readonly #used = new Set<string>();
  readonly #stored: ReadonlyMap<string, string>;

  constructor(
    private readonly weights: Weights,
    private readonly family: Family,
  ) {
    this.#stored = storedNames(weights.tensors.keys(), family, weights.path());
  }

  has(name: string): boolean {
    return this.#stored.has(name);
  }

  /** The tensor has a place in the model, though its values come from elsewhere. */
  skip(name: string): void {
    const stored = this.#stored.get(name);
    if (stored !== undefined) this.#used.add(stored);
  }

  /** The tensor's values; undefined where the file holds none and need not. @throws DataError for a missing or mis-shaped one */
  async read(spec: ParameterSpec): Promise<Float32Array | undefined> {
    const { name, shape } = spec;
    const stored = (this.family.standIns?.[name] ?? STAND_INS[name] ?? [name])
      .map((key) => this.#stored.get(key))
      .find((key) => key !== undefined);
    if (stored === undefined) {
      if (mayBeFresh(spec)) return undefined;
      throw new DataError(
        `${this.weights.path()}: tensor '${name}' [${shape}] is missing; does config.json belong to these weights?`,
      );
    }
    const given = this.weights.tensors.get(stored)?.shape ?? [];
    if (given.join() !== shape.join()) {
      const remedy =
        spec.place.kind === 'classifier'
          ? ': the head of another task; finetune --new-head draws a fresh one'
          : '';
      throw new DataError(
        `${this.weights.path(stored)}: tensor '${stored}': wanted [${shape}], got [${given}]${remedy}`,
      );
    }
    this.#used.add(stored);
    return this.weights.read(stored);
  }

  /** One line on the tensors that the model has no place for; a pooler and heads of other purposes are ordinary. */
  unused(): string[] {
    const names = [...this.weights.tensors.keys()].filter(
      (name) => !this.#used.has(name) && !HEADS.test(name) && !this.family.buffers?.test(name),
    );
    if (names.length === 0) return [];
    const rest = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
    return [
      `${this.weights.path()}: tensors that this model has no use for: ${names.slice(0, NAMED).join(', ')}${rest}`,
    ];
  }
}

const HEADS =
  /(?:^|\.)(?:pooler|cls|lm_head|classifier|qa_outputs|discriminator_predictions|generator_\w+)\./;

/** Tensors named one by one, before the rest is only counted. */
const NAMED = 3;

/**
 * Reads a model for a head. @throws DataError that names a missing or mis-shaped tensor, wanted and got
 * @param options what is drawn afresh, from which seed
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 3 } as const;
 * const checkpoint = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * console.log(checkpoint.initialised.join(' ')); // classifier.weight classifier.bias
 * ```
 */
export async function loadCheckpoint(
  folder: string,
  head: HeadSpec,
  { seed, randomWeights = false, newHead = false, except = new Set() }: LoadOptions,
): Promise<Checkpoint> {
  const config = await readConfig(folder);
  const specs = modelSpecs(config, head);
  const weights = await openWeights(folder);
  const parameters = new Map<string, Float32Array>();
  const initialised: string[] = [];
  try {
    const reader = new Reader(weights, familyOf(config));
    for (const spec of specs) {
      if (except.has(spec.name)) {
        reader.skip(spec.name);
        continue;
      }
      const isNew = spec.place.kind === 'classifier' && (newHead || randomWeights);
      if (isNew) reader.skip(spec.name);
      const data = isNew ? undefined : await reader.read(spec);
      const known = randomWeights ? undefined : data;
      if (!known) initialised.push(spec.name);
      parameters.set(spec.name, known ?? initialise(spec, config, seed));
    }
    const loaded = { folder, config, head, specs, parameters, initialised };
    const predicts = head.kind !== 'classification' && head.kind !== 'span';
    const untied = predicts && !randomWeights ? await withDecoder(loaded, reader) : loaded;
    return { ...untied, notes: [...weights.notes, ...reader.unused()] };
  } finally {
    await weights.close();
  }
}

/** As in Python: a config that ties the output embedding to the word embedding is overruled by a file that holds both, where they differ. */
async function withDecoder(loaded: Checkpoint, reader: Reader): Promise<Checkpoint> {
  const { outputEmbedding, wordEmbedding } = familyOf(loaded.config);
  if (loaded.config.tieWordEmbeddings === false || !reader.has(outputEmbedding)) return loaded;
  const config: ModelConfig = { ...loaded.config, tieWordEmbeddings: false };
  const specs = modelSpecs(config, loaded.head);
  const spec = specs.find(({ name }) => name === outputEmbedding) as ParameterSpec;
  const values = (await reader.read(spec)) as Float32Array;
  const words = loaded.parameters.get(wordEmbedding(config));
  if (values.every((value, i) => value === words?.[i])) return loaded;
  return { ...loaded, config, specs, parameters: new Map([...loaded.parameters, [spec.name, values]]) };
}

/** Class names, and the type that the weights are stored in (default `F32`). */
export interface SaveOptions {
  /** Class names by id, for `id2label`. */
  readonly labels?: readonly string[];
  readonly dtype?: 'F32' | 'F16';
}

/**
 * Writes a folder that Python's `from_pretrained` reads: the weights last, so that a folder with weights is complete.
 * @throws UsageError for the folder that the model was read from, DataError where it cannot be written
 * @param options class names, stored type
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const checkpoint = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * await models.saveCheckpoint('models/copy', checkpoint, { labels: ['bad', 'good'] });
 * ```
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  { labels, dtype }: SaveOptions = {},
): Promise<void> {
  const { config, head, specs, parameters } = checkpoint;
  if (checkpoint.folder !== undefined && resolve(folder) === resolve(checkpoint.folder))
    throw new UsageError(`${folder}: a model is not saved over the one it was made from`);
  await mkdir(folder, { recursive: true });
  if (checkpoint.folder !== undefined)
    await copyTokenizer(checkpoint.folder, folder, { maxLength: familyOf(config).longestRow(config) });
  await writeConfig(folder, config, head, labels);
  const tensors = specs.map(
    ({ name, shape }) => [name, { shape, data: parameters.get(name) as Float32Array }] as const,
  );
  // Of an untied decoder Python reads the bias under this name only.
  const bias = tensors.find(([name]) => name === 'cls.predictions.bias');
  if (bias && config.tieWordEmbeddings === false) tensors.push(['cls.predictions.decoder.bias', bias[1]]);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, dtype ? { dtype } : {});
}
