/** The closing page of `reproduce`: each claim of the paper and what became of it, by what it was measured on. */
import { Help } from 'commander';
import { countedSaving } from '../experiments/counted-saving.js';
import {
  BERT_BASE_GRIDS,
  type EvidenceGrids,
  type EvidencePart,
  evidenceRuns,
  LEDGER_GRIDS,
} from '../experiments/evidence-grids.js';
import { type GridCell, ledgerRuns } from '../experiments/notebook-runs.js';
import { type Origin, originText } from '../report/claim-table.js';
import { type Claim, judgeClaims } from '../report/claims.js';
import { provenance } from '../report/run-table.js';
import { sanityRows } from '../report/sanity.js';
import { tableText } from '../report/table.js';

/** Columns. */
const WIDTH = 110;

const helpText = (): Help => {
  const help = new Help();
  help.helpWidth = Math.min(process.stdout.columns ?? WIDTH, WIDTH);
  return help;
};

/** One claim below the other, wrapped to the terminal: a table of such sentences would be wider than any. */
function claimsText(claims: readonly Claim[], cells: readonly GridCell[]): string {
  const help = helpText();
  const width = Math.max(...claims.map(({ verdict }) => verdict.length));
  const items = claims.map(({ verdict, claim, measured, where, equivalence, needed }) => {
    const heading = where === '-' ? claim : `${claim} (notebook ${where})`;
    const lines = [heading, measured, equivalence, needed].filter((line) => line !== undefined);
    return help.formatItem(verdict, width, lines.join('\n'), help);
  });
  return `${items.join('\n')}\n\n${help.boxWrap(provenance(cells), help.helpWidth ?? WIDTH)}\n`;
}

/** A part of the page: what it is of, whether it was made now or read, and where. @param withCounted also the claims that no run decides */
function section(
  title: string,
  name: string,
  runs: Record<EvidencePart, GridCell[]>,
  origin: Origin,
  withCounted = false,
): { readonly text: string; readonly cells: readonly GridCell[] } {
  const cells = Object.values(runs).flat();
  const counted = withCounted ? { countedSaving: countedSaving() } : {};
  const claims = judgeClaims({ name, ...runs, ...counted });
  return { text: `${title}\n${originText(cells, origin)}\n\n${claimsText(claims, cells)}`, cells };
}

const recorded = async (title: string, name: string, grids: EvidenceGrids, withCounted = false) =>
  section(title, name, await evidenceRuns(grids, ledgerRuns), 'RECORDED', withCounted);

/** BERT-base first, the stand-in apart and below. */
export async function recordedPage(): Promise<string> {
  const title = "== The paper's own model: BERT-base ==";
  const base = await recorded(title, 'BERT-base', BERT_BASE_GRIDS, true);
  const check = tableText(sanityRows(base.cells));
  const standIn = await recorded(
    '== A stand-in of 6 x 256, pre-trained by this project: it says nothing of BERT-base ==',
    'stand-in',
    LEDGER_GRIDS,
  );
  return `${base.text}\nFull fine-tuning against what is published:\n\n${check}\n\n${standIn.text}`;
}

/** @param runs made just now */
export const livePage = (runs: Record<EvidencePart, GridCell[]>): string =>
  section('== The generated tasks, from the stand-in ==', 'generated tasks', runs, 'LIVE').text;
