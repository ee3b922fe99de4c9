/** What is measured: rows of the table, each a contest between ours and its peers. */

import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import type { Method } from '../../src/peft/method.js';
import type { Shape } from './ours.js';

const BASE = { layers: 12, hidden: 768, heads: 12, intermediate: 3072, vocab: 30522 };
const LARGE = { layers: 24, hidden: 1024, heads: 16, intermediate: 4096, vocab: 30522 };
const SMALL = { layers: 4, hidden: 512, heads: 8, intermediate: 2048, vocab: 30522 };
const DEFAULT = { layers: 6, hidden: 256, heads: 4, intermediate: 1024, vocab: 8000 };
const TOY = { layers: 2, hidden: 64, heads: 2, intermediate: 256, vocab: 1000 };

/** `ours, full`: our own step of full fine-tuning, so that a stage is compared with it under the same noise. */
export type Peer = 'pytorch' | 'pytorch bfloat16' | 'transformers.js' | 'tfjs cpu' | 'ours, full';

export interface Row {
  readonly name: string;
  /** How the summary finds it. */
  readonly id: string;
  readonly shape: Shape;
  /** Preset of a decoder that learns next tokens, or of a T5, without dropout; batch and lengths are the shape's. */
  readonly decoder?: string;
  readonly forward?: boolean;
  readonly method?: Method;
  readonly firstBlock?: number;
  readonly embeddings?: boolean;
  readonly peers: readonly Peer[];
}

const base = (id: string, name: string, more: Partial<Row>): Row => ({
  ...{ id, name, shape: { ...BASE, batch: 8, length: 128 }, peers: ['pytorch'] },
  ...more,
});
const stage = (id: string, name: string, more: Partial<Row>): Row =>
  base(id, name, { peers: ['pytorch', 'ours, full'], ...more });
/** The three stages of a method whose embeddings are frozen. PyTorch is a peer where its code here has the method. */
const stages = (id: string, name: string, method: Method, peers: readonly Peer[]): Row[] =>
  [0, 4, 8].map((firstBlock, t) =>
    stage(`${id}-${t + 1}`, `  ${name}, stage ${t + 1} of 3`, {
      method,
      firstBlock,
      embeddings: false,
      peers,
    }),
  );

/** The first and the last stage of three of a decoder. */
const decoder = (id: string, name: string, preset: string, firstBlock: number): Row[] => {
  const shared = { decoder: preset, shape: { ...BASE, batch: 4, length: 256 } };
  return [
    base(id, `${name} 4 x 256, next tokens`, { ...shared, peers: ['pytorch', 'pytorch bfloat16'] }),
    base(`${id}-3`, '  stage 3 of 3, embeddings frozen', {
      ...{ ...shared, firstBlock, embeddings: false },
      peers: ['pytorch', 'ours, full'],
    }),
  ];
};

const T5 = { decoder: 'google-t5/t5-small', shape: { ...BASE, batch: 8, length: 128, target: 64 } };

export const ROWS: readonly Row[] = [
  base('full', 'BERT-base 8 x 128, full', {}),
  stage('always-2', '  stage 2 of 3, embeddings trained', { firstBlock: 4 }),
  stage('always-3', '  stage 3 of 3, embeddings trained', { firstBlock: 8 }),
  stage('never-1', '  stage 1 of 3, embeddings frozen', { embeddings: false }),
  stage('frozen-2', '  stage 2 of 3, embeddings frozen', { firstBlock: 4, embeddings: false }),
  stage('frozen-3', '  stage 3 of 3, embeddings frozen', { firstBlock: 8, embeddings: false }),
  ...stages('lora', 'LoRA r 8', LORA_DEFAULTS, ['pytorch', 'ours, full']),
  ...stages('adapter', 'Adapter 64', ADAPTER_DEFAULTS.houlsby, ['ours, full']),
  ...stages('bitfit', 'BitFit', { kind: 'bitfit', terms: 'all' }, ['ours, full']),
  base('base-32', 'BERT-base 32 x 128, full', { shape: { ...BASE, batch: 32, length: 128 } }),
  base('large', 'BERT-large 8 x 128, full', { shape: { ...LARGE, batch: 8, length: 128 } }),
  base('small', 'BERT-small 4 x 512, 32 x 128, full', { shape: { ...SMALL, batch: 32, length: 128 } }),
  base('default', 'default 6 x 256, 32 x 64, full', { shape: { ...DEFAULT, batch: 32, length: 64 } }),
  base('forward', 'BERT-base 32 x 128, evaluation', {
    shape: { ...BASE, batch: 32, length: 128 },
    forward: true,
    peers: ['pytorch', 'transformers.js'],
  }),
  base('toy', '2 x 64, 8 x 32, full', {
    shape: { ...TOY, batch: 8, length: 32 },
    peers: ['pytorch', 'tfjs cpu'],
  }),
  base('t5', 'T5-small 8 x 128 -> 64', { ...T5, peers: ['pytorch', 'pytorch bfloat16'] }),
  base('t5-3', '  stage 3 of 3, joined stacks, embeddings frozen', {
    ...{ ...T5, firstBlock: 8, embeddings: false },
    peers: ['pytorch', 'ours, full'],
  }),
  ...decoder('gpt2', 'GPT-2 small', 'gpt2', 8),
  ...decoder('smollm2', 'SmolLM2-135M', 'HuggingFaceTB/SmolLM2-135M', 20),
];

/** Runs of T = 3 stages as means of their stages' times, and the share that arithmetic alone expects of full fine-tuning. */
export const RUNS: readonly {
  readonly name: string;
  readonly stages: readonly string[];
  readonly expected: number;
}[] = [
  { name: 'progressive, embeddings always', stages: ['full', 'always-2', 'always-3'], expected: 96 / 108 },
  {
    name: 'progressive, embeddings first-stage',
    stages: ['full', 'frozen-2', 'frozen-3'],
    expected: 84 / 108,
  },
  { name: 'progressive, embeddings never', stages: ['never-1', 'frozen-2', 'frozen-3'], expected: 84 / 108 },
  ...['LoRA', 'Adapter', 'BitFit'].flatMap((name) => {
    const idOf = (stage: number): string => `${name.toLowerCase()}-${stage}`;
    return [
      { name, stages: [1, 1, 1].map(idOf), expected: 72 / 108 },
      { name: `${name}, progressive`, stages: [1, 2, 3].map(idOf), expected: 60 / 108 },
    ];
  }),
];
