/** Grid and ledger: what is run, what is not run twice, what survives an interruption, what bad files get. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { takeClaim } from '../../src/experiments/claim.js';
import { createModel } from '../../src/experiments/create-model.js';
import { BERT_BASE_ORDER } from '../../src/experiments/evidence-grids.js';
import { expandGrid, type Grid, readGrid } from '../../src/experiments/grid.js';
import { type LedgerRecord, namedSpec, readLedger, readRecord } from '../../src/experiments/ledger.js';
import { ledgerRows } from '../../src/experiments/ledger-rows.js';
import { gridPath, ofOneVersion } from '../../src/experiments/notebook-runs.js';
import { rerun } from '../../src/experiments/rerun.js';
import { type GridEvent, planGrid, runGrid } from '../../src/experiments/run-grid.js';
import { runLabel } from '../../src/experiments/run-label.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { scoresText } from '../../src/report/number-text.js';
import { groupRuns, runRow } from '../../src/report/run-table.js';

let home: string;
let grid: Grid;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-grid-'));
  const model = join(home, 'model');
  const texts = ['the first hall is older than the second mill', 'who saw the bridge'];
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts, seed: 1 });
  const shared = { epochs: 2, maxTrainExamples: 48, maxEvalExamples: 16, maxLength: 16, batchSize: 16 };
  grid = {
    title: 'test',
    timed: false,
    shared: { ...shared, model, data: 'embedded' },
    tasks: { rte: {}, sst2: { maxTrainExamples: 32 } },
    methods: {
      full: { method: { kind: 'full' } },
      lora: { method: { kind: 'lora', rank: 2, alpha: 4, dropout: 0, targets: ['query'] } },
    },
    schedules: [
      { kind: 'full' },
      { kind: 'progressive', embeddings: 'always' },
      { kind: 'progressive', embeddings: 'first-stage' },
    ],
    variants: [{}],
    seeds: [0, 1],
  };
});

after(() => rm(home, { recursive: true }));

const small = (): Promise<Awaited<ReturnType<typeof expandGrid>>> =>
  expandGrid({ ...grid, seeds: [0], tasks: { rte: {} } });

test('the axes are multiplied, seed by seed; readings that coincide are one run', async () => {
  const specs = await expandGrid(grid);
  // Two tasks, two seeds; full 3 schedules, LoRA 2, as its embeddings are frozen anyway.
  assert.equal(specs.length, 2 * 2 * (3 + 2));
  assert.ok(specs.slice(0, 10).every(({ seed }) => seed === 0));
  const sst2 = specs.find(({ task }) => task === 'sst2');
  assert.equal(sst2?.maxTrainExamples, 32);
  assert.equal(sst2?.schedule.stages, 2);
});

test('with another model, every block of that model takes its turn', async () => {
  const schedules: Grid['schedules'] = [
    { kind: 'only-block', block: 0, embeddings: 'always' },
    { kind: 'only-block', block: 1, embeddings: 'always' },
    { kind: 'full' },
  ];
  const blocksOf = async (model: string): Promise<unknown[]> => {
    const of = { ...grid, schedules, tasks: { rte: {} }, methods: { full: {} }, seeds: [0] };
    const specs = await expandGrid(of, { model });
    return specs.map(({ schedule }) => (schedule.kind === 'only-block' ? schedule.block : schedule.kind));
  };
  const twelve = Array.from({ length: 12 }, (_, block) => block);
  assert.deepEqual(await blocksOf('bert-base-uncased'), [...twelve, 'full']);
  const deeper = join(home, 'deeper');
  const texts = ['the first hall is older than the second mill'];
  await createModel({ out: deeper, layers: 3, hidden: 8, heads: 2, vocabSize: 40, texts, seed: 1 });
  assert.deepEqual(await blocksOf(deeper), [0, 1, 2, 'full']);
});

test("a task's files are looked for where the grid says, then in glue/, then in the folder itself", async () => {
  const home = await mkdtemp(join(tmpdir(), 'progtuning-data-'));
  const tasks: Grid['tasks'] = { rte: {}, qqp: { data: 'glue-substitutes' } };
  const folders = async (): Promise<string[]> => {
    const of = { ...grid, tasks, seeds: [0], methods: { full: {} }, schedules: [{ kind: 'full' }] };
    return (await expandGrid(of as Grid, { data: home })).map(({ data }) => data);
  };
  assert.deepEqual(await folders(), [home, home]);
  await mkdir(join(home, 'glue'));
  assert.deepEqual(await folders(), [join(home, 'glue'), join(home, 'glue')]);
  await mkdir(join(home, 'glue-substitutes'));
  assert.deepEqual(await folders(), [join(home, 'glue'), join(home, 'glue-substitutes')]);
  await rm(home, { recursive: true });
});

test('a record names model and data, not folders; what ships is embedded by any path', () => {
  const names = (task: string, data: string, model: string): string[] => {
    const spec = namedSpec(runSpec({ task, data, model }));
    return [spec.model, spec.data];
  };
  const shipped = fileURLToPath(new URL('../../../data/glue/', import.meta.url));
  assert.deepEqual(names('rte', join(home, 'GLUE_DATA'), join(home, 'model')), ['model', 'glue']);
  assert.deepEqual(names('squad', home, 'owner/name'), ['owner/name', 'squad']);
  assert.deepEqual(names('qqp', join(home, 'glue-substitutes'), 'm'), ['m', 'glue-substitutes']);
  assert.deepEqual(names('rte', shipped, 'bert-base-uncased'), ['bert-base-uncased', 'embedded']);
  assert.deepEqual(names('rte', 'hub', 'm'), ['m', 'hub']);
});

test("what BERT-base's grids hold: every row of the claims, and nothing that a schedule cannot do", async () => {
  const sizes = await Promise.all(
    BERT_BASE_ORDER.map(async (name) => (await expandGrid(await readGrid(gridPath(name)))).length),
  );
  assert.deepEqual(sizes, [40, 12, 54, 12, 4, 4, 26, 18, 12]);
  const stages = await expandGrid(await readGrid(gridPath('bert-base-stages')));
  assert.ok(stages.every(({ epochs, schedule }) => epochs === 12 && 12 % schedule.stages === 0));
});

test('timed runs are made one at a time', async () => {
  const nothing = { all: [], missing: [] };
  await assert.rejects(runGrid(nothing, { runs: home, jobs: 2, timed: true }), /timed one at a time, not 2/);
  assert.equal(await runGrid(nothing, { runs: home, timed: true }), 0);
});

test('runs what is missing, keeps whole records, and runs nothing twice', async () => {
  const runs = join(home, 'runs');
  const specs = await small();
  const first = await planGrid(specs, runs);
  assert.equal(first.missing.length, 5);
  assert.equal(await runGrid({ ...first, missing: first.missing.slice(0, 3) }, { runs, threads: 1 }), 0);
  const second = await planGrid(specs, runs);
  assert.equal(second.missing.length, 2);
  await runGrid(second, { runs, threads: 1, jobs: 2 });
  const ledger = await readLedger(runs);
  assert.equal(ledger.size, 5);
  for (const record of ledger.values()) {
    assert.equal(record.spec.model, 'model', 'no folder of this machine stands in a record');
    assert.match(record.hashes.train ?? '', /^[0-9a-f]{64}$/);
    assert.equal(record.updatedParameters.length, 2);
    assert.ok(record.peakBytes > 1e7);
    assert.equal(record.losses.at(-1)?.step, record.steps);
    assert.match(record.versions['onnxruntime-node'] ?? '', /^\d/);
  }
  const left = await readdir(join(runs, 'unfinished')).catch(() => []);
  assert.deepEqual(left, [], 'no snapshots are left');
  const other = await planGrid(
    specs.map((spec) => ({ ...spec, learningRate: 1e-3 })),
    runs,
  );
  assert.equal(other.missing.length, 5, 'another learning rate is another run');
});

test('a run whose metric is undefined is a record, told as such, and is not made again', async () => {
  const data = join(home, 'constant');
  await mkdir(join(data, 'STS-B'), { recursive: true });
  const columns = ['index', 'genre', 'filename', 'year', 'old_index', 'source1', 'source2', 'sentence1'];
  const row = (i: number): string => `${i}\tg\tf\ty\t${i}\ta\tb\tthe first hall\tthe second mill\t2.5`;
  const text = [[...columns, 'sentence2', 'score'].join('\t'), ...[0, 1, 2, 3].map(row), ''].join('\n');
  for (const name of ['train', 'dev']) await writeFile(join(data, 'STS-B', `${name}.tsv`), text);
  const specs = await expandGrid({
    ...grid,
    seeds: [0],
    tasks: { stsb: { data, epochs: 1 } },
    schedules: [{ kind: 'full' }],
    methods: { full: {} },
  });
  const runs = join(home, 'undefined');
  assert.equal(await runGrid(await planGrid(specs, runs), { runs, threads: 1 }), 0);
  const [record] = (await readLedger(runs)).values();
  assert.ok(record);
  assert.deepEqual(record.metrics, {});
  assert.match(record.undefinedMetrics.pearson ?? '', /^one score/);
  assert.match(scoresText(record, 1), /^pearson undefined: one score/);
  // Version 0.2.0 wrote null.
  const path = join(runs, `${record.key}.json`);
  const stored = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...stored, metrics: { pearson: null, spearmanr: null } }));
  assert.deepEqual(await readRecord(path), record);
  for await (const row of ledgerRows(runs, true)) assert.deepEqual(row, record);
  const { losses: _, identity, ...listed } = record;
  for await (const row of ledgerRows(runs))
    assert.deepEqual(row, { ...listed, identity: { numericalVersion: identity?.numericalVersion } });
  const [group] = groupRuns([{ spec: record.spec, record }], () => 'flat');
  assert.ok(group);
  assert.match(String(runRow(group).score), /^undefined: one score/);
  assert.equal((await planGrid(specs, runs)).missing.length, 0);
});

test('the ledger is asked for the same bytes: another config.json is another run, an altered record is none', async () => {
  const [spec] = await small();
  assert.ok(spec);
  const runs = join(home, 'bytes');
  await runGrid(await planGrid([spec], runs), { runs, threads: 1 });
  const model = join(home, 'relu');
  await cp(spec.model, model, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, hidden_act: 'relu' }));
  assert.equal((await planGrid([{ ...spec, model }], runs)).missing.length, 1);
  const [name] = (await readdir(runs)).filter((file) => file.endsWith('.json'));
  const path = join(runs, name as string);
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"seed":0', '"seed":1'));
  await assert.rejects(readLedger(runs), /the record was altered; delete it and run its grid again/);
});

test('a grid shows the numbers of one version of the engine: of most cells, else the newer', () => {
  const spec = runSpec({ task: 'rte', data: 'glue', model: 'm' });
  const of = (version: number): LedgerRecord =>
    ({ key: String(version), identity: { numericalVersion: version } }) as unknown as LedgerRecord;
  const shown = (...cells: number[][]): (string | undefined)[] =>
    ofOneVersion(cells.map((versions) => ({ spec, records: versions.map(of) }))).map(
      ({ record }) => record?.key,
    );
  assert.deepEqual(shown([3], [3, 4], []), ['3', '3', undefined]);
  assert.deepEqual(shown([3, 4], [3, 4]), ['4', '4']);
});

test('a run that is killed goes on, and gives the record of an undisturbed one', async () => {
  const [spec] = await expandGrid({ ...grid, seeds: [7], tasks: { rte: { epochs: 6 } } });
  assert.ok(spec);
  const whole = join(home, 'whole');
  await runGrid(await planGrid([spec], whole), { runs: whole, threads: 1 });
  const cut = join(home, 'cut');
  const stop = new AbortController();
  await runGrid(await planGrid([spec], cut), {
    runs: cut,
    threads: 1,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.kind === 'progress') stop.abort();
    },
  });
  assert.equal((await readLedger(cut)).size, 0);
  const [snapshot] = (await readdir(join(cut, 'unfinished'))).filter((name) => !name.includes('.'));
  const saved = await readFile(join(cut, 'unfinished', snapshot as string, 'snapshot.json'), 'utf8');
  assert.ok(JSON.parse(saved).progress.steps.length < 18, 'it was saved before its end');
  await runGrid(await planGrid([spec], cut), { runs: cut, threads: 1 });
  const measured = async (runs: string) => {
    const [record] = (await readLedger(runs)).values();
    assert.ok(record);
    const { metrics, losses, updatedParameters } = record;
    return { metrics, losses, updatedParameters };
  };
  assert.deepEqual(await measured(cut), await measured(whole));
});

test('what another process makes is left to it, or waited for', async () => {
  const [spec] = await small();
  assert.ok(spec);
  const [runs, former] = [join(home, 'shared'), join(home, 'runs')];
  const plan = await planGrid([spec], runs);
  const { key } = plan.missing[0]!.identity;
  const claim = await takeClaim(join(runs, 'unfinished'), key);
  assert.ok(claim.kind === 'ours');
  const events: string[] = [];
  const onEvent = ({ kind }: GridEvent): void => {
    events.push(kind);
  };
  assert.equal(await runGrid(plan, { runs, onEvent }), 0);
  assert.deepEqual(events, ['held']);
  const waiting = runGrid(plan, { runs, wait: true, onEvent });
  await cp(join(former, `${key}.json`), join(runs, `${key}.json`));
  await claim.finish();
  assert.equal(await waiting, 0);
  assert.deepEqual(
    events.slice(1).filter((kind) => kind !== 'held'),
    ['made'],
  );
});

test('a failed run is told and the others go on', async () => {
  const [good] = await small();
  assert.ok(good);
  const bad = { ...good, learningRate: 1e30 };
  const runs = join(home, 'failing');
  const said: string[] = [];
  const failures = await runGrid(await planGrid([bad, good], runs), {
    runs,
    threads: 1,
    onEvent: (event) => {
      if (event.kind === 'failed') said.push(event.message);
    },
  });
  assert.equal(failures, 1);
  assert.match(said.join(), /step \d+ .*(loss|gradient norm) is NaN/);
  assert.equal((await readLedger(runs)).size, 1);
});

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const progtuning = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });

test('progtuning grid --list names every run; bad files get one line', async () => {
  const file = join(home, 'grid.json');
  await writeFile(file, JSON.stringify({ ...grid, variants: undefined }));
  const listed = await progtuning('grid', file, '--runs', join(home, 'runs'), '--list');
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /^done {4}[0-9a-f]{16} rte, full, full \(embeddings always\), seed 0$/m);
  assert.match(listed.stdout, /5 of 20 runs done/);
  await writeFile(file, JSON.stringify({ ...grid, shared: { ...grid.shared, epoch: 3 } }));
  const bad = await progtuning('grid', file);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /grid\.json: shared: .*epoch/);
  assert.match(
    (await progtuning('grid', join(home, 'none.json'))).stderr,
    /none\.json: cannot be read \(ENOENT\)/,
  );
});

test('a damaged record is an error that names the file', async () => {
  const runs = join(home, 'damaged');
  const ledger = await readLedger(join(home, 'runs'));
  const [record] = ledger.values();
  assert.ok(record);
  await rm(runs, { recursive: true, force: true });
  await runGrid(await planGrid([], runs), { runs });
  await mkdir(runs);
  const path = join(runs, `${record.key}.json`);
  const text = await readFile(join(home, 'runs', `${record.key}.json`), 'utf8');
  await writeFile(path, text.slice(0, 100));
  await assert.rejects(readLedger(runs), /not JSON: .*delete it and run its grid again/);
  await writeFile(path, JSON.stringify({ ...record, metrics: { accuracy: 'high' } }));
  await assert.rejects(readLedger(runs), /metrics\.accuracy/);
});

test("data of one's own: tasks by names of one's own, files inside the folder that is named, records without it", async () => {
  const files = { data: 'reviews/train.csv', validationFile: 'reviews/dev.csv' };
  const reviews = { task: 'classification', ...files, columns: { text: 'text', label: 'label' } };
  const rows = ['text,label', 'who saw the bridge,good', 'the older mill,bad', 'the first hall,good'].join(
    '\n',
  );
  const folder = join(home, 'own');
  await mkdir(join(folder, 'reviews'), { recursive: true });
  for (const name of ['train', 'dev']) await writeFile(join(folder, 'reviews', `${name}.csv`), `${rows}\n`);
  const { data: _embedded, ...shared } = grid.shared;
  const schedules: Grid['schedules'] = [{ kind: 'lisa', layers: 1, interval: 1 }];
  const methods = { full: { method: { kind: 'full' as const } } };
  const own = { ...grid, shared, schedules, methods, tasks: { reviews }, seeds: [4] };
  const specs = await expandGrid(own, { data: folder });
  assert.deepEqual(specs[0]?.schedule, {
    ...{ kind: 'lisa', stages: 2, embeddings: 'always' },
    ...{ layers: 1, interval: 1, seed: 4 },
  });
  const runs = join(home, 'own-runs');
  assert.equal(await runGrid(await planGrid(specs, runs), { runs, threads: 1 }), 0);
  assert.deepEqual((await planGrid(specs, runs)).missing, [], 'the run gave itself the same identity');
  const [record] = (await readLedger(runs)).values();
  assert.deepEqual({ ...files, ...record?.spec }, record?.spec);
  const path = join(runs, `${record?.key}.json`);
  const { comparisons } = await rerun({ path, model: grid.shared.model, data: folder }, { threads: 1 });
  assert.ok(comparisons.every(({ recorded, now }) => recorded === now));
});

test('the grids that ship are valid', async () => {
  const folder = fileURLToPath(new URL('../../../data/grids/', import.meta.url));
  const names = await readdir(folder);
  assert.ok(names.length > 0);
  for (const name of names) {
    const specs = await expandGrid(await readGrid(join(folder, name)));
    assert.equal(new Set(specs.map((spec) => JSON.stringify(spec))).size, specs.length);
    assert.ok(specs.every((spec) => runLabel(spec).includes(spec.task)));
  }
});
