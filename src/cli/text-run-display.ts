/** What a training on text shows while it lasts, and how it is ended before its time. */
import type { DistilEvent } from '../experiments/distil-spec.js';
import type { PretrainEvent } from '../experiments/pretrain-spec.js';
import { numberText } from '../report/number-text.js';
import { type MakeProgress, note, type Progress, progressBar } from './progress.js';

type TextRunEvent = PretrainEvent | DistilEvent;

export interface TextRunDisplay<E extends TextRunEvent> {
  onEvent(event: E): void;
  stop(): void;
}

/**
 * Draws a run's events as bars on stderr.
 * @param label of the training's own bar @param evaluatedText of an evaluation, shown behind the loss
 */
export function textRunDisplay<E extends TextRunEvent>(
  label: string,
  totalSteps: number,
  evaluatedText: (event: E & { kind: 'evaluated' }) => string,
  makeProgress: MakeProgress = progressBar,
): TextRunDisplay<E> {
  let bar: Progress | undefined;
  let phase = '';
  let [tokensPerStep, evaluated] = [0, ''];
  const next = (label: string, total: number, unit: string): void => {
    bar?.stop();
    bar = makeProgress(label, total, unit);
    phase = label;
  };
  return {
    onEvent(event) {
      if (event.kind === 'vocabulary') note('learning a vocabulary');
      else if (event.kind === 'warning') process.stderr.write(`${event.text}\n`);
      else if (event.kind === 'corpus') {
        const label = event.progress.phase === 'count' ? 'count   ' : 'pack    ';
        if (phase !== label) next(label, event.progress.totalBytes, 'bytes');
        bar?.update(event.progress.bytes);
      } else if (event.kind === 'count') {
        if (phase !== 'count words') next('count words', event.total, 'tables');
        bar?.update(event.done);
      } else if (event.kind === 'start') {
        tokensPerStep = event.tokensPerStep;
        if (event.step > 0) note(`resumed after step ${event.step}`);
        next(label, totalSteps * tokensPerStep, 'tokens');
        bar?.begin(event.step * tokensPerStep);
      } else if (event.kind === 'evaluated')
        evaluated = ` | ${evaluatedText(event as E & { kind: 'evaluated' })}`;
      else bar?.update((event.step + 1) * tokensPerStep, `loss ${numberText(event.loss, 3)}${evaluated}`);
    },
    stop: () => bar?.stop(),
  };
}

/** Ctrl-C ends the session after the step in hand, with a snapshot. A second one ends it at once. */
export function interruptible(): () => boolean {
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    note('stopping after this step; give the same command to go on');
  });
  return () => interrupted;
}
