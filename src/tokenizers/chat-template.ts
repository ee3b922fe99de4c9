/** Conversations as one text: the chat template of a folder, a Jinja program, as Python's `apply_chat_template` runs it. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { isObject, type JsonObject, type TokenizerFolder } from './folder.js';
import type { TextTokenizer } from './tokenizer.js';

/** A template's text, and the file that it stands in. */
export interface ChatTemplate {
  readonly text: string;
  readonly source: string;
}

/** `chat_template.jinja` wins over `tokenizer_config.json`, as in Python; of several templates the one named `default` is taken. */
export function chatTemplateOf(
  { folder, chatTemplate }: TokenizerFolder,
  settings: JsonObject,
): ChatTemplate | undefined {
  if (chatTemplate !== undefined) return { text: chatTemplate, source: join(folder, 'chat_template.jinja') };
  const given = settings.chat_template ?? undefined;
  if (given === undefined) return undefined;
  const source = join(folder, 'tokenizer_config.json');
  const text = Array.isArray(given)
    ? given.find((entry) => isObject(entry) && entry.name === 'default')?.template
    : given;
  if (typeof text === 'string') return { text, source };
  throw new DataError(
    `${source}: chat_template: wanted a text, or a list with one named default; got ${JSON.stringify(given).slice(0, 60)}`,
  );
}

/** What one side says. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`: what the template knows. */
  readonly role: string;
  readonly content: string;
}

/** How a conversation ends. */
export interface ChatOptions {
  /** Ends with what begins an answer, so that a model goes on with it. Default false. */
  readonly addGenerationPrompt?: boolean;
}

/** A conversation -> its text, special tokens in it. */
export type RenderChat = (messages: readonly ChatMessage[], options?: ChatOptions) => string;

/**
 * The tokenizer's chat template, read once. Its text has its special tokens already: it is encoded without others around it.
 * @returns what writes a conversation as one text @throws DataError where there is no template, it is malformed, or it refuses a conversation
 * @example
 * ```ts
 * import { tokenizers } from 'progtuning';
 *
 * const render = await tokenizers.chatTemplate(await tokenizers.loadTokenizer('models/from-gguf'));
 * const text = render([{ role: 'user', content: 'Hello' }]);
 * console.log(JSON.stringify(text)); // "<|im_start|>user\nHello<|im_end|>\n"
 * ```
 */
export async function chatTemplate({ effective }: TextTokenizer): Promise<RenderChat> {
  const template = effective.chatTemplate;
  if (template === undefined)
    throw new DataError(
      'the tokenizer has no chat_template: use the plain prompt format, or take a model that was tuned to converse',
    );
  const { Template } = await import('@huggingface/jinja');
  const failed = (cause: unknown): DataError =>
    new DataError(`${template.source}: its chat template: ${(cause as Error).message}`, { cause });
  let program: InstanceType<typeof Template>;
  try {
    program = new Template(template.text);
  } catch (cause) {
    throw failed(cause);
  }
  return (messages, { addGenerationPrompt = false } = {}) => {
    try {
      return program.render({
        ...effective.special.named,
        messages,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      throw failed(cause);
    }
  };
}
