/** Options of `--method` and `--schedule` become values; an option that says nothing is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import {
  addMethodOptions,
  headTrainingOf,
  type MethodFlags,
  methodOf,
} from '../../src/cli/method-options.js';
import { addScheduleOptions, type ScheduleFlags, scheduleOf } from '../../src/cli/schedule-options.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { methodSchema } from '../../src/peft/method.js';
import { scheduleSchema } from '../../src/progressive/schedule.js';

function parse(args: string): MethodFlags & ScheduleFlags {
  const command = addScheduleOptions(addMethodOptions(new Command()));
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  return command.parse(args.split(' ').filter(Boolean), { from: 'user' }).opts();
}

const method = (args: string) => methodOf(parse(args));

test('every option of a method reaches the method', () => {
  assert.deepEqual(method(''), { kind: 'full' });
  const lora = { kind: 'lora', rank: 8, alpha: 16, dropout: 0, targets: ['query', 'value'] };
  assert.deepEqual(method('--method lora'), lora);
  assert.deepEqual(
    method('--method lora --lora-rank 4 --lora-alpha 6.5 --lora-dropout 0.1 --lora-targets key,output.dense'),
    { kind: 'lora', rank: 4, alpha: 6.5, dropout: 0.1, targets: ['key', 'output.dense'] },
  );
  assert.deepEqual(method('--method adapter'), ADAPTER_DEFAULTS.houlsby);
  assert.deepEqual(method('--method adapter --adapter-style pfeiffer'), ADAPTER_DEFAULTS.pfeiffer);
  assert.deepEqual(
    method('--method adapter --adapter-reduction 8 --adapter-activation silu --adapter-layer-norms'),
    {
      kind: 'adapter',
      style: 'houlsby',
      bottleneck: { reduction: 8 },
      activation: 'silu',
      layerNorms: true,
    },
  );
  assert.deepEqual(method('--method bitfit'), { kind: 'bitfit', terms: 'all' });
  assert.deepEqual(method('--method bitfit --bitfit-terms query-intermediate'), {
    kind: 'bitfit',
    terms: 'query-intermediate',
  });
  for (const args of ['', '--method lora', '--method adapter', '--method bitfit'])
    methodSchema.parse(method(args));
});

test('the head that trains: pooler and classifier for full fine-tuning, the classifier for the others', () => {
  const head = (args: string) => headTrainingOf(parse(args), method(args));
  assert.equal(head(''), 'classifier+pooler');
  for (const kind of ['lora', 'adapter', 'bitfit']) {
    assert.equal(head(`--method ${kind}`), 'classifier');
    assert.equal(head(`--method ${kind} --head classifier+pooler`), 'classifier+pooler');
  }
  assert.equal(head('--head classifier'), 'classifier');
});

test('every option of a schedule reaches the schedule', () => {
  const schedule = (args: string) => {
    const flags = parse(args);
    return scheduleSchema.parse(scheduleOf(flags, flags.stages ?? 3, 7));
  };
  assert.deepEqual(schedule(''), { kind: 'progressive', stages: 3, embeddings: 'always' });
  assert.deepEqual(schedule('--schedule growing --stages 2 --embeddings first-stage'), {
    kind: 'growing',
    stages: 2,
    embeddings: 'first-stage',
  });
  assert.deepEqual(schedule('--schedule random'), {
    kind: 'random',
    stages: 3,
    embeddings: 'always',
    seed: 7,
  });
  assert.deepEqual(schedule('--schedule only-block --block 0 --embeddings never'), {
    kind: 'only-block',
    stages: 3,
    embeddings: 'never',
    block: 0,
  });
});

test('an option that would do nothing is refused by name', () => {
  const refused = (make: () => unknown, message: RegExp) =>
    assert.throws(make, { name: 'UsageError', message });
  refused(() => method('--lora-rank 8'), /--lora-rank is an option of --method lora, not of --method full/);
  refused(
    () => method('--method lora --adapter-layer-norms'),
    /--adapter-layer-norms is an option of --method adapter/,
  );
  refused(() => method('--method adapter --adapter-size 8 --adapter-reduction 2'), /give one/);
  refused(() => scheduleOf(parse('--block 1'), 3, 0), /--block is an option of --schedule only-block/);
  refused(() => scheduleOf(parse('--schedule only-block'), 3, 0), /needs --block/);
});
