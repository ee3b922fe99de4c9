/** The card of a distilled model: of what teacher, on what, how, and what it cost, all from the record of its run. */
import type { DistilRecord } from '../experiments/distil-spec.js';
import { machineText } from '../experiments/machine-text.js';
import type { Figure } from './frame.js';
import { lineChart } from './line-chart.js';
import { type CardOptions, cardText, million, optimiserText } from './model-card.js';
import { numberText } from './number-text.js';

const UNITS = { minilm: 'nats', logits: 'nats', tinybert: 'mean squares' } as const;

/** Losses over tokens: training, and held out. */
export function distillationFigure(record: DistilRecord, name: string): Figure {
  const { spec } = record;
  const series = (label: string, points: readonly { readonly step: number; readonly loss: number }[]) => ({
    name: label,
    x: points.map(({ step }) => (step * spec.batchSize * spec.accumulation * spec.length) / 1e6),
    y: points.map(({ loss }) => loss),
  });
  return lineChart({
    title: `Distillation of ${name} from ${record.teacher}`,
    caption: `Held out: ${(100 * spec.heldOutShare).toFixed(1)} % of the documents, the same masks each time.`,
    xTitle: 'tokens seen (millions)',
    yTitle: `loss (${UNITS[spec.method]})`,
    series: [series('training', record.losses), series('held out', record.heldOut)],
  });
}

function methodText({ method, teacherLayer, relationHeads, logitsWeight }: DistilRecord['spec']): string {
  const own = {
    minilm: `self-attention relations Q-Q, K-K and V-V of the teacher's layer ${teacherLayer}, ${relationHeads} relation heads (MiniLMv2)`,
    tinybert: `hidden states and attention scores of the teacher's layers up to ${teacherLayer} (TinyBERT)`,
    logits: '',
  }[method];
  const logits =
    logitsWeight > 0 ? `the teacher's distribution of masked tokens, weight ${logitsWeight}` : '';
  return [own, logits].filter(Boolean).join('; ');
}

/** The README of the student's folder, with the hub's front matter. @param figure file name of the loss curve beside it, if there is one */
export function distillationCard(
  record: DistilRecord,
  options: CardOptions,
  figure: string | undefined,
): string {
  const { spec, corpus, machine, teacher } = record;
  const parts = Object.entries(record.finalHeldOut.parts ?? {}).map(
    ([name, value]) => `${name} ${numberText(value, 4)}`,
  );
  const start =
    spec.continues !== undefined
      ? `the weights of the student that it goes on from (SHA-256 ${spec.continues.slice(0, 12)}...)`
      : spec.initialisation === 'embeddings'
        ? "the teacher's embeddings on their principal axes; the rest at random"
        : 'at random';
  return cardText(options, {
    task: spec.logitsWeight > 0 ? 'fill-mask' : 'feature-extraction',
    about: [
      `A small BERT distilled from \`${teacher}\` by \`progtuning distil\`.`,
      `Positions beyond the first ${spec.length} and the second token type were never trained.`,
    ],
    rows: [
      [
        'architecture',
        `BERT, ${spec.layers} blocks, hidden ${spec.hidden}, ${spec.heads} heads, intermediate ${spec.intermediate}`,
      ],
      ['parameters', million(record.parameters, 2)],
      ['teacher', `\`${teacher}\`, SHA-256 of its weights ${spec.teacher.slice(0, 12)}...`],
      [
        'vocabulary',
        `${corpus.tokenizer.vocabSize} WordPiece tokens${spec.vocabularySize === null ? '' : ", the most frequent of the teacher's in this text; `teacher_ids.json` maps them"}`,
      ],
      [
        'text',
        `${options.textSource ?? 'plain text'}: ${corpus.train.documents} documents, ${million(corpus.train.rows * corpus.length)} tokens, packed into sequences of ${corpus.length}`,
      ],
      ['tokens seen', `${million(record.tokensSeen)} (${record.epochs.toFixed(2)} epochs)`],
      ['learns', methodText(spec)],
      ['initialisation', start],
      ['optimiser', optimiserText(spec)],
      [
        'held-out loss',
        `**${numberText(record.finalHeldOut.loss, 4)}**${parts.length > 1 ? ` (${parts.join(', ')})` : ''} on ${corpus.heldOut.documents} documents that were never trained on`,
      ],
      [
        'made in',
        `${(record.seconds / 3600).toFixed(1)} hours on ${machineText(machine)}, Node ${machine.node}, by \`progtuning distil\``,
      ],
    ],
    figure,
    record: 'distillation.json',
  });
}
