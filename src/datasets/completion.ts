/**
 * Prompt and completion as token ids with labels: a causal model learns the completion, the prompt's labels are -100 as in Hugging Face's.
 * Prompt and completion are encoded apart, so that a model that is given the prompt alone sees the ids that it was trained on.
 */
import { DataError } from '../errors.js';
import { chatTemplate } from '../tokenizers/chat-template.js';
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Feature } from './batch.js';
import type { InputOutput } from './data-to-text/example.js';
import { idsOf } from './running-text.js';

/** The label that the loss leaves out (PyTorch's `ignore_index`). */
const IGNORED = -100;

/** How an input becomes a prompt. */
export type PromptFormat =
  | {
      /** `input -> output`, and the end of text. */
      readonly kind: 'plain';
      /** Between input and output. Default ` ->`; the output follows after a blank. */
      readonly separator?: string;
    }
  | {
      /** The tokenizer's own `chat_template`: the input is what the user says, the output what the assistant answers. */
      readonly kind: 'chat';
      /** What the system says first. Default: nothing, or what the template has. */
      readonly system?: string;
      /** Before the input, as `Describe in one sentence: `. */
      readonly instruction?: string;
    };

/** The two halves of a text, and the ids around them. */
interface Halves {
  readonly prompt: string;
  readonly completion: string;
}

interface Writer {
  readonly halves: (input: string, output: string) => Halves;
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

/** @throws DataError for a tokenizer without an end of text */
function endOfText({ effective, tokenizer }: TextTokenizer): number {
  const token = effective.special.named.eos_token;
  const id = token === undefined ? null : tokenizer.tokenToId(token);
  if (id === null)
    throw new DataError(
      'the tokenizer has no eos_token, so that a model would not learn where a text ends; name one in tokenizer_config.json',
    );
  return id;
}

function plainWriter(tokenizer: TextTokenizer, separator: string): Writer {
  return {
    halves: (input, output) => ({ prompt: `${input}${separator}`, completion: ` ${output}` }),
    prefix: tokenizer.single.prefix,
    suffix: [endOfText(tokenizer)],
  };
}

async function chatWriter(
  tokenizer: TextTokenizer,
  { system, instruction = '' }: Omit<PromptFormat & { kind: 'chat' }, 'kind'>,
): Promise<Writer> {
  const render = await chatTemplate(tokenizer);
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return {
    halves: (input, output) => {
      const asked = [...before, { role: 'user', content: `${instruction}${input}` }];
      const prompt = render(asked, { addGenerationPrompt: true });
      const whole = render([...asked, { role: 'assistant', content: output }]);
      if (!whole.startsWith(prompt))
        throw new DataError(
          `${tokenizer.effective.chatTemplate?.source}: its chat template writes a conversation with an answer otherwise than the prompt for it, so that the answer cannot be told from the prompt; use the plain prompt format`,
        );
      return { prompt, completion: whole.slice(prompt.length) };
    },
    prefix: [],
    suffix: [],
  };
}

const writerOf = (tokenizer: TextTokenizer, format: PromptFormat): Writer | Promise<Writer> =>
  format.kind === 'plain' ? plainWriter(tokenizer, format.separator ?? ' ->') : chatWriter(tokenizer, format);

/**
 * Prompts alone, as ids that a model goes on from.
 * @throws DataError for a format that the tokenizer has no template for
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/from-gguf');
 * const [ids] = await datasets.promptIds(tokenizer, ['abc'], { kind: 'plain' });
 * console.log(await tokenizer.tokenizer.decode([...ids], false)); // abc ->
 * ```
 */
export async function promptIds(
  tokenizer: TextTokenizer,
  inputs: readonly string[],
  format: PromptFormat,
): Promise<Int32Array[]> {
  const { halves, prefix } = await writerOf(tokenizer, format);
  const ids = await idsOf(
    tokenizer,
    inputs.map((input) => halves(input, '').prompt),
  );
  return ids.map((prompt) => Int32Array.from([...prefix, ...prompt]));
}

/** One example of a causal model: prompt and completion in one row. */
export interface CompletionFeature extends Feature {
  /** [tokens] */
  readonly inputIds: Int32Array;
  /** Tokens of the prompt: the place of the first token that is learnt. */
  readonly label: number;
  /** [tokens], the id itself in the completion, -100 in the prompt. As in Hugging Face's, the loss shifts them by one. */
  readonly labels: Int32Array;
}

/** What became of the examples. */
export interface CompletionReport {
  readonly examples: number;
  /** Examples whose completion was cut at the end of the window. */
  readonly cut: number;
  /** Tokens of the longest example before it was cut. */
  readonly longest: number;
}

function featureOf(
  prompt: readonly number[],
  completion: readonly number[],
  maxLength: number,
): CompletionFeature {
  const inputIds = Int32Array.from([...prompt, ...completion].slice(0, maxLength));
  return {
    ...{ inputIds, tokenTypeIds: new Int32Array(inputIds.length), label: prompt.length },
    labels: inputIds.slice().fill(IGNORED, 0, prompt.length),
  };
}

/** @throws DataError for a prompt that fills the window: nothing of the answer would be learnt */
function checkRoom(
  prompts: readonly (readonly number[])[],
  pairs: readonly InputOutput[],
  maxLength: number,
): void {
  const first = prompts.findIndex((prompt) => prompt.length >= maxLength);
  if (first < 0) return;
  const longest = prompts.reduce((most, { length }) => Math.max(most, length), 0);
  const many = prompts.filter((prompt) => prompt.length >= maxLength).length;
  throw new DataError(
    `${pairs[first]?.id}: its prompt has ${prompts[first]?.length} tokens, the window ${maxLength}: no answer fits (${many} of ${prompts.length} examples; the longest prompt has ${longest}); raise --max-length, or leave them out`,
  );
}

/**
 * Examples as ids and labels, whole or cut at `maxLength`: the prompt stays whole, the completion loses its end.
 * @param maxLength tokens of the longest example
 * @throws DataError for a prompt that fills the window, and as {@link promptIds}
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/from-gguf');
 * const pairs = [{ id: '1', input: 'a fine', output: 'film' }];
 * const { features } = await datasets.completionFeatures(tokenizer, pairs, { kind: 'plain' }, 32);
 * console.log(features[0].labels.filter((label) => label === -100).length); // 7
 * ```
 */
export async function completionFeatures(
  tokenizer: TextTokenizer,
  pairs: readonly InputOutput[],
  format: PromptFormat,
  maxLength: number,
): Promise<{ readonly features: CompletionFeature[]; readonly report: CompletionReport }> {
  const { halves, prefix, suffix } = await writerOf(tokenizer, format);
  const texts = pairs.map(({ input, output }) => halves(input, output));
  const prompts = (
    await idsOf(
      tokenizer,
      texts.map(({ prompt }) => prompt),
    )
  ).map((ids) => [...prefix, ...ids]);
  checkRoom(prompts, pairs, maxLength);
  const completions = (
    await idsOf(
      tokenizer,
      texts.map(({ completion }) => completion),
    )
  ).map((ids) => [...ids, ...suffix]);
  const lengths = prompts.map((prompt, i) => prompt.length + (completions[i] as number[]).length);
  return {
    features: prompts.map((prompt, i) => featureOf(prompt, completions[i] as number[], maxLength)),
    report: {
      examples: pairs.length,
      cut: lengths.filter((length) => length > maxLength).length,
      longest: lengths.reduce((most, length) => Math.max(most, length), 0),
    },
  };
}
