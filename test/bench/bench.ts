/**
 * `npm run bench`: training steps and evaluation, ours against PyTorch, @huggingface/transformers and tfjs, taking turns in one run.
 * Prints medians with spread, ratios, and the share of the machine's own ceiling. Nothing is asserted: machines differ.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDevice } from '../../src/engine/device.js';
import { packageRoot } from '../golden/golden.js';
import { type Child, startPython, startWorker } from './child.js';
import { contest, median, type Times } from './contest.js';
import { exportedFolder } from './exported-folder.js';
import { pytorchProducts } from './pytorch-products.js';
import { type Peer, ROWS, type Row, RUNS } from './rows.js';

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    steps: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    device: { type: 'string', default: 'cpu' },
    'pytorch-device': { type: 'string', default: 'cpu' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  process.stdout.write(`npm run bench -- [options]
  --rows TEXT     only rows whose name or id has one of these, comma-separated
  --steps N       measured steps of each contestant after two that warm up (5)
  --threads N     of every contestant (2)
  --device NAME   of ours: cpu, webgpu, cuda (cpu); its peers are then PyTorch and our own full step
  --pytorch-device NAME
                  cpu, cuda (cpu)
  --write         writes the table into docs/speed.md
`);
  process.exit(0);
}
const steps = Number(flags.steps);
const device = parseDevice(flags.device);
const threads = Math.min(Number(flags.threads), os.availableParallelism());
const GROWTH_STEPS = 500;

async function startPeer(peer: Peer, row: Row, folder: string | undefined): Promise<Child | undefined> {
  const { shape, firstBlock = 0, embeddings = true, forward = false, method } = row;
  const dropout = forward ? 0 : 0.1;
  switch (peer) {
    case 'pytorch':
    case 'pytorch bfloat16': {
      if (row.decoder !== undefined) {
        const { batch, length, target = 0 } = shape;
        const dtype = peer === 'pytorch' ? 'float32' : 'bfloat16';
        const trained = { firstBlock, embeddings: Number(embeddings) };
        const options = { decoder: row.decoder, batch, length, target, dtype, ...trained };
        return startPython({ ...options, device: flags['pytorch-device'] }, threads, 'pytorch_decoder.py');
      }
      const rank = method?.kind === 'lora' ? method.rank : 0;
      const frozen = { firstBlock, embeddings: Number(embeddings), lora: rank };
      const where = { device: flags['pytorch-device'] };
      return startPython({ ...shape, ...frozen, dropout, forward, ...where }, threads);
    }
    case 'transformers.js':
      return startWorker('served', {
        batches: [new Array(shape.batch).fill(shape.length)],
        ...{ vocab: shape.vocab, folder, threads },
      });
    case 'ours, full':
      return startWorker('step', { shape, decoder: row.decoder, dropout, threads, device });
    case 'tfjs cpu':
      return startWorker('step', { ...row, dropout, device: 'tfjs' });
    default:
      throw new Error(`unknown peer '${peer satisfies never}'`);
  }
}

interface Result {
  readonly row: Row;
  readonly ours: Times;
  readonly peers: readonly { readonly peer: Peer; readonly times: Times }[];
  /** Of the ceiling, 0 to 1. */
  readonly share: number;
  /** Floating-point operations a second of onnxruntime's own product of 2048 x 2048 matrices, which takes its turns in the contest. */
  readonly ceiling: number;
  readonly compileMilliseconds: number;
}

/** Peers that run where ours does. */
const ANY_DEVICE: ReadonlySet<Peer> = new Set(['pytorch', 'pytorch bfloat16', 'ours, full']);

async function measure(row: Row, product: Child, halves: boolean): Promise<Result> {
  const rivals = row.peers.filter(
    (peer) => (device === 'cpu' || ANY_DEVICE.has(peer)) && (halves || peer !== 'pytorch bfloat16'),
  );
  const folder = rivals.includes('transformers.js') ? await exportedFolder(row.shape) : undefined;
  const ours = await startWorker(row.forward ? 'forward' : 'step', {
    ...row,
    dropout: row.forward ? 0 : 0.1,
    threads,
    device,
  });
  const peers: { peer: Peer; child: Child }[] = [];
  for (const peer of rivals) {
    const child = await startPeer(peer, row, folder);
    if (child) peers.push({ peer, child });
  }
  const contestants = [ours, ...peers.map(({ child }) => child)];
  const [ofProduct, own, ...theirs] = await contest([product, ...contestants], steps);
  for (const child of contestants) child.close();
  if (folder) await rm(folder, { recursive: true });
  const { flops = 0, compileMilliseconds = 0 } = ours.ready;
  const mine = own as Times;
  const ceiling = ((product.ready.flops ?? 0) / median((ofProduct as Times).ms)) * 1000;
  return {
    row,
    ours: mine,
    peers: peers.map(({ peer }, i) => ({ peer, times: theirs[i] as Times })),
    share: ((flops / median(mine.ms)) * 1000) / ceiling,
    ceiling,
    compileMilliseconds,
  };
}

const milliseconds = ({ ms }: Times): string => {
  const digits = median(ms) < 20 ? 1 : 0;
  return `${median(ms).toFixed(digits)} (${Math.min(...ms).toFixed(digits)}-${Math.max(...ms).toFixed(digits)})`;
};
const megabytes = ({ peakBytes }: Times): string => (peakBytes / 2 ** 20).toFixed(0);
const HEADER = [
  'step',
  'ours, ms',
  'peer',
  'its ms',
  'ours / peer',
  'of ceiling, GFLOP/s',
  'compile, ms',
  'peak MiB, ours / peer',
];

function cells({ row, ours, peers, share, ceiling, compileMilliseconds }: Result): string[][] {
  const own = [row.name, milliseconds(ours)];
  const rest = [
    `${(100 * share).toFixed(0)} % of ${(ceiling / 1e9).toFixed(0)}`,
    compileMilliseconds.toFixed(0),
  ];
  if (peers.length === 0) return [[...own, '-', '-', '-', ...rest, megabytes(ours)]];
  return peers.map(({ peer, times }, i) => [
    ...(i === 0 ? own : ['', '']),
    ...[peer, milliseconds(times), (median(ours.ms) / median(times.ms)).toFixed(2)],
    ...(i === 0 ? rest : ['', '']),
    `${megabytes(ours)} / ${megabytes(times)}`,
  ]);
}

/** Runs of several stages against as many epochs of full fine-tuning: the mean of what each stage takes of a full step. */
function runLines(results: readonly Result[]): string[] {
  const shareOf = (id: string): number | undefined => {
    if (id === 'full') return 1;
    const found = results.find(({ row }) => row.id === id);
    const full = found?.peers.find(({ peer }) => peer === 'ours, full');
    return found && full && median(found.ours.ms) / median(full.times.ms);
  };
  return RUNS.flatMap(({ name, stages, expected }) => {
    const shares = stages.map(shareOf);
    if (shares.some((share) => share === undefined)) return [];
    const mean = (shares as number[]).reduce((sum, share) => sum + share, 0) / shares.length;
    return `${name}: ${mean.toFixed(2)} of full fine-tuning's time (arithmetic ${expected.toFixed(2)})`;
  });
}

/** The share of matrix products in a BERT-base step. */
async function productShares(): Promise<string> {
  const row = ROWS.find(({ id }) => id === 'full') as Row;
  const child = await startWorker('profile', { ...row, dropout: 0.1, threads, device });
  child.close();
  const { step = 0, graph = 0 } = child.ready.productShares ?? {};
  return `${row.name}: ${(100 * step).toFixed(1)} % of a step's time in matrix products (${(100 * graph).toFixed(1)} % of its graph's; the rest is AdamW and dropout masks)`;
}

/** Resident memory of a long run: what is not given back shows. */
async function growth(): Promise<string> {
  const row = ROWS.find(({ id }) => id === 'toy') as Row;
  const child = await startWorker('step', { ...row, dropout: 0.1, threads, device });
  const peaks: number[] = [];
  for (let i = 0; i < GROWTH_STEPS + 50; i++) peaks.push((await child.step()).peakBytes);
  child.close();
  const grown = ((peaks.at(-1) as number) - (peaks[49] as number)) / 2 ** 20;
  return `${row.name}: peak memory grew by ${grown.toFixed(1)} MiB over ${GROWTH_STEPS} steps after the 50th`;
}

const MARK = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;

async function intoDocs(text: string): Promise<void> {
  const path = join(packageRoot, 'docs/speed.md');
  const page = await readFile(path, 'utf8');
  if (!MARK.test(page)) throw new Error(`${path} has no '<!-- bench -->' ... '<!-- /bench -->'`);
  await writeFile(
    path,
    page.replace(MARK, (_, open: string, close: string) => `${open}${text}\n${close}`),
  );
}

const probe = await startPython(
  {
    ...{ layers: 1, hidden: 64, heads: 1, intermediate: 64, vocab: 100 },
    device: flags['pytorch-device'],
  },
  threads,
);
probe?.close();
const peerText = probe
  ? `PyTorch ${probe.ready.torch} (${probe.ready.blas})`
  : 'no PyTorch found (Debian: python3-torch libopenblas0-pthread)';
const product = await startWorker('product', { n: 2048, threads, device });
const devices = device === 'cpu' ? '' : `, device ${device} (PyTorch: ${probe?.ready.device ?? 'none'})`;
const machine = `${os.cpus()[0]?.model}, ${threads} threads${devices}, Node ${process.version}, ${peerText}; medians (least-most) of ${steps} steps; the ceiling is onnxruntime's product of 2048 x 2048 matrices, taking turns with them`;
const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
const printed: string[] = [machine, '', line(HEADER), line(HEADER.map(() => '---'))];
process.stdout.write(`${printed.join('\n')}\n`);
const print = (text: string): void => {
  printed.push(text);
  process.stdout.write(`${text}\n`);
};
const wanted = flags.rows.split(',');
const rows = ROWS.filter(({ name, id }) => wanted.some((text) => name.includes(text) || id === text));
const results: Result[] = [];
const inHalves = rows.some(({ peers }) => peers.includes('pytorch bfloat16'));
const onCpu = flags['pytorch-device'] === 'cpu';
const products = inHalves && onCpu ? await pytorchProducts(threads) : undefined;
for (const row of rows) {
  const result = await measure(row, product, products?.halves ?? !onCpu);
  results.push(result);
  for (const row of cells(result)) print(line(row));
}
print('');
if (products)
  print(
    `- PyTorch's products, GFLOP/s: ${products.float32?.toFixed(0)} in float32, ${products.bfloat16?.toPrecision(2)} in bfloat16${products.halves ? '' : ', which this processor lacks: no peer'}`,
  );
for (const text of runLines(results)) print(`- ${text}`);
product.close();
if (flags.rows === '') {
  print(`- ${await productShares()}`);
  print(`- ${await growth()}`);
}
if (flags.write) await intoDocs(printed.join('\n'));
