/** How fast PyTorch with transformers multiplies here: what tells whether it is a peer in bfloat16. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ready, startPython } from './child.js';

export interface PytorchProducts extends Ready {
  /** Whether the processor has units for bfloat16. PyTorch emulates them where it has none: a step would take hours, and say nothing. */
  readonly halves: boolean;
}

const SMALLEST = { layers: 1, hidden: 768, heads: 12, intermediate: 3072, vocab: 30522 };

/** undefined where PYTHON has no PyTorch with transformers */
export async function pytorchProducts(threads: number): Promise<PytorchProducts | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'progtuning-products-'));
  const lengths = join(folder, 'lengths.json');
  await writeFile(lengths, '[[8]]');
  const child = await startPython({ ...SMALLEST, lengths, ceilings: 1 }, threads, 'pytorch_task.py');
  child?.close();
  await rm(folder, { recursive: true });
  const { float32 = 0, bfloat16 = 0 } = child?.ready ?? {};
  return child && { ...child.ready, halves: bfloat16 > float32 / 2 };
}
