/** What GPT-2 and LLaMA have in common: config fields, heads, and who attends to whom. */
import { DataError } from '../../errors.js';
import * as z from '../../schema.js';
import type { DecoderShape, HeadSpec } from '../config.js';
import { tokenId } from '../config-fields.js';
import type { PlaceCounts } from '../family.js';
import { embedding, linearMap, type Module } from '../modules.js';

export const OUTPUT_MODULE = 'lm_head';

/** Special tokens of a decoder's `config.json`. */
export const decoderFields = {
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  pad_token_id: z.number().int().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
};

interface DecoderFields {
  readonly bos_token_id?: number | null | undefined;
  readonly eos_token_id?: number | readonly number[] | null | undefined;
  readonly pad_token_id?: number | null | undefined;
}
type SpecialTokens = Pick<DecoderShape, 'padTokenId' | 'bosTokenId' | 'eosTokenId'>;

/** Decision: a model without a padding token pads with the token that ends a text, else with token 0; no padding is ever seen. */
export function specialTokens({
  bos_token_id: bos,
  eos_token_id: eos,
  pad_token_id: pad,
}: DecoderFields): SpecialTokens {
  const end = typeof eos === 'number' ? eos : eos?.[0];
  return {
    padTokenId: pad !== null && pad !== undefined && pad >= 0 ? pad : (end ?? 0),
    ...(typeof bos === 'number' ? { bosTokenId: bos } : {}),
    ...(eos === null || eos === undefined ? {} : { eosTokenId: eos }),
  };
}

export const specialTokensJson = ({
  padTokenId,
  bosTokenId,
  eosTokenId,
}: SpecialTokens): Record<string, unknown> => ({
  bos_token_id: bosTokenId ?? null,
  eos_token_id: eosTokenId ?? null,
  pad_token_id: padTokenId,
});

/** @throws DataError for the first setting that says what is not supported */
export function refuse(path: string, settings: readonly (readonly [refused: boolean, what: string])[]): void {
  const found = settings.find(([refused]) => refused);
  if (found) throw new DataError(`${path}: ${found[1]}`);
}

/** HF `GPT2ForSequenceClassification`, `LlamaForSequenceClassification`: a map without a bias. The output embedding is there where it is not tied. */
export function decoderHead(
  { hiddenSize, vocabSize, tieWordEmbeddings }: DecoderShape,
  head: HeadSpec,
): Module[] {
  if (head.kind === 'classification')
    return [linearMap('score', head.numLabels, hiddenSize, { kind: 'classifier' }, { bias: false })];
  return tieWordEmbeddings === false
    ? [embedding(OUTPUT_MODULE, vocabSize, hiddenSize, { kind: 'final' })]
    : [];
}

/** @param norm scalars of the last norm */
export function decoderHeadCounts(
  { hiddenSize, vocabSize, tieWordEmbeddings }: DecoderShape,
  head: HeadSpec,
  norm: number,
): Pick<PlaceCounts, 'final' | 'pooler' | 'classifier'> {
  if (head.kind === 'classification')
    return { final: norm, pooler: 0, classifier: head.numLabels * hiddenSize };
  return {
    final: norm + (tieWordEmbeddings === false ? vocabSize * hiddenSize : 0),
    pooler: 0,
    classifier: 0,
  };
}

/** @param languageModel end of the name of Hugging Face's class that predicts the next token */
export const decoderArchitecture =
  (className: string, languageModel: string) =>
  ({ kind }: HeadSpec): string | undefined => {
    if (kind === 'classification') return `${className}ForSequenceClassification`;
    return kind === 'causal-lm' ? `${className}${languageModel}` : undefined;
  };
