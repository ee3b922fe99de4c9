/** The methods: exact counts against closed forms, what trains, where they enter the model, and one clear line for what cannot be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { initialise } from '../../src/models/initialise.js';
import { both, countParameters, type HeadTraining, type ParameterSpec } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAPTER_DEFAULTS, type Adapter } from '../../src/peft/adapter.js';
import { RECIPES } from '../../src/peft/defaults.js';
import { LORA_DEFAULTS, type Lora, mergeLora } from '../../src/peft/lora.js';
import {
  checkMethod,
  isTrainedHead,
  METHOD_KINDS,
  type Method,
  methodSchema,
  methodSpecs,
  methodTrains,
} from '../../src/peft/method.js';
import type { MethodBase } from '../../src/peft/modules.js';
import { LITERATURE, literatureRecipe } from '../../src/peft/recipes.js';
import { EMBEDDINGS, type Schedule, stageTrains, trainedBlocks } from '../../src/progressive/schedule.js';
import { countedUpdates } from '../../src/progressive/updates.js';
import { paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';
import { logitsOf, worst } from './logits.js';

const head = { kind: 'classification', numLabels: 2 } as const;
const preset = (name: string): ModelConfig => PRESETS[name] as ModelConfig;
const baseOf = (config: ModelConfig, headTraining: HeadTraining = 'classifier'): MethodBase => ({
  ...{ config, head, headTraining },
});
const specsOf = (config: ModelConfig, method: Method): ParameterSpec[] => [
  ...modelSpecs(config, head),
  ...methodSpecs(baseOf(config), method),
];
const houlsby = (change: Partial<Adapter> = {}): Adapter => ({ ...ADAPTER_DEFAULTS.houlsby, ...change });

/** Trained scalars without the head. */
function withoutHead(name: string, method: Method): number {
  const notHead = (spec: ParameterSpec): boolean => !isTrainedHead('classifier')(spec);
  return countParameters(
    specsOf(preset(name), method),
    both(methodTrains(baseOf(preset(name)), method), notHead),
  );
}

test('trainable parameters without the head are the published ones', () => {
  const lora: Lora = LORA_DEFAULTS;
  const counts: [string, Method, number][] = [
    ['bert-base-uncased', { kind: 'bitfit', terms: 'all' }, 102_912],
    ['bert-base-uncased', { kind: 'bitfit', terms: 'query-intermediate' }, 46_080],
    ['bert-base-uncased', lora, 294_912],
    ['bert-base-uncased', houlsby(), 2_379_264],
    ['bert-base-uncased', houlsby({ layerNorms: true }), 2_416_128],
    ['bert-base-uncased', ADAPTER_DEFAULTS.pfeiffer, 894_528],
    ['bert-large-uncased', { kind: 'bitfit', terms: 'all' }, 272_384],
    ['bert-large-uncased', { kind: 'bitfit', terms: 'query-intermediate' }, 122_880],
    ['bert-large-uncased', lora, 786_432],
    ['bert-large-uncased', houlsby(), 6_343_680],
    ['bert-large-uncased', houlsby({ layerNorms: true }), 6_441_984],
    ['bert-large-uncased', ADAPTER_DEFAULTS.pfeiffer, 3_171_840],
    ['roberta-base', lora, 294_912],
    ['roberta-large', lora, 786_432],
  ];
  for (const [name, method, wanted] of counts)
    assert.equal(withoutHead(name, method), wanted, `${name} ${JSON.stringify(method)}`);
});

type ClosedForm = (h: number, i: number) => number;

/** Per block, in closed form. H hidden, I intermediate, r rank, s bottleneck. */
const PER_BLOCK: [Method, ClosedForm][] = [
  [{ ...LORA_DEFAULTS, rank: 4 }, (h) => 2 * 4 * (h + h)],
  [
    { ...LORA_DEFAULTS, rank: 2, targets: ['key', 'intermediate.dense', 'output.dense'] },
    // `output.dense` ends `attention.output.dense` too, as in HF PEFT.
    (h, i) => 2 * (2 * (h + h) + 2 * (h + i)),
  ],
  [houlsby({ bottleneck: { size: 48 } }), (h) => 2 * (2 * 48 * h + 48 + h)],
  [houlsby({ layerNorms: true }), (h) => 2 * (2 * 64 * h + 64 + h) + 4 * h],
  [ADAPTER_DEFAULTS.pfeiffer, (h) => (2 * h * h) / 16 + h / 16 + h],
  [{ kind: 'bitfit', terms: 'all' }, (h, i) => 7 * h + i],
  [{ kind: 'bitfit', terms: 'query-intermediate' }, (h, i) => h + i],
];

test('updates of every method under every schedule: counted and in closed form', () => {
  for (const config of [preset('bert-base-uncased'), preset('bert-large-uncased'), preset('roberta-base')]) {
    const [h, i] = [config.hiddenSize, config.intermediateSize];
    for (const [method, perBlock] of PER_BLOCK) {
      const specs = specsOf(config, method);
      const all = method.kind === 'bitfit' && method.terms === 'all';
      for (const headTraining of ['classifier', 'classifier+pooler'] as const) {
        const pooler = headTraining === 'classifier+pooler' ? h * h + h : all ? h : 0;
        for (const embeddings of EMBEDDINGS) {
          for (const kind of ['full', 'progressive', 'growing'] as const) {
            const T = 5;
            const schedule: Schedule = { kind, stages: T, embeddings };
            const fullyOpen = kind === 'full' ? [1, 2, 3, 4, 5] : [kind === 'growing' ? T : 1];
            const closed = Array.from({ length: T }, (_, epoch) => {
              const embedded =
                embeddings === 'always' || (embeddings === 'first-stage' && fullyOpen.includes(epoch + 1));
              const blocks = trainedBlocks(schedule, epoch + 1, config).size;
              return blocks * perBlock(h, i) + (all && embedded ? h : 0) + pooler + 2 * h + 2;
            });
            const counted = countedUpdates(
              schedule,
              T,
              config,
              specs,
              methodTrains(baseOf(config, headTraining), method),
            );
            assert.deepEqual(counted, closed, `${JSON.stringify(method)} ${kind} ${embeddings}`);
          }
        }
      }
    }
  }
});

test('what trains in a stage is method AND stage; nothing else moves', () => {
  const config = { ...preset('bert-base-uncased'), numHiddenLayers: 3 };
  const names = (method: Method, headTraining: HeadTraining, stage: number): string[] => {
    const schedule: Schedule = { kind: 'progressive', stages: 3, embeddings: 'first-stage' };
    const trains = both(
      methodTrains(baseOf(config, headTraining), method),
      stageTrains(schedule, stage, config),
    );
    return specsOf(config, method)
      .filter(trains)
      .map(({ name }) => name);
  };
  const block = 'bert.encoder.layer.2';
  assert.deepEqual(names(LORA_DEFAULTS, 'classifier', 3), [
    'classifier.weight',
    'classifier.bias',
    `${block}.attention.self.query.lora_A.weight`,
    `${block}.attention.self.query.lora_B.weight`,
    `${block}.attention.self.value.lora_A.weight`,
    `${block}.attention.self.value.lora_B.weight`,
  ]);
  assert.deepEqual(names({ kind: 'bitfit', terms: 'query-intermediate' }, 'classifier+pooler', 3), [
    `${block}.attention.self.query.bias`,
    `${block}.intermediate.dense.bias`,
    'bert.pooler.dense.weight',
    'bert.pooler.dense.bias',
    'classifier.weight',
    'classifier.bias',
  ]);
  const embeddingBias = 'bert.embeddings.LayerNorm.bias';
  const bitfit: Method = { kind: 'bitfit', terms: 'all' };
  assert.ok(names(bitfit, 'classifier', 1).includes(embeddingBias));
  assert.ok(!names(bitfit, 'classifier', 2).includes(embeddingBias));
  assert.ok(!names(bitfit, 'classifier', 2).some((name) => name.includes('layer.0.')));
  for (const method of [LORA_DEFAULTS, houlsby(), ADAPTER_DEFAULTS.pfeiffer])
    assert.ok(!names(method, 'classifier', 1).some((name) => name.includes('embeddings')));
});

test('weight decay spares biases and layer norms', () => {
  for (const [method] of PER_BLOCK) {
    for (const { name, shape, decay } of methodSpecs(baseOf(preset('bert-base-uncased')), method))
      assert.equal(decay, shape.length === 2, name);
  }
});

const golden = goldenJson<{ ids: number[][]; mask: number[][]; types: number[][] }>(
  'peft_folder',
  'expected.json',
);
const batch = paddedBatch(golden.ids, golden.mask, golden.types);
const bert = await loadCheckpoint(goldenPath('bert', 'model'), head, { seed: 0 });
const values = (method: Method, deviation?: number): Map<string, Float32Array> =>
  new Map(
    methodSpecs(baseOf(bert.config), method).map((spec) => [
      spec.name,
      initialise(
        deviation === undefined ? spec : { ...spec, initialiser: { kind: 'normal', deviation } },
        bert.config,
        4,
      ),
    ]),
  );

test('merged and unmerged LoRA give the same logits, and merging leaves its input alone', async () => {
  const every = ['query', 'key', 'value', 'attention.output.dense', 'intermediate.dense', 'output.dense'];
  const method: Lora = {
    ...LORA_DEFAULTS,
    rank: 3,
    alpha: 5,
    targets: [every[0] as string, ...every.slice(1)],
  };
  const extra = values(method, 0.2);
  const unmerged = await logitsOf(bert, method, extra, batch);
  const parameters = new Map([...bert.parameters, ...extra]);
  const name = 'bert.encoder.layer.3.output.dense.weight';
  const before = Float32Array.from(parameters.get(name) as Float32Array);
  const merged = mergeLora(baseOf(bert.config), method, parameters);
  assert.deepEqual(parameters.get(name), before);
  assert.deepEqual([...merged.keys()], [...bert.parameters.keys()]);
  const plain = await logitsOf({ ...bert, parameters: merged }, { kind: 'full' }, new Map(), batch);
  assert.ok(worst(plain, unmerged) < 1e-5, `${worst(plain, unmerged)}`);
  assert.ok(worst(plain, await logitsOf(bert, { kind: 'full' }, new Map(), batch)) > 0.01);
});

test('a fresh LoRA changes nothing, a fresh adapter next to nothing', async () => {
  const base = await logitsOf(bert, { kind: 'full' }, new Map(), batch);
  const lora: Lora = { ...LORA_DEFAULTS, rank: 2 };
  const fresh = values(lora);
  assert.ok([...fresh.values()].some((data) => data.some((x) => x !== 0)));
  assert.equal(worst(await logitsOf(bert, lora, fresh, batch), base), 0);
  for (const method of [houlsby({ bottleneck: { size: 4 } }), ADAPTER_DEFAULTS.pfeiffer]) {
    const difference = worst(await logitsOf(bert, method, values(method), batch), base);
    assert.ok(difference > 0 && difference < 1e-3, `${difference}`);
  }
});

test('LoRA A is drawn within Kaiming-uniform(a = sqrt 5), 1 / sqrt(in), as in HF PEFT', () => {
  const config = preset('bert-base-uncased');
  const [a] = methodSpecs(baseOf(config), { ...LORA_DEFAULTS, targets: ['intermediate.dense'] }) as [
    ParameterSpec,
  ];
  assert.deepEqual(a.shape, [8, 768]);
  const data = initialise(a, config, 1);
  const bound = 1 / Math.sqrt(768);
  const variance = data.reduce((sum, x) => sum + x * x, 0) / data.length;
  assert.ok(data.every((x) => Math.abs(x) <= bound));
  assert.ok(Math.abs(variance / (bound ** 2 / 3) - 1) < 0.05, `${variance}`);
});

test('what a model cannot take is one clear line', () => {
  const config = preset('bert-base-uncased');
  const refused = (method: Method, message: RegExp) =>
    assert.throws(() => checkMethod(baseOf(config), method), { name: 'UsageError', message });
  refused(
    { ...LORA_DEFAULTS, rank: 769 },
    /rank: 769 is not from 1 to 768, the limit of attention\.self\.query \[768, 768\]/,
  );
  refused({ ...LORA_DEFAULTS, rank: 0 }, /rank: 0 is not from 1/);
  refused(
    { ...LORA_DEFAULTS, targets: ['q_proj'] },
    /no linear map 'q_proj'; there are: attention\.self\.query, .*, output\.dense, pooler\.dense$/,
  );
  refused({ ...LORA_DEFAULTS, targets: [''] }, /no linear map ''/);
  refused(houlsby({ bottleneck: { size: 0 } }), /bottleneck: 0 is not from 1 to the hidden size, 768/);
  refused(houlsby({ bottleneck: { size: 769 } }), /bottleneck: 769 is not/);
  refused(houlsby({ bottleneck: { reduction: 1000 } }), /bottleneck: 0 is not/);
});

test('methods are plain JSON, and every method has a recipe with its source', () => {
  for (const [method] of PER_BLOCK)
    assert.deepEqual(methodSchema.parse(JSON.parse(JSON.stringify(method))), method);
  for (const wrong of [{ kind: 'prompt' }, { kind: 'lora' }, { ...houlsby(), activation: 'sine' }])
    assert.ok(!methodSchema.safeParse(wrong).success);
  for (const kind of METHOD_KINDS) {
    assert.ok(RECIPES[kind].source.length > 20);
    assert.ok(RECIPES[kind].learningRate > 0 && RECIPES[kind].learningRate < 0.01);
  }
});

test('the literature differs by task; where it is silent the method decides', () => {
  assert.equal(literatureRecipe('mrpc', 'full').epochs, 5);
  assert.equal(literatureRecipe('sst2', 'full').epochs, 3);
  assert.equal(literatureRecipe('squad', 'full').batchSize, 12);
  assert.deepEqual(
    [literatureRecipe('cola', 'lora').learningRate, literatureRecipe('cola', 'lora').epochs],
    [4e-4, 80],
  );
  assert.equal(literatureRecipe('mnli', 'bitfit').learningRate, 1e-4);
  assert.equal(literatureRecipe('cola', 'adapter'), RECIPES.adapter);
  for (const { source } of LITERATURE) assert.ok(source.length > 20);
});
