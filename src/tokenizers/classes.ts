/**
 * Which of Hugging Face's tokenizer classes a folder means, by the rules of `AutoTokenizer.from_pretrained` (transformers 5.24,
 * `models/auto/tokenization_auto.py`), and how that class comes to its tokenizer.
 */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import type { TokenizerFolder } from './folder.js';

/**
 * `wordpiece` (BertTokenizer) and `byte-level` (RobertaTokenizer) take the vocabulary and the added tokens, from `tokenizer.json` if
 * there is one, and build the rest anew from `tokenizer_config.json`; `json` (TokenizersBackend, once PreTrainedTokenizerFast) takes
 * `tokenizer.json` as it is.
 */
export type TokenizerKind = 'wordpiece' | 'byte-level' | 'json';

export interface TokenizerClass {
  /** As the folder names it. */
  readonly name: string;
  readonly kind: TokenizerKind;
  /** Where the class is said: for messages. */
  readonly source: string;
  /** Whether it is transformers' own; an unknown one is TokenizersBackend there. */
  readonly known: boolean;
}

const WORDPIECE = new Set(
  'Bert Electra DistilBert MobileBert SqueezeBert LayoutLM Lxmert'
    .split(' ')
    .map((name) => `${name}Tokenizer`),
);
const BYTE_LEVEL = new Set('Roberta Longformer Bart LED Mvp'.split(' ').map((name) => `${name}Tokenizer`));
const JSON_ALONE = new Set(['TokenizersBackend', 'PythonBackend', 'PreTrainedTokenizer']);
/**
 * Of decoders and T5. Deviation: transformers 5.24 builds their tokenizer anew from the vocabulary, which is another one where `tokenizer.json`
 * says more (SmolLM2's `GPT2Tokenizer` parts digits); here the file is taken as it is, as its model was trained.
 */
const DECODERS: ReadonlySet<string> = new Set(
  'CodeLlama GPT2 GPTNeoX Llama Qwen2 T5'.split(' ').map((name) => `${name}Tokenizer`),
);

/** Classes of transformers 5.24 that build their tokenizer in a way of their own. */
const OTHERS = new Set(
  `Albert Barthez Bartpho BertGeneration BertJapanese BertLegacy Bertweet BigBird BioGpt Blenderbot BlenderbotSmall ByT5 CLIP CTRL
  Camembert Canine Clvp Cohere ConvBert CpmAnt Cpm DPRQuestionEncoder DPRContextEncoder DPRReader Deberta DebertaV2 Dia Esm
  Esmc FNet FSMT Flaubert Funnel GPTNeoXJapanese GPTSw3 Gemma Herbert Lasr LayoutLMv2 LayoutLMv3 LayoutXLM Luke
  M2M100 MBart MBart50 MLuke MPNet Marian MarkupLM Mgpstr MyT5 Nllb Nougat OpenAIGPT PLBart Parakeet Pegasus Perceiver Phobert
  ProphetNet Qwen3_5 Rag Reformer RemBert RoCBert RoFormer SeamlessM4T Siglip Siglip2 Speech2Text SpeechT5 Splinter Tapas
  Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper XGLM XLM XLMRoberta XLNet`
    .split(/\s+/)
    .map((name) => `${name}Tokenizer`),
);

const BY_MODEL_TYPE: Readonly<Record<string, string>> = {
  bert: 'BertTokenizer',
  electra: 'BertTokenizer',
  roberta: 'RobertaTokenizer',
};

/** Whether a class, as a folder names it, is a decoder's or T5's: its model has no token types. */
export const isDecoderClass = (name: string): boolean => DECODERS.has(name.replace(/Fast$/, ''));

/** @throws DataError where the class is one that is not rebuilt here */
export function tokenizerClass({ folder, json, config, modelConfig }: TokenizerFolder): TokenizerClass {
  const [configPath, modelPath] = [join(folder, 'tokenizer_config.json'), join(folder, 'config.json')];
  const said = [
    { value: config?.tokenizer_class, source: configPath },
    { value: modelConfig?.tokenizer_class, source: modelPath },
  ].find(({ value }) => value !== undefined && value !== null && value !== '');
  if (said !== undefined) {
    if (typeof said.value !== 'string')
      throw new DataError(
        `${said.source}: tokenizer_class: wanted a name, got ${JSON.stringify(said.value)}`,
      );
    return named(said.value, said.source);
  }
  const type = modelConfig?.model_type;
  const own =
    typeof type === 'string' && Object.hasOwn(BY_MODEL_TYPE, type) ? BY_MODEL_TYPE[type] : undefined;
  if (own !== undefined) return { ...named(own, modelPath), source: `${modelPath} (model_type ${type})` };
  if (json !== undefined) return named('TokenizersBackend', join(folder, 'tokenizer.json'));
  return named('BertTokenizer', join(folder, 'vocab.txt'));
}

function named(given: string, source: string): TokenizerClass {
  const name = given.replace(/Fast$/, '');
  if (OTHERS.has(name))
    throw new DataError(
      `${source}: tokenizer_class '${given}' is not supported; supported: BertTokenizer, RobertaTokenizer, ElectraTokenizer, and PreTrainedTokenizerFast, which takes tokenizer.json as it is`,
    );
  const kind = WORDPIECE.has(name) ? 'wordpiece' : BYTE_LEVEL.has(name) ? 'byte-level' : 'json';
  return {
    name: given,
    kind,
    source,
    known: kind !== 'json' || JSON_ALONE.has(name) || isDecoderClass(name),
  };
}
