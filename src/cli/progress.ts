/** Progress bars on stderr, drawn only on a terminal. */
import { type Options, SingleBar } from 'cli-progress';

export interface Progress {
  /** @param done of the total @param note shown behind the bar, e.g. the loss */
  update(done: number, note?: string): void;
  stop(): void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** Whether anyone looks. */
export const isInteractive = (): boolean => Boolean(process.stderr.isTTY);

/**
 * A bar with rate and remaining time.
 * @param unit what is counted, e.g. `examples`
 */
export function progressBar(label: string, total: number, unit: string): Progress {
  if (!isInteractive()) return silent;
  const start = performance.now();
  const options: Options = {
    format: `${label} {bar} {percentage}% | {value}/{total} ${unit} | {rate}/s | {left} left {note}`,
    stream: process.stderr,
    hideCursor: true,
    barsize: 24,
    etaBuffer: 50,
    clearOnComplete: false,
  };
  const bar = new SingleBar(options);
  bar.start(total, 0, { rate: '-', left: '-', note: '' });
  return {
    update(done, note = '') {
      const seconds = (performance.now() - start) / 1000;
      const rate = done / Math.max(seconds, 1e-3);
      bar.update(done, {
        rate: rate.toFixed(rate < 10 ? 1 : 0),
        left: duration((total - done) / rate),
        note: note && `| ${note}`,
      });
    },
    stop: () => bar.stop(),
  };
}

/** 75 -> `1:15`, 3700 -> `1:01:40`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** A line for the user, on stderr, when someone looks. */
export function note(text: string): void {
  if (isInteractive()) process.stderr.write(`${text}\n`);
}
