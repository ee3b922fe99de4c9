/**
 * What the other rooms know of a model: schedules its blocks, PEFT its linear maps and sub-layers, counting its places, checkpoints its
 * names, training its forward pass. A family is one value of this kind, in `families/`; `families.ts` finds it by `model_type`.
 */
import type { Tensor2D } from '../engine/tfjs.js';
import type { HeadSpec, ModelConfig } from './config.js';
import type { ModelInputs, Reads } from './inputs.js';
import type { ModelContext } from './layers.js';
import type { Module } from './modules.js';

/** Scalars per place. */
export interface PlaceCounts {
  readonly embeddings: number;
  /** Of each block, from the lowest up. */
  readonly blocks: readonly number[];
  /** Between the last block and the head. */
  readonly final: number;
  readonly pooler: number;
  readonly classifier: number;
}

/** Blocks that all have the same number of scalars. */
export const likeBlocks = ({ numHiddenLayers }: ModelConfig, each: number): number[] =>
  new Array<number>(numHiddenLayers).fill(each);

/** A second stack of blocks over a text of its own, each of which reads what the first stack made of its text. */
export interface SecondStack<C extends ModelConfig = ModelConfig> {
  /** Blocks of the first stack: the next one is the second's lowest. */
  first(config: C): number;
  /** Of its tokens the hidden states before its first block: [rows, H]. */
  embed(context: ModelContext<C>, inputs: ModelInputs): Tensor2D;
}

/** Where an adapter can sit: at the end of a sub-layer of a block, before its residual sum. */
export interface SubLayer {
  readonly module: string;
  readonly kind: 'attention' | 'feed-forward';
  /** The block's, 0-based. */
  readonly index: number;
}

/** A `config.json`, read. */
export interface ReadConfig<C> {
  /** Every field that is read, defaults filled in, by its own name. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly config: C;
}

/** @typeParam C the config of its models */
export interface Family<C extends ModelConfig = ModelConfig> {
  /** What the names of Hugging Face's classes begin with: `Bert` of `BertForMaskedLM`. */
  readonly className: string;
  /** Hugging Face's class for a head; undefined for a head that the family has not. */
  architecture(head: HeadSpec): string | undefined;

  /** @throws DataError for a file that is malformed, or a variant that is not supported, by name */
  readConfig(json: unknown, path: string): ReadConfig<C>;
  /** The fields that Python's `from_pretrained` needs, without those of a head. */
  configJson(config: C): Record<string, unknown>;
  /** Tokens in a row that the positions reach. */
  longestRow(config: C): number;
  /** All dropouts at one rate. */
  withDropout(config: C, rate: number): C;

  /** Modules with parameters, in Hugging Face's order: embeddings, blocks from low to high, head. */
  modules(config: C, head: HeadSpec): Module[];
  /** Modules without parameters, which PEFT's patterns may match all the same. */
  plainModules(config: C, head: HeadSpec): string[];
  /** Of a block, 0-based, e.g. `bert.encoder.layer.3`. */
  blockName(config: C, index: number): string;
  /** A block's sub-layers, in the order of computation. */
  subLayers(config: C, index: number): SubLayer[];
  /** The same numbers as counting `modules`, in closed form. */
  placeCounts(config: C, head: HeadSpec): PlaceCounts;
  /** Where LoRA goes by default (PEFT's table by model type). */
  readonly loraTargets: readonly [string, ...string[]];
  /** Ends of the names of the query's and the intermediate map's biases (BitFit); undefined where they have none of their own. */
  readonly queryAndIntermediate: readonly string[] | undefined;
  /** A pooler that stands apart from the classifier: its module. */
  readonly pooler: string | undefined;

  /** What stands before names in files of the bare model: `bert`. */
  readonly prefix: string;
  /** What files of the bare model begin their names with. */
  readonly bareNames: RegExp;
  /** The name of a tensor as the model has it; wrappers of PyTorch's are off already. */
  canonicalName(stored: string): string;
  /** Tensors in files that are no parameters. */
  readonly buffers: RegExp | undefined;
  /** Parameter of the look-up of tokens. */
  wordEmbedding(config: C): string;
  /** Parameter of the output embedding where it is not tied. */
  readonly outputEmbedding: string;

  /** A token sees those before it only, and a classifier reads the last one; else all, and the first. */
  readonly causal: boolean;
  /** The model has token types, and exporters an input for them. */
  readonly tokenTypes: boolean;
  /** Where the model is an encoder and a decoder: its blocks are those of the encoder, then those of the decoder. */
  readonly decoder?: SecondStack<C>;
  /** Parameters of other blocks that a block reads. */
  alsoReads?(config: C, index: number): readonly string[];
  /** Parameters that files may have under other names: the first of these that is there is read. */
  readonly standIns?: Readonly<Record<string, readonly string[]>>;
  /** Tokens to the hidden states before the first block: [rows, H]. */
  embed(context: ModelContext<C>, inputs: ModelInputs): Tensor2D;
  /** x [rows, H] -> [rows that are read, H]. */
  block(context: ModelContext<C>, index: number, inputs: ModelInputs, x: Tensor2D, reads: Reads): Tensor2D;
  /** What follows the last block, on the rows that are read. */
  finish(context: ModelContext<C>, x: Tensor2D): Tensor2D;
  /** Logits of a classification head over one token's hidden state of each example: [E, H] -> [E, labels]. */
  classify(context: ModelContext<C>, read: Tensor2D): Tensor2D;
}
