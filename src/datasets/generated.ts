/**
 * Data sets of our own in GLUE's and SQuAD's layouts, written by grammars from a seed: what notebooks and the default run use where no
 * real data is at hand. By construction no label is wrong, so every ceiling is 100 %. `data/glue/README.md` has their baselines.
 *
 * Why grammars, a file each (`grammar/`), and not a few templates: methods can only be compared on tasks that a model learns step by step, so
 * a label must follow from order, negation or roles and not from words that can be counted; and GLUE's own files may not be shipped.
 */
import { UsageError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { permutation, STREAM } from '../random.js';
import { PARAGRAPHS, PLAIN_PARAGRAPHS, squadFiles } from './generated-squad.js';
import { acceptability } from './grammar/acceptability.js';
import { type Draw, drawFrom } from './grammar/draw.js';
import { entailment, matchedInference, mismatchedInference } from './grammar/inference.js';
import { paragraph } from './grammar/paragraphs.js';
import { duplicate, paraphrase } from './grammar/paraphrase.js';
import { plainParagraph, plainSentiment, plainSimilarity } from './grammar/plain.js';
import { pronouns } from './grammar/pronouns.js';
import { answered } from './grammar/questions.js';
import type { Grammar, Row } from './grammar/row.js';
import { sentiment } from './grammar/sentiment.js';
import { similarity } from './grammar/similarity.js';

/** Rows of a split; the grammar is the task's own unless another is named. */
interface SplitPlan {
  readonly file: string;
  readonly rows: number;
  readonly grammar?: Grammar;
}

interface GeneratedTask {
  /** `plain`: in a folder of its own, and so is its name. */
  readonly level?: 'plain';
  readonly folder: string;
  readonly grammar: Grammar;
  readonly splits: readonly SplitPlan[];
  /** The header, where the original has one. */
  readonly header?: string;
  readonly line: (row: Row, index: number) => readonly (string | number)[];
}

const usual: readonly SplitPlan[] = [
  { file: 'train', rows: 2000 },
  { file: 'dev', rows: 500 },
];
const indexed = ({ texts, label }: Row, index: number): (string | number)[] => [index, ...texts, label];

const plain: readonly SplitPlan[] = [
  { file: 'train', rows: 1000 },
  { file: 'dev', rows: 300 },
];
const SIMILARITY_HEADER = 'index genre filename year old_index source1 source2 sentence1 sentence2 score';
const similarityLine = ({ texts, label }: Row, i: number): (string | number)[] => [
  ...[i, 'generated', 'grammar', 'none', i, 'none', 'none'],
  ...[...texts, label],
];

/** The number of a task is part of its draws: keep the order, add at the end. */
const TASKS: readonly GeneratedTask[] = [
  {
    folder: 'SST-2',
    grammar: sentiment,
    splits: usual,
    header: 'sentence label',
    line: ({ texts, label }) => [...texts, label],
  },
  {
    folder: 'CoLA',
    grammar: acceptability,
    splits: usual,
    line: ({ texts, label }) => ['gen', label, label === '1' ? '' : '*', ...texts],
  },
  {
    folder: 'MRPC',
    grammar: paraphrase,
    splits: usual,
    header: 'Quality|#1 ID|#2 ID|#1 String|#2 String',
    line: ({ texts, label }, i) => [label, 2 * i, 2 * i + 1, ...texts],
  },
  {
    folder: 'QQP',
    grammar: duplicate,
    splits: usual,
    header: 'id qid1 qid2 question1 question2 is_duplicate',
    line: ({ texts, label }, i) => [i, 2 * i, 2 * i + 1, ...texts, label],
  },
  {
    folder: 'STS-B',
    grammar: similarity,
    splits: usual,
    header: SIMILARITY_HEADER,
    line: similarityLine,
  },
  {
    folder: 'MNLI',
    grammar: matchedInference,
    splits: [
      ...usual.slice(0, 1),
      { file: 'dev_matched', rows: 500 },
      { file: 'dev_mismatched', rows: 500, grammar: mismatchedInference },
    ],
    header: 'index promptID pairID genre sentence1 sentence2 gold_label',
    line: ({ texts, label }, i) => [i, i, `${i}g`, 'generated', ...texts, label],
  },
  {
    folder: 'QNLI',
    grammar: answered,
    splits: usual,
    header: 'index question sentence label',
    line: indexed,
  },
  {
    folder: 'RTE',
    grammar: entailment,
    splits: usual,
    header: 'index sentence1 sentence2 label',
    line: indexed,
  },
  {
    folder: 'WNLI',
    grammar: pronouns,
    splits: [
      { file: 'train', rows: 600 },
      { file: 'dev', rows: 70 },
    ],
    header: 'index sentence1 sentence2 label',
    line: indexed,
  },
  {
    level: 'plain',
    folder: 'SST-2',
    grammar: plainSentiment,
    splits: plain,
    header: 'sentence label',
    line: ({ texts, label }) => [...texts, label],
  },
  {
    level: 'plain',
    folder: 'STS-B',
    grammar: plainSimilarity,
    splits: plain,
    header: SIMILARITY_HEADER,
    line: similarityLine,
  },
];

const nameOf = ({ level, folder }: Pick<GeneratedTask, 'level' | 'folder'>): string =>
  level === undefined ? folder : `${level}-${folder}`;

/** Names for `--tasks`: the folders, and those that are not of GLUE. */
export const GENERATED_TASKS: readonly string[] = [...TASKS.map(nameOf), 'SQuAD', 'plain-SQuAD'];

/** Numbers of those that are not in the list, beyond its own. */
const SQUAD = 9;
const PLAIN_SQUAD = 2 ** 10;
/** Numbers of the plain tasks in the list are shifted by it. */
const PLAIN = 2 ** 8;

/** Text by file path under the output folder. */
export type GeneratedFiles = Readonly<Record<string, string>>;

/** Whole groups until the split is full. No text stands twice, in this split or an earlier one. */
function fillSplit(rows: number, seen: Set<string>, group: (index: number) => readonly Row[]): Row[] {
  const made: Row[] = [];
  let index = 0;
  while (made.length < rows) {
    const next = group(index);
    const keys = next.map(({ texts }) => texts.join('\t'));
    if (keys.some((key) => seen.has(key)) || new Set(keys).size < keys.length) continue;
    for (const key of keys) seen.add(key);
    index++;
    made.push(...next.slice(0, rows - made.length));
  }
  return made;
}

function taskFiles(task: GeneratedTask, number: number, seed: number): [string, string][] {
  const seen = new Set<string>();
  let step = number * 2 ** 20;
  return task.splits.map(({ file, rows, grammar = task.grammar }) => {
    const made = fillSplit(rows, seen, (index) => grammar(drawFrom(seed, step++), index));
    const order = permutation({ seed, stream: STREAM.shuffle, step: number }, rows);
    const lines = [...order].map((at, i) => task.line(made[at] as Row, i).join('\t'));
    const separator = task.header?.includes('|') ? '|' : ' ';
    const header = task.header === undefined ? [] : [task.header.split(separator).join('\t')];
    return [
      `${task.level ? `${task.level}/` : ''}glue/${task.folder}/${file}.tsv`,
      `${[...header, ...lines].join('\n')}\n`,
    ];
  });
}

/**
 * All files of the named tasks.
 * @throws UsageError for a name that is not a generated task's
 */
export function generatedFiles(seed: number, names: readonly string[] = GENERATED_TASKS): GeneratedFiles {
  const keyOf = (name: string): string => name.toLowerCase().replaceAll('-', '');
  const wanted = names.map(keyOf);
  const unknown = names.find((_, i) => !GENERATED_TASKS.some((task) => keyOf(task) === wanted[i]));
  if (unknown !== undefined) throw new UsageError(unknownName('generated task', unknown, GENERATED_TASKS));
  const glue = TASKS.flatMap((task, number) =>
    wanted.includes(keyOf(nameOf(task))) ? taskFiles(task, (task.level ? PLAIN : 0) + number, seed) : [],
  );
  const drawAt =
    (number: number) =>
    (step: number): Draw =>
      drawFrom(seed, number * 2 ** 20 + step);
  const squad = wanted.includes('squad')
    ? squadFiles((step) => paragraph(drawAt(SQUAD)(step)), PARAGRAPHS, 'squad', ['1.1', '2.0'])
    : [];
  const plainSquad = wanted.includes('plainsquad')
    ? squadFiles((step) => plainParagraph(drawAt(PLAIN_SQUAD)(step)), PLAIN_PARAGRAPHS, 'plain/squad', [
        '1.1',
      ])
    : [];
  return Object.fromEntries([...glue, ...squad, ...plainSquad]);
}
