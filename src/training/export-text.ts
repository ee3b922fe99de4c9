/**
 * Models that write, as `@huggingface/transformers` runs them: keys and values of the tokens before go in as `past_key_values.N.key`, those
 * of all tokens come out as `present.N.key`, [B, heads, tokens, head size]. Letters: B rows of the batch.
 */
import { type TensorSpecs, trace } from '../engine/compile.js';
import { type ExportedGraph, exportGraph } from '../engine/export.js';
import type { BatchSize } from '../engine/free.js';
import * as tf from '../engine/tfjs.js';
import { maskedWhereNot } from '../models/attending.js';
import type { ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import { hiddenStates, statesBefore } from '../models/forward.js';
import { outputEmbedding } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { Parameters } from '../models/parameters.js';
import { byHead, type Kept, keptShape, type Past } from '../models/past.js';
import { encoderBlocks } from '../models/specs.js';
import type { ExportableModel } from './export-model.js';
import { parameterInputs, type Tensors } from './model.js';

/** Files of a model in `onnx/`, by their names there. */
export type TextGraphs = Readonly<Record<string, ExportedGraph>>;

/** What is traced: inputs by the names of the exported model. */
interface Traced {
  readonly inputs: TensorSpecs;
  readonly outputs: (tensors: Tensors) => Tensors;
}

/** The places of the tokens, and of all that they may look at. */
function placesOf(past: number, tokens: number): Past['places'] {
  const keys = tf.tensor1d(
    Int32Array.from({ length: past + tokens }, (_, i) => i),
    'int32',
  );
  return { keys, queries: tf.slice(keys, [past], [tokens]) };
}

/** Whether a key is not after a query: bool [1, 1, tokens, all tokens]. */
const notAfter = ({ queries, keys }: Past['places']): tf.Tensor =>
  tf.lessEqual(tf.reshape(keys, [1, 1, 1, keys.size]), tf.reshape(queries, [1, 1, queries.size, 1]));

const KINDS = ['key', 'value'] as const;

/** Keys and values that come in and go out: what a block's attentions are called is the same in all families. */
class ServedPast implements Past {
  /** Outputs by name. */
  readonly present: Record<string, tf.Tensor> = {};
  #own = 0;
  #cross = 0;

  constructor(
    readonly bias: tf.Tensor,
    readonly places: Past['places'],
    private readonly config: ModelConfig,
    private readonly tensors: Tensors,
  ) {}

  join(_module: string, keys: tf.Tensor2D, values: tf.Tensor2D): Kept {
    const block = this.#own++;
    return this.#joined(encoderBlocks(this.config) > 0 ? `${block}.decoder` : `${block}`, [keys, values]);
  }

  /** Of the text that is read those that are new are added: all of them at first, then none. */
  cross(_module: string, make: () => readonly [tf.Tensor2D, tf.Tensor2D]): Kept {
    return this.#joined(`${this.#cross++}.encoder`, make());
  }

  #joined(block: string, fresh: readonly [tf.Tensor2D, tf.Tensor2D]): Kept {
    const joined = KINDS.map((kind, i) => {
      const past = this.tensors[`past_key_values.${block}.${kind}`] as tf.Tensor4D;
      const all = tf.concat([past, byHead(this.config, fresh[i] as tf.Tensor2D, past.shape[0])], 2);
      this.present[`present.${block}.${kind}`] = all;
      return all;
    });
    return joined as [tf.Tensor4D, tf.Tensor4D];
  }
}

/** Inputs of the tokens before, for blocks `0 ... count - 1`. */
const pastInputs = (config: ModelConfig, count: number, rows: number, past: number, of = ''): TensorSpecs =>
  Object.fromEntries(
    Array.from({ length: count }, (_, block) =>
      KINDS.map(
        (kind) =>
          [`past_key_values.${block}${of}.${kind}`, { shape: keptShape(config, rows, past) }] as const,
      ),
    ).flat(),
  );

const ids = (rows: number, length: number) => ({ shape: [rows, length], dtype: 'int32' }) as const;

/** What decoders are given, and do not read, beside `past`. */
const unread = (newIds: tf.Tensor) => ({ tokenTypeIds: newIds, starts: newIds });

/** `onnx/model.onnx` of a decoder. */
function decoderAt(
  { config, adaptation, specs }: ExportableModel,
  { rows, length, past = 0 }: BatchSize,
): Traced {
  const inputs = {
    ...parameterInputs(specs),
    input_ids: ids(rows, length),
    attention_mask: ids(rows, past + length),
    position_ids: ids(rows, length),
    ...pastInputs(config, config.numHiddenLayers, rows, past),
  };
  return {
    inputs,
    outputs(tensors) {
      const [inputIds, positions] = [tensors.input_ids, tensors.position_ids] as [tf.Tensor, tf.Tensor];
      const places = placesOf(past, length);
      const mask = tf.cast(
        tf.reshape(tensors.attention_mask as tf.Tensor, [rows, 1, 1, past + length]),
        'bool',
      );
      const bias = maskedWhereNot(tf.logicalAnd(mask, notAfter(places)));
      const kept = new ServedPast(bias, places, config, tensors);
      const context = modelContext({
        ...{ config, adaptation, parameters: tensors, batch: rows, seq: length, past: kept },
      });
      const given = { inputIds, positions, segments: positions, ...unread(inputIds) };
      const hidden = hiddenStates(context, given, { kind: 'all' });
      const logits = tf.matMul(hidden, outputEmbedding(context), false, true);
      return { logits: tf.reshape(logits, [rows, length, config.vocabSize]), ...kept.present };
    },
  };
}

/** `onnx/encoder_model.onnx` of an encoder-decoder. */
function encoderAt({ config, adaptation, specs }: ExportableModel, { rows, length }: BatchSize): Traced {
  const inputs = {
    ...parameterInputs(specs),
    input_ids: ids(rows, length),
    attention_mask: ids(rows, length),
  };
  return {
    inputs,
    outputs(tensors) {
      const [inputIds, attentionMask] = [tensors.input_ids, tensors.attention_mask] as [tf.Tensor, tf.Tensor];
      const context = modelContext({ config, adaptation, parameters: tensors, batch: rows, seq: length });
      const given = { inputIds, attentionMask, tokenTypeIds: inputIds };
      const hidden = statesBefore(context, given, encoderBlocks(config));
      return { last_hidden_state: tf.reshape(hidden, [rows, length, config.hiddenSize]) };
    },
  };
}

/**
 * `onnx/decoder_model_merged.onnx`. Merged are, in Hugging Face's exporters, a program that makes keys and values of the encoder's states
 * and one that is given them, told apart by `use_cache_branch`. Here it is one: of the states those are read whose keys are not given yet.
 */
function secondStackAt(
  { config, adaptation, specs }: ExportableModel,
  { rows, length, targetLength: tokens = 0, past = 0, readBefore = 0 }: BatchSize,
): Traced {
  const blocks = config.numHiddenLayers - encoderBlocks(config);
  const inputs = {
    ...parameterInputs(specs),
    encoder_attention_mask: ids(rows, length),
    input_ids: ids(rows, tokens),
    encoder_hidden_states: { shape: [rows, length, config.hiddenSize] },
    ...pastInputs(config, blocks, rows, past, '.decoder'),
    ...pastInputs(config, blocks, rows, readBefore, '.encoder'),
  };
  return {
    inputs,
    outputs(tensors) {
      const decoderInputIds = tensors.input_ids as tf.Tensor;
      const attentionMask = tensors.encoder_attention_mask as tf.Tensor;
      const places = placesOf(past, tokens);
      const kept = new ServedPast(maskedWhereNot(notAfter(places)), places, config, tensors);
      const context = modelContext({
        ...{ config, adaptation, parameters: tensors, batch: rows, seq: length, past: kept },
      });
      const size = config.hiddenSize;
      const fresh = tf.slice(
        tensors.encoder_hidden_states as tf.Tensor3D,
        [0, readBefore, 0],
        [rows, length - readBefore, size],
      );
      const read = tf.reshape(fresh, [rows * (length - readBefore), size]) as tf.Tensor2D;
      const given = { inputIds: attentionMask, attentionMask, tokenTypeIds: attentionMask, decoderInputIds };
      const known = { block: encoderBlocks(config), hidden: read };
      const hidden = hiddenStates(context, given, { kind: 'all' }, known);
      const logits = tf.matMul(hidden, outputEmbedding(context), false, true);
      return { logits: tf.reshape(logits, [rows, tokens, config.vocabSize]), ...kept.present };
    },
  };
}

function exported(
  model: ExportableModel,
  parameters: Parameters,
  at: (model: ExportableModel, size: BatchSize) => Traced,
): ExportedGraph {
  const { inputs } = at(model, { rows: 1, length: 1 });
  const ours = Object.keys(inputs).filter((name) => !parameters.has(name));
  return exportGraph(
    (size) => {
      const { inputs, outputs } = at(model, size);
      return trace(inputs, outputs).graph;
    },
    Object.fromEntries(ours.map((name) => [name, name])),
    Object.fromEntries(parameters),
  );
}

/** Of a decoder, or an encoder-decoder, the programs that write with it, with free sizes and its weights. */
export const exportText = (model: ExportableModel, parameters: Parameters): TextGraphs =>
  familyOf(model.config).decoder
    ? {
        'encoder_model.onnx': exported(model, parameters, encoderAt),
        'decoder_model_merged.onnx': exported(model, parameters, secondStackAt),
      }
    : { 'model.onnx': exported(model, parameters, decoderAt) };
