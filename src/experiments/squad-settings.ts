/** How a saved SQuAD model cuts windows and chooses answers: kept beside it, so that it is scored as it was trained. */
import { join } from 'node:path';
import type { SquadVersion } from '../datasets/squad.js';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import * as z from '../schema.js';
import type { RunRequest, RunSpec } from './run-spec.js';

export const SQUAD_SETTINGS_FILE = 'squad_settings.json';

/** By the names of `run_qa`'s arguments. */
const fileSchema = z.object({
  max_seq_length: z.number().int().min(8),
  doc_stride: z.number().int().nonnegative(),
  n_best_size: z.number().int().positive(),
  max_answer_length: z.number().int().positive(),
  null_score_diff_threshold: z.number(),
  /** Whether "no answer" is one. Folders of older versions do not say. */
  version_2_with_negative: z.boolean().optional(),
});

/** The text of the file; `spec` is of a SQuAD task. */
export function squadSettingsText({ maxLength, squad }: RunSpec, version: SquadVersion): string {
  if (!squad) throw new Error('internal: a SQuAD run without its settings');
  const settings: z.infer<typeof fileSchema> = {
    max_seq_length: maxLength,
    doc_stride: squad.docStride,
    n_best_size: squad.nBest,
    max_answer_length: squad.maxAnswerLength,
    null_score_diff_threshold: squad.nullScoreThreshold,
    version_2_with_negative: version === '2.0',
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** `withNoAnswer` is the data's where a model is evaluated, and needed where it only answers. */
export interface SavedSquadSettings extends Pick<RunRequest, 'maxLength' | 'squad'> {
  readonly withNoAnswer?: boolean | undefined;
}

/** What a saved model or adapter was trained with, as part of a request; empty where its folder does not say. @throws DataError */
export async function savedSquadSettings(folder: string): Promise<SavedSquadSettings> {
  const path = join(folder, SQUAD_SETTINGS_FILE);
  if (!(await exists(path))) return {};
  const parsed = fileSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DataError(
      `${path}: ${issue?.path.join('.')}: ${issue?.message}; mend or remove it, and give --max-length and --doc-stride`,
    );
  }
  const { max_seq_length: maxLength, ...rest } = parsed.data;
  return {
    maxLength,
    withNoAnswer: rest.version_2_with_negative,
    squad: {
      docStride: rest.doc_stride,
      nBest: rest.n_best_size,
      maxAnswerLength: rest.max_answer_length,
      nullScoreThreshold: rest.null_score_diff_threshold,
    },
  };
}
