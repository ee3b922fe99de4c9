/** `progtuning pretrain` from the shell: its output, its model card, what it says of bad input. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { progtuning } from './progtuning.js';

const home = mkdtempSync(join(tmpdir(), 'progtuning-pretrain-cli-'));
after(() => rmSync(home, { recursive: true }));

const text = join(home, 'text.txt');
writeFileSync(
  text,
  'The cat sat on the mat and saw the dog.\n\nA dog ran in the park after a red ball.\n\n'.repeat(60),
);
const tiny =
  '--layers 1 --hidden 16 --heads 2 --vocab-size 40 --max-length 16 --batch-size 4 --warmup-steps 2 --tokens 1000';

test('pre-trains, writes a folder with a model card, prints one JSON object', () => {
  const out = join(home, 'model');
  const { status, stdout, stderr } = progtuning(
    ...`pretrain --text ${text} --out ${out} ${tiny} --license apache-2.0 --json`.split(' '),
  );
  assert.equal(status, 0, stderr);
  const record = JSON.parse(stdout);
  assert.equal(record.spec.totalSteps, 16);
  assert.equal(record.tokensSeen, 1024);
  assert.deepEqual(JSON.parse(readFileSync(join(out, 'pretraining.json'), 'utf8')), record);
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  assert.match(card, /license: apache-2\.0/);
  assert.ok(card.includes(`**${record.finalHeldOut.perplexity.toFixed(2)}**`));
  assert.match(readFileSync(join(out, 'loss.svg'), 'utf8'), /^<svg/);
  assert.equal(
    JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).architectures[0],
    'BertForMaskedLM',
  );
});

for (const [what, args, exit, message] of [
  ['a missing text', `--text ${home}/none.txt ${tiny}`, 1, /none\.txt: .*no such file/],
  [
    'heads that do not divide',
    `--text ${text} ${tiny} --heads 3`,
    2,
    /hidden 16 is not a multiple of heads 3/,
  ],
  ['an unknown decay', `--text ${text} --learning-rate-schedule steep`, 2, /Allowed choices are linear/],
  [
    'too little text',
    `--text ${text} ${tiny} --vocab-size 4000`,
    1,
    /the text gives \d+ tokens, 4000 wanted/,
  ],
] as const) {
  test(`${what}: one line, exit ${exit}`, () => {
    const { status, stderr, stdout } = progtuning(
      ...`pretrain --out ${join(home, 'bad')} ${args}`.split(' '),
    );
    assert.equal(status, exit, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.equal(stdout, '');
  });
}
