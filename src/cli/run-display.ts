/** A run's events on stderr: one bar on a terminal, else a plain line every few seconds. */
import type { RunEvent } from '../experiments/run-events.js';
import { numberText, scoresText } from '../report/number-text.js';
import { isInteractive, note, type Progress, plainLines, progressBar } from './progress.js';
import { blocksText, contributionsText } from './run-text.js';

export interface RunDisplay {
  onEvent(event: RunEvent): void;
  stop(): void;
}

/** Seconds between two lines where nobody looks. */
export const LOG_INTERVAL = 30;

/**
 * Warnings about the data are always told.
 * @param logInterval seconds between plain lines; 0: none
 */
export function runDisplay(logInterval = LOG_INTERVAL): RunDisplay {
  const make = isInteractive() ? progressBar : plainLines(logInterval);
  let bar: Progress | undefined;
  let shown = '';
  let [examples, training] = [0, false];
  /** What the bar says behind its numbers, and the last evaluation. */
  let [stage, loss, evaluated] = ['', '', ''];
  const next = (label: string, total: number): void => {
    if (shown === label) return;
    bar?.stop();
    shown = label;
    bar = make(label.padEnd(8), total, 'examples');
  };
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
    shown = '';
  };
  const train = (): void => bar?.update(examples, [loss, stage, evaluated].filter(Boolean).join(' | '));
  return {
    stop,
    onEvent(event) {
      switch (event.kind) {
        case 'warning':
          if (!training) stop();
          process.stderr.write(`${training && isInteractive() ? '\n' : ''}${event.text}\n`);
          return;
        case 'loaded':
          if (event.checkpoint.initialised.length > 0)
            note(`fresh, not in the checkpoint: ${event.checkpoint.initialised.join(', ')}`);
          next('train', event.totalExamples);
          training = true;
          return;
        case 'measured':
          note(
            `contribution of blocks 1-${event.contributions.length}: ${contributionsText(event.contributions)}`,
          );
          return;
        case 'resumed':
          note(`resumed after step ${event.steps}${event.epochs > 0 ? `, epoch ${event.epochs}` : ''}`);
          examples = event.examples;
          bar?.begin(examples);
          return;
        case 'stage':
          stage = `stage ${event.record.stage}, ${blocksText(event.record)}`;
          return;
        case 'step':
          examples += event.record.examples;
          loss = `loss ${numberText(event.record.loss, 4)}`;
          train();
          if (examples >= (bar?.total ?? 0)) training = false;
          return;
        case 'evaluating':
          // One bar: while training it only says what it waits for.
          if (training) bar?.say(`${event.split} ${event.done}/${event.total}`);
          else {
            next(event.split, event.total);
            bar?.update(event.done);
          }
          return;
        case 'evaluated':
          evaluated = `evaluated: ${scoresText(event.record)}`;
          if (training) train();
          return;
        case 'stopped':
          training = false;
          stop();
          process.stderr.write(
            `stopped after step ${event.steps}: ${event.waited} evaluation${event.waited === 1 ? '' : 's'} in a row no better\n`,
          );
          return;
        case 'tokenising':
          next(`${event.split} tokens`, event.total);
          bar?.update(event.done);
          return;
      }
    },
  };
}
