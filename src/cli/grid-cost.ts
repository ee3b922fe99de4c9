/** What `grid --cost` prints. */
import { makespan, runCosts } from '../experiments/grid-cost.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { roundedText } from '../report/number-text.js';

const hours = (seconds: number): string => roundedText(seconds / 3600, seconds < 360_000 ? 1 : 0);

/** @param step seconds @param limit runs at the same time */
export async function costText(specs: readonly RunSpec[], step: number, limit = 1): Promise<string> {
  const costs = await runCosts(specs, step);
  const byTask = new Map<string, typeof costs>();
  for (const cost of costs) byTask.set(cost.spec.task, [...(byTask.get(cost.spec.task) ?? []), cost]);
  const sum = (of: typeof costs): number => of.reduce((total, { seconds }) => total + seconds, 0);
  const longest = (of: typeof costs): number => Math.max(0, ...of.map(({ seconds }) => seconds));
  const row = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(10) : cell.padStart(14))).join('');
  const lines = [...byTask].map(([task, of]) =>
    row([task, String(of.length), roundedText(of[0]?.tokens ?? 0, 0), hours(longest(of)), hours(sum(of))]),
  );
  const whole = makespan(
    costs.map(({ seconds }) => seconds),
    limit,
  );
  return [
    `By simulation from a step of ${step} s (BERT-base, 8 x 128, full fine-tuning), hours of training alone:`,
    row(['task', 'runs', 'tokens/epoch', 'longest run', 'all runs']),
    ...lines,
    row(['all', String(costs.length), '', hours(longest(costs)), hours(sum(costs))]),
    `${limit} at a time: ${hours(whole)} hours from the first run to the last`,
    '',
  ].join('\n');
}
