/** By what ending of its name a table's format is known. */

/** A name's ending, without those that only compress. */
export const ending = (path: string): string =>
  /\.([^./]+)$/.exec(path.replace(/\.(gz|xz)$/i, ''))?.[1]?.toLowerCase() ?? '';

export const TABLE_ENDINGS = ['csv', 'tsv', 'txt', 'jsonl', 'ndjson', 'json', 'parquet'];
