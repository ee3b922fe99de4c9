/**
 * Tokenizers: text to ids, as Python's `AutoTokenizer` gives them for the same folder; and a WordPiece vocabulary learnt from texts.
 * @module
 */

export {
  type ChatMessage,
  type ChatOptions,
  chatTemplate,
  type RenderChat,
} from '../tokenizers/chat-template.js';
export type { Template } from '../tokenizers/template.js';
export { type EncodedText, encodeTexts, loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
export { trainVocabulary, type VocabularyOptions, writeTokenizer } from '../tokenizers/train.js';
