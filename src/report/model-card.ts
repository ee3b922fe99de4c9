/** The card of a pre-trained model: what it was made of, how, and how good it is, all from the record of its run. */

import { machineText } from '../experiments/machine-text.js';
import type { PretrainRecord } from '../experiments/pretrain-spec.js';
import type { TextRunSpec } from '../experiments/text-run-spec.js';
import type { Figure } from './frame.js';
import { lineChart } from './line-chart.js';
import { numberText } from './number-text.js';

export interface CardOptions {
  readonly name: string;
  /** What the text is, with its licence: a sentence. */
  readonly textSource?: string | undefined;
  /** Of the weights: an identifier of the hub, e.g. `apache-2.0`. */
  readonly license?: string | undefined;
}

/** Losses over tokens, of a model's pre-trainings one after the other: training, and held out. */
export function pretrainingFigure(record: PretrainRecord, name: string): Figure {
  const { spec } = record;
  let before = 0;
  const parts = [...record.former, record].map((run) => {
    const start = before;
    before += run.tokensSeen;
    const { batchSize, accumulation, length } = run.spec;
    const at = ({ step, loss }: { step: number; loss: number }) => ({
      x: (start + step * batchSize * accumulation * length) / 1e6,
      y: loss,
    });
    return { training: run.losses.map(at), heldOut: run.heldOut.map(at) };
  });
  const series = (label: string, points: readonly { x: number; y: number }[]) => ({
    name: label,
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
  });
  return lineChart({
    title: `Pre-training of ${name}`,
    caption: `Mean loss of masked tokens, in nats${sawPairs(record) ? '; in training that of next sentences is added where they are learnt' : ''}. Held out: ${(100 * spec.heldOutShare).toFixed(1)} % of the documents, the same masks each time.`,
    xTitle: 'tokens seen (millions)',
    yTitle: 'loss (nats per masked token)',
    series: [
      series(
        'training',
        parts.flatMap(({ training }) => training),
      ),
      series(
        'held out',
        parts.flatMap(({ heldOut }) => heldOut),
      ),
    ],
  });
}

/** Whether any of the model's pre-trainings showed it two segments. */
const sawPairs = (record: PretrainRecord): boolean =>
  [...record.former, record].some(({ spec }) => spec.nextSentence === true);

export const million = (count: number, digits = 1): string => `${(count / 1e6).toFixed(digits)} million`;

const tokensSeen = ({ former, tokensSeen, epochs }: PretrainRecord): string => {
  const before = former.reduce((sum, run) => sum + run.tokensSeen, 0);
  const own = `${million(tokensSeen)} (${epochs.toFixed(2)} epochs)`;
  return before === 0 ? own : `${million(before + tokensSeen)}: ${million(before)} before, then ${own}`;
};

/** What a card is made of besides its options. */
export interface CardParts {
  /** The hub's `pipeline_tag`. */
  readonly task: string;
  /** Sentences under the heading. */
  readonly about: readonly string[];
  readonly rows: readonly (readonly [string, string])[];
  /** File name of the loss curve beside it, if there is one. */
  readonly figure: string | undefined;
  /** File name of the record beside it. */
  readonly record: string;
}

export const cardText = ({ name, license }: CardOptions, parts: CardParts): string =>
  [
    '---',
    ...(license === undefined ? [] : [`license: ${license}`]),
    'language: en',
    `pipeline_tag: ${parts.task}`,
    '---',
    '',
    `# ${name}`,
    '',
    ...parts.about,
    '',
    '| | |',
    '|---|---|',
    ...parts.rows.map(([what, value]) => `| ${what} | ${value} |`),
    '',
    ...(parts.figure === undefined ? [] : [`![Loss over tokens seen](${parts.figure})`, '']),
    `Everything that made it (hashes of the text, settings, every measured loss) is in \`${parts.record}\`.`,
    '',
  ].join('\n');

export function optimiserText(spec: TextRunSpec): string {
  const { kind, warmupSteps, decayRatio } = spec.learningRateSchedule;
  const batch = spec.batchSize * spec.accumulation;
  return `AdamW, peak learning rate ${spec.learningRate}, ${kind} (warm-up ${warmupSteps ?? 0} steps${decayRatio === undefined ? '' : `, decay over the last ${(100 * decayRatio).toFixed(0)} %`}), batch ${batch} x ${spec.length}, weight decay ${spec.weightDecay}, dropout ${spec.dropout}, seed ${spec.seed}`;
}

/** What a card says of one kind of model and not of the other. */
interface ModelText {
  readonly task: string;
  readonly name: string;
  /** What is larger, and not replaced. */
  readonly larger: string;
  readonly architecture: string;
  readonly output: string;
  readonly vocabulary: string;
  readonly objective: string;
  readonly untrained: string;
}

function t5Text({ spec }: PretrainRecord): ModelText {
  const share = (100 * spec.maskProbability).toFixed(0);
  return {
    ...{ task: 'text2text-generation', name: 'T5', larger: 'T5-small' },
    architecture: `T5, ${spec.layers} blocks in each stack, hidden ${spec.hidden}, gated feed-forward of ${2 * spec.hidden}`,
    output: 'output embedding tied',
    vocabulary: 'tokens, sentinels included',
    objective: `span corruption, ${share} % of the tokens, spans of ${spec.meanSpanLength ?? 3} on the mean`,
    untrained: `Texts longer than ${spec.length} tokens were never trained on.`,
  };
}

function bertText(record: PretrainRecord): ModelText {
  const { spec, former } = record;
  const share = (100 * spec.maskProbability).toFixed(0);
  const longest = Math.max(...[...former, record].map((run) => run.spec.length));
  return {
    ...{ task: 'fill-mask', name: 'BERT', larger: 'BERT-base' },
    architecture: `BERT, ${spec.layers} blocks, hidden ${spec.hidden}, intermediate ${4 * spec.hidden}, uncased`,
    output: `with the masked-language head (output embedding tied)${spec.nextSentence ? ' and the next-sentence head' : ''}`,
    vocabulary: 'WordPiece tokens, learnt from the same text',
    objective: `masked tokens, ${share} %, 80/10/10${spec.wholeWords ? ', whole words' : ''}${spec.nextSentence ? '; pairs of segments: whether the second follows the first' : ''}`,
    untrained: `Positions beyond the first ${longest}${sawPairs(record) ? '' : ' and the second token type'} were never trained.`,
  };
}

/** The README of the model's folder, with the hub's front matter. @param figure file name of the loss curve beside it, if there is one */
export function modelCard(record: PretrainRecord, options: CardOptions, figure: string | undefined): string {
  const { spec, corpus, machine } = record;
  const { textSource } = options;
  const accuracy = record.finalHeldOut.nextSentenceAccuracy;
  const of = spec.objective === 'span-corruption' ? t5Text(record) : bertText(record);
  const rows: [string, string][] = [
    ['architecture', of.architecture],
    ['parameters', `${million(record.parameters, 2)}, ${of.output}`],
    ['vocabulary', `${spec.vocabSize} ${of.vocabulary}`],
    [
      'text',
      `${textSource ?? 'plain text'}: ${corpus.train.documents} documents, ${million(corpus.train.rows * corpus.length)} tokens, packed into sequences of ${corpus.length}`,
    ],
    ['tokens seen', tokensSeen(record)],
    ['objective', of.objective],
    [
      'initialisation',
      spec.continues !== undefined
        ? `the weights of the model that it goes on from (SHA-256 ${spec.continues.slice(0, 12)}...)`
        : spec.initialisation === 'cooccurrence'
          ? 'word vectors, neighbour maps and token shares counted in the training text, sinusoidal positions; the rest at random'
          : 'at random',
    ],
    ['optimiser', optimiserText(spec)],
    [
      'held-out perplexity',
      `**${record.finalHeldOut.perplexity.toFixed(2)}** (loss ${numberText(record.finalHeldOut.loss, 4)}) on ${corpus.heldOut.documents} documents that were never trained on${accuracy === undefined ? '' : `; next sentence told right: ${(100 * accuracy).toFixed(1)} %`}`,
    ],
    [
      'made in',
      `${([...record.former, record].reduce((sum, { seconds }) => sum + seconds, 0) / 3600).toFixed(1)} hours on ${machineText(machine)}, Node ${machine.node}, by \`progtuning pretrain\``,
    ],
  ];
  return cardText(options, {
    task: of.task,
    about: [
      `A small ${of.name} for experiments on an ordinary CPU: fine-tune it, compare methods on it; it is no replacement for ${of.larger}.`,
      of.untrained,
    ],
    rows,
    figure,
    record: 'pretraining.json',
  });
}
