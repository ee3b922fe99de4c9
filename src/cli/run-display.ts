/** A run's events as bars and notes on stderr. */
import type { RunEvent } from '../experiments/run.js';
import { numberText } from '../report/number-text.js';
import { note, type Progress, progressBar } from './progress.js';

export interface RunDisplay {
  onEvent(event: RunEvent): void;
  stop(): void;
}

/** Bars appear on a terminal only; warnings about the data always. */
export function runDisplay(): RunDisplay {
  let bar: Progress | undefined;
  let shown = '';
  let examples = 0;
  const next = (label: string, total: number): void => {
    if (shown === label) return;
    bar?.stop();
    shown = label;
    bar = progressBar(label.padEnd(8), total, 'examples');
  };
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
    shown = '';
  };
  return {
    stop,
    onEvent(event) {
      if (event.kind === 'warning') {
        stop();
        process.stderr.write(`${event.text}\n`);
      } else if (event.kind === 'loaded') {
        if (event.checkpoint.initialised.length > 0)
          note(`fresh, not in the checkpoint: ${event.checkpoint.initialised.join(', ')}`);
        next('train', event.totalExamples);
      } else if (event.kind === 'resumed') {
        note(`resumed after epoch ${event.epochs}`);
        examples = event.examples;
      } else if (event.kind === 'step') {
        const { epoch, stage, loss } = event.record;
        examples += event.record.examples;
        bar?.update(examples, `epoch ${epoch + 1} stage ${stage} | loss ${numberText(loss, 4)}`);
      } else {
        next(event.kind === 'evaluating' ? event.split : `${event.split} tokens`, event.total);
        bar?.update(event.done);
      }
    },
  };
}
