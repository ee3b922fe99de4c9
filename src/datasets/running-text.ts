/** Text that runs on -> features of a model that predicts the next token: blocks of one length, or prompts with their completions. */
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Feature } from './batch.js';

/** Texts that one call of the tokenizer takes. */
const CHUNK = 1024;

/** Ids without special tokens. */
export async function idsOf({ tokenizer }: TextTokenizer, texts: readonly string[]): Promise<number[][]> {
  const ids: number[][] = [];
  for (let start = 0; start < texts.length; start += CHUNK) {
    const chunk = texts.slice(start, start + CHUNK);
    const encoded = await tokenizer.encodeBatch(chunk, { addSpecialTokens: false });
    for (const encoding of encoded) ids.push(encoding.getIds());
  }
  return ids;
}

const featureOf = (ids: readonly number[], label?: number): Feature => ({
  inputIds: Int32Array.from(ids),
  tokenTypeIds: new Int32Array(ids.length),
  ...(label === undefined ? {} : { label }),
});

/** How texts are laid out. */
export interface RunningTextOptions {
  readonly tokenizer: TextTokenizer;
  /** Tokens of a block. */
  readonly maxLength: number;
  /** The id that ends a text; undefined: texts follow one another without a sign. */
  readonly end: number | undefined;
}

/**
 * Texts one after another, each opened as the tokenizer opens a text and closed by the end token, cut into blocks (HF `run_clm`). Deviation:
 * what is left at the end makes a shorter block, where HF leaves it out; a single token, which predicts nothing, is left out.
 */
export async function blocksOf(
  texts: readonly string[],
  { tokenizer, maxLength, end }: RunningTextOptions,
): Promise<Feature[]> {
  const blocks: Feature[] = [];
  let block: number[] = [];
  const close = (): void => {
    if (block.length > 1) blocks.push(featureOf(block));
    block = [];
  };
  const closing = end === undefined ? [] : [end];
  for (const ids of await idsOf(tokenizer, texts))
    for (const id of [...tokenizer.single.prefix, ...ids, ...closing])
      if (block.push(id) === maxLength) close();
  close();
  return blocks;
}

/**
 * A prompt and its completion, closed by the end token: the completion alone is predicted. What does not fit is cut: the completion at its
 * end, before it the prompt at its beginning, down to one token.
 */
export async function completionsOf(
  pairs: readonly (readonly [prompt: string, completion: string])[],
  { tokenizer, maxLength, end }: RunningTextOptions,
): Promise<Feature[]> {
  const prompts = await idsOf(
    tokenizer,
    pairs.map(([prompt]) => prompt),
  );
  const completions = await idsOf(
    tokenizer,
    pairs.map(([, completion]) => completion),
  );
  return pairs.map((_, i) => {
    const prompt = [...tokenizer.single.prefix, ...(prompts[i] as number[])];
    const completion =
      end === undefined ? (completions[i] as number[]) : [...(completions[i] as number[]), end];
    const room = Math.max(1, maxLength - completion.length);
    const kept = prompt.slice(Math.max(0, prompt.length - room));
    return featureOf([...kept, ...completion].slice(0, maxLength), kept.length);
  });
}
