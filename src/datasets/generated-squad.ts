/** Generated paragraphs in SQuAD's official files: v1.1 has the answerable questions, v2.0 all of them. */
import type { GeneratedParagraph } from './grammar/paragraphs.js';

/** Paragraphs of the splits. */
interface Paragraphs {
  readonly train: number;
  readonly dev: number;
}

/** At five questions each, three of which have an answer. */
export const PARAGRAPHS: Paragraphs = { train: 500, dev: 125 };
/** At two questions each, both of which have an answer. */
export const PLAIN_PARAGRAPHS: Paragraphs = { train: 500, dev: 100 };

interface Numbered extends GeneratedParagraph {
  readonly id: string;
}

function article(title: string, paragraphs: readonly Numbered[], version: '1.1' | '2.0'): object {
  return {
    title,
    paragraphs: paragraphs.map(({ context, questions, id }) => ({
      context,
      qas: questions.flatMap(({ question, answer }, i) => {
        if (version === '1.1' && answer === undefined) return [];
        const answers = answer ? [{ text: answer.text, answer_start: answer.start }] : [];
        const impossible = version === '2.0' ? { is_impossible: answer === undefined } : {};
        return [{ id: `${id}-${i}`, question, answers, ...impossible }];
      }),
    })),
  };
}

/** Paragraphs by kind of building, as SQuAD has them by article. */
function fileOf(paragraphs: readonly Numbered[], version: '1.1' | '2.0'): string {
  const titles = [...new Set(paragraphs.map(({ title }) => title))];
  const data = titles.map((title) =>
    article(
      title,
      paragraphs.filter((one) => one.title === title),
      version,
    ),
  );
  return `${JSON.stringify({ version: version === '1.1' ? '1.1' : 'v2.0', data })}\n`;
}

/** @param make the paragraph of a step @returns path and text of the files */
export function squadFiles(
  make: (step: number) => GeneratedParagraph,
  { train, dev }: Paragraphs,
  folder: string,
  versions: readonly ('1.1' | '2.0')[],
): [string, string][] {
  const splits = { train: [] as Numbered[], dev: [] as Numbered[] };
  const seen = new Set<string>();
  for (let step = 0; splits.dev.length < dev; step++) {
    const made = make(step);
    if (seen.has(made.context)) continue;
    seen.add(made.context);
    const split = splits.train.length < train ? 'train' : 'dev';
    splits[split].push({ ...made, id: `${split}-${splits[split].length}` });
  }
  return (['train', 'dev'] as const).flatMap((split) =>
    versions.map((version): [string, string] => [
      `${folder}/${split}-v${version}.json`,
      fileOf(splits[split], version),
    ]),
  );
}
