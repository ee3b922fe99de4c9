/** Links from a table's cell to the records behind it, as Markdown in the cell's text: HTML shows them raised, plain text leaves them out. */
import type { LedgerRecord } from '../experiments/ledger.js';

/** The committed ledger, seen from a notebook's folder. */
const FOLDER = '../data/runs';

const LINK = / ?\[([^\]]+)\]\((\.\.\/data\/runs\/[0-9a-f]{16}\.json)\)/g;

/** ` [0](../data/runs/....json) [1](...)`: one link a record, by its seed. */
export const recordLinks = (records: readonly LedgerRecord[]): string =>
  records.map(({ key, spec }) => ` [${spec.seed}](${FOLDER}/${key}.json)`).join('');

/** @param html escaped already */
export const linksAsHtml = (html: string): string => html.replace(LINK, ' <sup><a href="$2">$1</a></sup>');

export const withoutLinks = (text: string): string => text.replace(LINK, '');
