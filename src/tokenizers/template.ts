/** What a tokenizer puts around texts, seen from encoded ones: so it holds for any template. */
import { DataError } from '../errors.js';
import type { EffectiveTokenizer } from './effective.js';
import type { NativeTokenizer } from './native.js';

/** Special tokens around one text, or around two. */
export interface Template {
  readonly prefix: readonly number[];
  readonly middle: readonly number[];
  readonly suffix: readonly number[];
  /** Token types of prefix, first text, middle, second text, suffix. */
  readonly types: readonly number[];
}

/** A text that has tokens, to see what is put around them. */
async function sampleText(
  tokenizer: NativeTokenizer,
  { vocabulary }: EffectiveTokenizer,
  folder: string,
): Promise<string> {
  for (const text of ['a', ...vocabulary.ids.keys()])
    if ((await tokenizer.encode(text, null, { addSpecialTokens: false })).getLength() > 0) return text;
  throw new DataError(`${folder}: the tokenizer gives no token for any text`);
}

async function singleTemplate(tokenizer: NativeTokenizer, text: string): Promise<Template> {
  const [bare, framed] = [
    await tokenizer.encode(text, null, { addSpecialTokens: false }),
    await tokenizer.encode(text),
  ];
  const [ids, types] = [framed.getIds(), framed.getTypeIds()];
  const first = framed.getSequenceIds().indexOf(0);
  const end = first + bare.getLength();
  const type = types[first] ?? 0;
  return {
    prefix: ids.slice(0, first),
    middle: [],
    suffix: ids.slice(end),
    types: [type, type, type, type, types.at(-1) ?? 0],
  };
}

async function pairTemplate(tokenizer: NativeTokenizer, text: string): Promise<Template> {
  const encoded = await tokenizer.encode(text, text);
  const [ids, types, owners] = [encoded.getIds(), encoded.getTypeIds(), encoded.getSequenceIds()];
  const [a, aEnd, b, bEnd] = [
    owners.indexOf(0),
    owners.lastIndexOf(0) + 1,
    owners.indexOf(1),
    owners.lastIndexOf(1) + 1,
  ];
  const at = (i: number): number => types[i] ?? 0;
  return {
    prefix: ids.slice(0, a),
    middle: ids.slice(aEnd, b),
    suffix: ids.slice(bEnd),
    types: [at(0), at(a), at(aEnd), at(b), at(bEnd)],
  };
}

/** Templates of one text and of two. @throws DataError where no text has tokens */
export async function templates(
  tokenizer: NativeTokenizer,
  effective: EffectiveTokenizer,
  folder: string,
): Promise<{ readonly single: Template; readonly pair: Template }> {
  const text = await sampleText(tokenizer, effective, folder);
  return { single: await singleTemplate(tokenizer, text), pair: await pairTemplate(tokenizer, text) };
}
