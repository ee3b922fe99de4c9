/**
 * Documents -> rows of exactly `length` ids on disk. A row is [CLS] text [SEP]; the text runs on from row to row and documents are
 * parted by [SEP] (FULL-SENTENCES of Liu et al. 2019, RoBERTa, section 4.2). With a tokenizer that only closes a text, as T5's, a row is text
 * alone. An unfinished last row is left out.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import type { CorpusOptions, CorpusProgress, CorpusSource, PackedSplit } from './corpus.js';
import { readDocuments } from './text.js';

/** Rows that are written at a time. */
const CHUNK = 4096;

interface RowWriter {
  add(document: readonly (readonly number[])[]): Promise<void>;
  finish(): Promise<PackedSplit>;
}

/** Cuts documents into rows. */
function rowWriter(file: FileHandle, length: number, { single }: TextTokenizer): RowWriter {
  // Without a token that opens a text, none closes a row: the text runs on through it.
  const [cls, sep] = [single.prefix[0], single.suffix[0] as number];
  const buffer = new Uint16Array(CHUNK * length);
  const hash = createHash('sha256');
  let [documents, rows, at] = [0, 0, 0];
  const push = (id: number): void => {
    if (at % length === 0 && cls !== undefined) buffer[at++] = cls;
    buffer[at++] = id;
    if (cls !== undefined && at % length === length - 1) buffer[at++] = sep;
    if (at % length === 0) rows++;
  };
  const flush = async (): Promise<void> => {
    const full = at - (at % length);
    const bytes = Buffer.from(buffer.buffer, 0, full * 2);
    hash.update(bytes);
    await file.writeFile(bytes);
    buffer.copyWithin(0, full, at);
    at -= full;
  };
  return {
    async add(document) {
      if (documents++ > 0) {
        if (at === buffer.length) await flush();
        push(sep);
      }
      for (const ids of document) {
        for (const id of ids) {
          if (at === buffer.length) await flush();
          push(id);
        }
      }
    },
    async finish() {
      await flush();
      await file.sync();
      return { documents, rows, sha256: hash.digest('hex') };
    },
  };
}

async function countDocuments(files: readonly string[], onBytes: (bytes: number) => void): Promise<number> {
  let count = 0;
  for await (const _ of readDocuments(files, { onBytes: (bytes) => onBytes(bytes.length) })) count++;
  return count;
}

/** Ids of a document, a paragraph at a time: words never cross a line end. */
async function encodeDocument({ tokenizer }: TextTokenizer, document: string): Promise<number[][]> {
  const encodings = await tokenizer.encodeBatch(document.split('\n'), { addSpecialTokens: false });
  return encodings.map((encoding) => encoding.getIds());
}

interface Output {
  readonly partial: string;
  readonly final: string;
}

interface Splits {
  readonly train: PackedSplit;
  readonly heldOut: PackedSplit;
}

/** Packs into two open files, of which the second gets the last documents. */
async function packSplits(
  [trainFile, heldOutFile]: readonly [FileHandle, FileHandle],
  { files, length, tokenizer: home, vocabSize, heldOutShare, onProgress }: CorpusOptions,
  totalBytes: number,
): Promise<Splits> {
  const progress = {
    phase: 'count' as CorpusProgress['phase'],
    bytes: 0,
    totalBytes,
    documents: 0,
    tokens: 0,
  };
  const report = (): void => onProgress?.({ ...progress });
  const onBytes = (count: number): void => {
    progress.bytes += count;
    report();
  };
  const total = await countDocuments(files, onBytes);
  const firstHeldOut = total - Math.round(total * heldOutShare);
  const tokenizer = await loadTokenizer(home, vocabSize);
  const train = rowWriter(trainFile, length, tokenizer);
  const heldOut = rowWriter(heldOutFile, length, tokenizer);
  Object.assign(progress, { phase: 'pack', bytes: 0 });
  for await (const document of readDocuments(files, { onBytes: (bytes) => onBytes(bytes.length) })) {
    const ids = await encodeDocument(tokenizer, document);
    await (progress.documents++ < firstHeldOut ? train : heldOut).add(ids);
    progress.tokens += ids.reduce((sum, line) => sum + line.length, 0);
  }
  report();
  return { train: await train.finish(), heldOut: await heldOut.finish() };
}

function assertUsable(splits: Splits, { length }: CorpusOptions): void {
  for (const [name, { rows, documents }] of Object.entries(splits)) {
    if (name === 'heldOut' && documents === 0) continue;
    if (rows === 0)
      throw new DataError(
        `corpus: the ${name} split (${documents} documents) does not fill one row of ${length} tokens; give more text`,
      );
  }
}

/** Writes the corpus of `source` into a folder. The header comes last: a folder with a header is complete. */
export async function packCorpus(
  folder: string,
  source: CorpusSource,
  options: CorpusOptions,
): Promise<void> {
  if (source.tokenizer.vocabSize > 65536)
    throw new DataError(
      `corpus: ids are 16 bits wide, the tokenizer has ${source.tokenizer.vocabSize} tokens; at most 65536`,
    );
  await mkdir(folder, { recursive: true });
  await rm(join(folder, 'corpus.json'), { force: true });
  const totalBytes = source.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const [train, heldOut, header] = ['train.bin', 'heldout.bin', 'corpus.json'].map((name) => ({
    partial: join(folder, `${name}.${process.pid}.partial`),
    final: join(folder, name),
  })) as [Output, Output, Output];
  const files = [await open(train.partial, 'w'), await open(heldOut.partial, 'w')] as const;
  try {
    const splits = await packSplits(files, options, totalBytes);
    assertUsable(splits, options);
    await writeFile(header.partial, `${JSON.stringify({ ...source, ...splits }, null, 2)}\n`);
    for (const { partial, final } of [train, heldOut, header]) await rename(partial, final);
  } finally {
    for (const file of files) await file.close();
    for (const { partial } of [train, heldOut, header]) await rm(partial, { force: true });
  }
}

/** How often each id stands in the documents: [vocabulary]. */
export async function countTokens(
  documents: AsyncIterable<string> | Iterable<string>,
  tokenizer: TextTokenizer,
): Promise<Float64Array> {
  const counts = new Float64Array(tokenizer.vocabSize);
  for await (const document of documents)
    for (const ids of await encodeDocument(tokenizer, document))
      for (const id of ids) counts[id] = (counts[id] as number) + 1;
  return counts;
}
