/** Text that a saved decoder, or encoder-decoder, writes: prompt -> pieces, as they come. */
import { promptIds } from '../datasets/completion.js';
import { resolveModel } from '../datasets/source.js';
import { sourceIds } from '../datasets/text-pairs.js';
import { UsageError } from '../errors.js';
import { beamSearch } from '../generation/beam-search.js';
import { decode } from '../generation/decode.js';
import type { BeamOptions, DecodeOptions } from '../generation/options.js';
import { stopsAt, textPieces } from '../generation/text.js';
import { decoderStart, eosTokenIds, type HeadSpec, type ModelConfig } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
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
  /** What is gone on from; of an encoder-decoder what it reads. */
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

/** The head that writes. @throws UsageError for a model that does not */
async function writingHead(name: string): Promise<Extract<HeadSpec, { kind: 'causal-lm' | 'seq2seq-lm' }>> {
  const config = await readConfig(await resolveModel(name));
  const { causal, decoder } = familyOf(config);
  if (decoder) return { kind: 'seq2seq-lm' };
  if (causal) return { kind: 'causal-lm' };
  throw new UsageError(
    `${name}: a ${config.modelType} fills in words and writes no text; give a decoder or an encoder-decoder`,
  );
}

/** What is read, and what the text that is written begins with. */
interface Prompt {
  /** Of an encoder-decoder. */
  readonly source?: readonly number[];
  readonly ids: readonly number[];
}

/** @throws UsageError for more tokens than the model has positions, or a chat with an encoder-decoder */
async function promptOf(
  { model: name, prompt, chat = false, system, maxNewTokens = 128 }: GenerateTextRequest,
  tokenizer: TextTokenizer,
  config: ModelConfig,
): Promise<Prompt> {
  const longest = familyOf(config).longestRow(config);
  const start = decoderStart(config);
  if (start !== undefined) {
    if (chat)
      throw new UsageError(`chat: a ${config.modelType} reads a text and writes another; leave --chat out`);
    const end = eosTokenIds(config)[0] as number;
    const [source = []] = await sourceIds([prompt], { tokenizer, end, maxLength: Number.POSITIVE_INFINITY });
    if (source.length > longest)
      throw new UsageError(
        `prompt: ${source.length} tokens are over the ${longest} positions of ${name}; shorten it`,
      );
    if (1 + maxNewTokens > longest)
      throw new UsageError(
        `max-new-tokens: ${maxNewTokens} and the start token are over the ${longest} positions of ${name}; write fewer`,
      );
    return { source: [...source], ids: [start] };
  }
  const format = chat
    ? ({ kind: 'chat', ...(system === undefined ? {} : { system }) } as const)
    : ({ kind: 'plain', separator: '' } as const);
  const ids = [...((await promptIds(tokenizer, [prompt], format))[0] as Int32Array)];
  if (ids.length + maxNewTokens > longest)
    throw new UsageError(
      `prompt: ${ids.length} tokens, and ${maxNewTokens} to write (--max-new-tokens), are over the ${longest} positions of ${name}; shorten either`,
    );
  return { ids };
}

/** How texts are written, whatever the prompt. */
export type WriterRequest = Omit<GenerateTextRequest, 'prompt'>;

/** How a writer is opened. */
export interface WriterOptions extends OpenOptions {
  /** Told after each text. */
  readonly onEnd?: (count: GeneratedCount) => void;
}

/** A saved model that writes one text after another. Close it when done. */
export interface TextWriter {
  /** In pieces as they come, without special tokens. @throws UsageError for more tokens than the model has positions */
  write(prompt: string): AsyncGenerator<string>;
  close(): Promise<void>;
}

/** @throws UsageError for a model that does not write; DataError */
export async function openWriter(
  request: WriterRequest,
  { onNote, onEnd, ...options }: WriterOptions = {},
): Promise<TextWriter> {
  const { model: name, adapter, maxNewTokens = 128, numBeams = 1 } = request;
  const { stopStrings = [], doSample, repetitionPenalty, lengthPenalty, earlyStopping } = request;
  if (numBeams > 1 && doSample !== undefined && doSample !== false)
    throw new UsageError('numBeams: beam search draws no tokens; leave out doSample, or take one beam');
  const { folder, model, values, notes } = await loadSaved(name, adapter, await writingHead(name));
  const { config } = model;
  const tokenizer = await loadTokenizer(folder, config.vocabSize);
  for (const text of [...notes, ...tokenizer.warnings]) onNote?.(text);
  const text = (of: number[]): Promise<string> => tokenizer.tokenizer.decode(of, true);
  const ending = {
    maxNewTokens,
    eosTokenIds: endsOf(tokenizer, config),
    stops: stopsAt(text, stopStrings),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
  };
  const writer = openTextModel(model, values, options);
  async function* best(ids: readonly number[]): AsyncGenerator<number> {
    const [beam] = await beamSearch(writer.nextLogits, ids, {
      ...{ ...ending, numBeams },
      ...(lengthPenalty === undefined ? {} : { lengthPenalty }),
      ...(earlyStopping === undefined ? {} : { earlyStopping }),
    });
    yield* beam?.ids ?? [];
  }
  return {
    async *write(prompt) {
      const { source, ids } = await promptOf({ ...request, prompt }, tokenizer, config);
      if (source) writer.read(source);
      const start = performance.now();
      let newTokens = 0;
      async function* counted(of: AsyncIterable<number>): AsyncGenerator<number> {
        for await (const id of of) {
          newTokens++;
          yield id;
        }
      }
      const added =
        numBeams > 1
          ? best(ids)
          : decode(writer.nextLogits, ids, { ...ending, ...(doSample === undefined ? {} : { doSample }) });
      yield* textPieces(counted(added), text, stopStrings);
      onEnd?.({
        promptTokens: (source ?? ids).length,
        newTokens,
        seconds: (performance.now() - start) / 1000,
      });
    },
    close: () => writer.close(),
  };
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
  { prompt, ...request }: GenerateTextRequest,
  options: WriterOptions = {},
): AsyncGenerator<string> {
  const writer = await openWriter(request, options);
  try {
    yield* writer.write(prompt);
  } finally {
    await writer.close();
  }
}
