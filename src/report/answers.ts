/** A question, its paragraph with the answer marked, and the verdict, as Markdown for a notebook. Serves notebook 05. */

export interface ShownAnswer {
  readonly question: string;
  readonly context: string;
  /** '' for no answer. */
  readonly predicted: string;
  /** Reference answers; none: the paragraph does not answer the question. */
  readonly answers: readonly { readonly text: string }[];
}

/** Text that Markdown shows as it is, also within HTML, where nbconvert keeps backslashes. */
const literal = (text: string): string =>
  text.replace(/[\\`*_{}[\]<>&#|~$]/g, (mark) => `&#${mark.charCodeAt(0)};`);

const quoted = (text: string): string => (text === '' ? 'no answer' : `“${literal(text)}”`);

/** The paragraph with the prediction marked where it first stands: predictions are texts, without a place. */
function marked(context: string, predicted: string): string {
  const start = predicted === '' ? -1 : context.indexOf(predicted);
  if (start < 0) return literal(context);
  const end = start + predicted.length;
  return `${literal(context.slice(0, start))}<mark><b>${literal(predicted)}</b></mark>${literal(context.slice(end))}`;
}

/**
 * @returns a quoted block: question, paragraph, verdict (exact match with a reference, before any normalising)
 * @param answer question, paragraph, what was predicted, references
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const answer = { question: 'Who wrote it?', context: 'Ada wrote it.', predicted: 'Ada', answers: [{ text: 'Ada' }] };
 * console.log(report.answerMarkdown(answer).split('\n')[0]); // > **Who wrote it?**
 * ```
 */
export function answerMarkdown({ question, context, predicted, answers }: ShownAnswer): string {
  const texts = answers.length > 0 ? answers.map(({ text }) => text) : [''];
  const verdict = texts.includes(predicted)
    ? `✓ ${quoted(predicted)}`
    : `✗ ${quoted(predicted)}; reference: ${[...new Set(texts)].map(quoted).join(', ')}`;
  return `> **${literal(question)}**\n>\n> ${marked(context, predicted)}\n>\n> ${verdict}`;
}
