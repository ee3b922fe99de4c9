/** Text that a saved decoder writes: prompt -> pieces, as they come. */
import { promptIds } from '../datasets/completion.js';
import { UsageError } from '../errors.js';
import { beamSearch } from '../generation/beam-search.js';
import { decode } from '../generation/decode.js';
import type { BeamOptions, DecodeOptions } from '../generation/options.js';
import { stopsAt, textPieces } from '../generation/text.js';
import { eosTokenIds, type ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { openTextModel } from '../training/text-model.js';
import { loadSaved } from './evaluate-run.js';
import type { OpenOptions, SavedRequest } from './open-saved.js';

/** A prompt, and how it is gone on with. */
export interface GenerateTextRequest
  extends SavedRequest,
    Pick<DecodeOptions, 'doSample' | 'repetitionPenalty'>,
    Pick<BeamOptions, 'lengthPenalty' | 'earlyStopping'> {
  readonly prompt: string;
  /** The prompt is what a user says, and the model answers: the tokenizer's `chat_template` writes both. Default: it goes on with the text. */
  readonly chat?: boolean;
  /** In a chat: what the system says first. */
  readonly system?: string;
  /** Default 128. */
  readonly maxNewTokens?: number;
  /** Over 1: beam search, whose text comes when it is whole. Default 1. */
  readonly numBeams?: number;
  /** Any of these ends the text, and is no part of it. */
  readonly stopStrings?: readonly string[];
}

/** Told as the text ends. */
export interface GeneratedCount {
  readonly promptTokens: number;
  readonly newTokens: number;
  /** From the prompt's first token on. */
  readonly seconds: number;
}

/** Ids that end a text: what the tokenizer says, and what `config.json` does. */
function endsOf({ tokenizer, effective }: TextTokenizer, config: ModelConfig): number[] {
  const token = effective.special.named.eos_token;
  const id = token === undefined ? null : tokenizer.tokenToId(token);
  return [...new Set([id ?? [], ...eosTokenIds(config)].flat())];
}

/**
 * The text that goes on from a prompt, in pieces as they come, without special tokens.
 * @param options device, threads, what is told
 * @throws UsageError for a model that does not write, or more tokens than it has positions; DataError
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 *
 * const request = { model: 'models/from-gguf', prompt: 'a fine', maxNewTokens: 4 };
 * let text = '';
 * for await (const piece of generation.generateText(request)) text += piece;
 * console.log(typeof text); // string
 * ```
 */
export async function* generateText(
  request: GenerateTextRequest,
  { onNote, onEnd, ...options }: OpenOptions & { readonly onEnd?: (count: GeneratedCount) => void } = {},
): AsyncGenerator<string> {
  const { model: name, adapter, prompt, chat = false, system, maxNewTokens = 128, numBeams = 1 } = request;
  const { stopStrings = [], doSample, repetitionPenalty, lengthPenalty, earlyStopping } = request;
  if (numBeams > 1 && doSample !== undefined && doSample !== false)
    throw new UsageError('numBeams: beam search draws no tokens; leave out doSample, or take one beam');
  const { folder, model, values, notes } = await loadSaved(name, adapter, { kind: 'causal-lm' });
  const { config } = model;
  const family = familyOf(config);
  if (!family.causal)
    throw new UsageError(`${name}: a ${config.modelType} fills in words and writes no text; give a decoder`);
  const tokenizer = await loadTokenizer(folder, config.vocabSize);
  for (const text of [...notes, ...tokenizer.warnings]) onNote?.(text);
  const format = chat
    ? ({ kind: 'chat', ...(system === undefined ? {} : { system }) } as const)
    : ({ kind: 'plain', separator: '' } as const);
  const ids = [...((await promptIds(tokenizer, [prompt], format))[0] as Int32Array)];
  const longest = family.longestRow(config);
  if (ids.length + maxNewTokens > longest)
    throw new UsageError(
      `prompt: ${ids.length} tokens, and ${maxNewTokens} to write (--max-new-tokens), are over the ${longest} positions of ${name}; shorten either`,
    );
  const text = (of: number[]): Promise<string> => tokenizer.tokenizer.decode(of, true);
  const ending = {
    maxNewTokens,
    eosTokenIds: endsOf(tokenizer, config),
    stops: stopsAt(text, stopStrings),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
  };
  const writer = openTextModel(model, values, options);
  const start = performance.now();
  let newTokens = 0;
  async function* counted(of: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const id of of) {
      newTokens++;
      yield id;
    }
  }
  async function* best(): AsyncGenerator<number> {
    const [beam] = await beamSearch(writer.nextLogits, ids, {
      ...{ ...ending, numBeams },
      ...(lengthPenalty === undefined ? {} : { lengthPenalty }),
      ...(earlyStopping === undefined ? {} : { earlyStopping }),
    });
    yield* beam?.ids ?? [];
  }
  try {
    const added =
      numBeams > 1
        ? best()
        : decode(writer.nextLogits, ids, { ...ending, ...(doSample === undefined ? {} : { doSample }) });
    yield* textPieces(counted(added), text, stopStrings);
    onEnd?.({ promptTokens: ids.length, newTokens, seconds: (performance.now() - start) / 1000 });
  } finally {
    await writer.close();
  }
}
