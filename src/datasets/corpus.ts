/**
 * Packed sequences for pre-training, kept in a folder so that a run starts at once and resumes exactly:
 * `train.bin` and `heldout.bin` (little-endian Uint16 ids, one row of `length` per sequence) and `corpus.json`, written last.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '../errors.js';
import * as z from '../schema.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import { packCorpus } from './pack.js';

const split = z.object({ documents: z.number(), rows: z.number(), sha256: z.string() });

/** `format` changes when packing changes: older folders are then made anew. */
const headerSchema = z.object({
  format: z.literal(1),
  length: z.number(),
  heldOutShare: z.number(),
  files: z.array(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })),
  tokenizer: z.object({ sha256: z.string(), vocabSize: z.number() }),
  train: split,
  heldOut: split,
});

/**
 * `corpus.json`. File hashes are of the bytes on disk, compressed or not; the tokenizer's is of the one in effect.
 *
 * @interface
 */
export type CorpusHeader = z.infer<typeof headerSchema>;
export type PackedSplit = z.infer<typeof split>;
export type CorpusSource = Omit<CorpusHeader, 'train' | 'heldOut'>;

/** `ids` is [rows, length], row-major. */
export interface PackedRows {
  readonly ids: Uint16Array;
  readonly rows: number;
  readonly length: number;
}

export interface Corpus {
  readonly header: CorpusHeader;
  readonly train: PackedRows;
  readonly heldOut: PackedRows;
}

export interface CorpusOptions {
  /** Text files: see `readDocuments`. */
  readonly files: readonly string[];
  /** Folder of the tokenizer. */
  readonly tokenizer: string;
  readonly vocabSize: number;
  /** Tokens of a row, [CLS] and [SEP] included. */
  readonly length: number;
  /** The last share of the documents, never trained on. */
  readonly heldOutShare: number;
  readonly onProgress?: ((event: CorpusProgress) => void) | undefined;
}

/** How far text is read and packed. */
export interface CorpusProgress {
  /** Documents are counted first, because the held-out ones are the last. */
  readonly phase: 'count' | 'pack';
  /** Read so far of `totalBytes`, as they are on disk. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly documents: number;
  /** Tokens of the text so far. */
  readonly tokens: number;
}

/** Size and content hash. @throws DataError when it cannot be read */
export async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (cause) {
    throw new DataError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** What a corpus is made of: equal sources give equal rows. */
async function corpusSource(options: CorpusOptions): Promise<CorpusSource> {
  const { files, tokenizer, vocabSize, length, heldOutShare } = options;
  const { hash: sha256 } = await loadTokenizer(tokenizer, vocabSize);
  const hashed: CorpusSource['files'] = [];
  for (const path of files) hashed.push({ name: basename(path), ...(await hashFile(path)) });
  return { format: 1, length, heldOutShare, files: hashed, tokenizer: { sha256, vocabSize } };
}

/** The header of a folder, or undefined where there is no corpus, or one of an older format. */
async function readHeader(folder: string): Promise<CorpusHeader | undefined> {
  const text = await readFile(join(folder, 'corpus.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return headerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function readRows(path: string, { rows, sha256 }: PackedSplit, length: number): Promise<PackedRows> {
  const size = await stat(path).then(
    ({ size }) => size,
    () => -1,
  );
  const bytes = size === rows * length * 2 ? await readFile(path) : undefined;
  if (!bytes || createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw new DataError(`${path}: not what corpus.json describes; delete the folder and let it be made anew`);
  }
  const ids = new Uint16Array(bytes.buffer, bytes.byteOffset, rows * length);
  return { ids, rows, length };
}

/** Opens a corpus that was made before. @throws DataError where there is none, or its files are damaged */
export async function openCorpus(folder: string): Promise<Corpus> {
  const header = await readHeader(folder);
  if (!header) {
    throw new DataError(`${folder}: no packed corpus (corpus.json) of this version; give --text to make one`);
  }
  return {
    header,
    train: await readRows(join(folder, 'train.bin'), header.train, header.length),
    heldOut: await readRows(join(folder, 'heldout.bin'), header.heldOut, header.length),
  };
}

/**
 * Opens the corpus in `folder` if it was made of just this text, tokenizer and length; makes it otherwise.
 * @throws DataError for text that cannot be read, or too little of it for one row of each split
 */
export async function buildCorpus(folder: string, options: CorpusOptions): Promise<Corpus> {
  const source = await corpusSource(options);
  const found = await readHeader(folder);
  if (found) {
    const { train: _train, heldOut: _heldOut, ...of } = found;
    if (JSON.stringify(of) === JSON.stringify(source)) return openCorpus(folder);
  }
  await packCorpus(folder, source, options);
  return openCorpus(folder);
}
