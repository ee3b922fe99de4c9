/** Contestants that write: the same chat, greedy, by `generate-text` and by @huggingface/transformers over its export. */
import { openWriter } from '../../src/experiments/generate-text.js';
import type { Contestant } from './ours.js';
import { transformersJs } from './served.js';

export interface WritingOptions {
  readonly folder: string;
  readonly prompt: string;
  readonly newTokens: number;
  readonly threads: number;
}

export async function ourWriting(options: WritingOptions): Promise<Contestant> {
  const { folder, prompt, newTokens, threads } = options;
  let written = 0;
  const writer = await openWriter(
    { model: folder, chat: true, maxNewTokens: newTokens },
    {
      threads,
      onEnd: (count) => {
        written = count.newTokens;
      },
    },
  );
  const write = async (): Promise<string> => {
    let text = '';
    for await (const piece of writer.write(prompt)) text += piece;
    return text;
  };
  const text = await write();
  return { ready: { text, newTokens: written }, step: async () => void (await write()) };
}

/** @param options `folder`: an exported one */
export async function servedWriting(options: WritingOptions): Promise<Contestant> {
  const { folder, prompt, newTokens, threads } = options;
  const { AutoModelForCausalLM, AutoTokenizer, options: session } = await transformersJs(threads);
  const model = await AutoModelForCausalLM.from_pretrained(folder, session);
  const tokenizer = await AutoTokenizer.from_pretrained(folder);
  const write = async (): Promise<{ text: string; newTokens: number }> => {
    const inputs = tokenizer.apply_chat_template([{ role: 'user', content: prompt }], {
      ...{ add_generation_prompt: true, return_dict: true },
    }) as { input_ids: { dims: number[] } };
    const generation = { ...inputs, max_new_tokens: newTokens, do_sample: false };
    const ids = (await model.generate(generation as never)) as unknown as { tolist(): bigint[][] };
    const added = (ids.tolist()[0] as bigint[]).slice(inputs.input_ids.dims[1]).map(Number);
    return { text: tokenizer.decode(added, { skip_special_tokens: true }), newTokens: added.length };
  };
  return { ready: await write(), step: async () => void (await write()) };
}
