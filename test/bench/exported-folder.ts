/** A made-up model as an exported folder, for peers that serve it. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModel } from '../../src/engine/onnx-writer.js';
import { writeConfig } from '../../src/models/config-file.js';
import { exportModel } from '../../src/training/export-model.js';
import { freshModel } from './ours.js';

/** A new temporary folder, the caller's to remove. */
export async function exportedFolder(shape: Parameters<typeof freshModel>[0]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'progtuning-bench-'));
  const { model, values } = freshModel(shape);
  await mkdir(join(folder, 'onnx'));
  await writeConfig(folder, model.config, model.head, undefined);
  const { graph, weights } = exportModel(model, values);
  await writeFile(join(folder, 'onnx/model.onnx'), writeModel(graph, { weights: [...weights.values()] }));
  return folder;
}
