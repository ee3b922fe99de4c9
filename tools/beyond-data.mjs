/**
 * Files of the grid beyond-domains from published ones, in one layout: tab-separated, with a header, in an order that a seed draws (the
 * published ones are sorted). Usage: node tools/beyond-data.mjs RAW OUT, where RAW holds what of these there is; what is missing is left out.
 *
 *   imdb/{train,test}.jsonl.xz         Large Movie Review Dataset: text, label (pos, neg)
 *   nli/sick/SICK_{train,trial,test_annotated}.txt
 *   nli/xnli-en/dev-en.tsv             premise, hypothesis, label, without a header
 *   glue/SST-2/{train,dev}.tsv         sentence, label (0, 1)
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [raw, out] = process.argv.slice(2);
if (!raw || !out) throw new Error('usage: node tools/beyond-data.mjs RAW OUT');

const read = (path) =>
  path.endsWith('.xz')
    ? execFileSync('xz', ['-dc', join(raw, path)], { encoding: 'utf8', maxBuffer: 2 ** 30 })
    : readFileSync(join(raw, path), 'utf8');
const lines = (path) =>
  read(path)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line !== '');
const clean = (text) => text.replace(/<br \/>/g, ' ').replace(/[\t\r\n"]+/g, ' ').trim();
const digest = (text) => createHash('sha256').update(text).digest('hex');
const share = (text) => Number.parseInt(digest(text).slice(0, 8), 16);

/** Rows in the order of their hashes: the same on any machine. */
function write(folder, name, header, rows) {
  mkdirSync(join(out, folder), { recursive: true });
  const texts = rows.map((row) => row.map(clean).join('\t')).sort((a, b) => (digest(a) < digest(b) ? -1 : 1));
  const path = join(out, folder, `${name}.tsv`);
  writeFileSync(`${path}.partial`, `${[header.join('\t'), ...texts].join('\n')}\n`);
  renameSync(`${path}.partial`, path);
  console.log(`${path}: ${rows.length} rows`);
}

const REVIEW = ['text', 'label'];
const PAIR = ['premise', 'hypothesis', 'label'];
const reviews = (path) =>
  lines(path).map((line) => {
    const { text, label } = JSON.parse(line);
    return [text, ['pos', 'positive', 1, '1'].includes(label) ? 'positive' : 'negative'];
  });
const sentences = (path) =>
  lines(path)
    .slice(1)
    .map((line) => line.split('\t'))
    .map(([text, label]) => [text, label === '1' ? 'positive' : 'negative']);

if (existsSync(join(raw, 'imdb/train.jsonl.xz'))) {
  const train = reviews('imdb/train.jsonl.xz');
  // A tenth to look at while training; the published test set stays a test set.
  const held = ([text]) => share(text) % 10 === 0;
  write('imdb', 'train', REVIEW, train.filter((row) => !held(row)));
  write('imdb', 'dev', REVIEW, train.filter(held));
  write('imdb', 'test', REVIEW, reviews('imdb/test.jsonl.xz'));
}
if (existsSync(join(raw, 'glue/SST-2/train.tsv')) && existsSync(join(raw, 'imdb/test.jsonl.xz'))) {
  write('sst2-to-imdb', 'train', REVIEW, sentences('glue/SST-2/train.tsv'));
  write('sst2-to-imdb', 'dev', REVIEW, sentences('glue/SST-2/dev.tsv'));
  write('sst2-to-imdb', 'test', REVIEW, reviews('imdb/test.jsonl.xz'));
}
if (existsSync(join(raw, 'nli/sick')))
  for (const [file, name] of [['train', 'train'], ['trial', 'dev'], ['test_annotated', 'test']]) {
    const rows = lines(`nli/sick/SICK_${file}.txt`).slice(1).map((line) => line.split('\t'));
    write('sick', name, PAIR, rows.map(([, a, b, , judgment]) => [a, b, judgment.toLowerCase()]));
  }
if (existsSync(join(raw, 'nli/xnli-en'))) {
  const rows = lines('nli/xnli-en/dev-en.tsv').map((line) => line.split('\t'));
  const held = ([premise]) => share(premise) % 5 === 0;
  write('xnli-en', 'train', PAIR, rows.filter((row) => !held(row)));
  write('xnli-en', 'dev', PAIR, rows.filter(held));
}
