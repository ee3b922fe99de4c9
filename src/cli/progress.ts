/** Progress on stderr: a bar on a terminal, or lines. */
import { type Options, SingleBar } from 'cli-progress';

export interface Progress {
  readonly total: number;
  /** So many were done before: they are no part of the rate. */
  begin(done: number): void;
  /** @param done of the total @param note shown behind the bar, e.g. the loss */
  update(done: number, note?: string): void;
  /** Another note, while nothing of the total is done. */
  say(note: string): void;
  stop(): void;
}

/** Whether anyone looks. */
export const isInteractive = (): boolean => Boolean(process.stderr.isTTY);

/** Rate and remaining time of what is done since `begin`. */
function pace(total: number) {
  const start = performance.now();
  let former = 0;
  return {
    begin(done: number): void {
      former = done;
    },
    of(done: number): { readonly rate: string; readonly left: string } {
      const seconds = (performance.now() - start) / 1000;
      const rate = (done - former) / Math.max(seconds, 1e-3);
      return { rate: rate.toFixed(rate < 10 ? 1 : 0), left: duration((total - done) / rate) };
    },
  };
}

export type MakeProgress = (label: string, total: number, unit: string) => Progress;

const silent: MakeProgress = (_label, total) => ({
  total,
  begin: () => undefined,
  update: () => undefined,
  say: () => undefined,
  stop: () => undefined,
});

/** Columns of a terminal below which words are left out, and below which the bar is short. */
const [NARROW, WIDE] = [110, 150];

/**
 * A bar with rate and remaining time, on a terminal only.
 * @param unit what is counted, e.g. `examples`
 */
export const progressBar: MakeProgress = (label, total, unit) => {
  if (!isInteractive()) return silent(label, total, unit);
  const paced = pace(total);
  const columns = process.stderr.columns ?? WIDE;
  const [count, left] = columns < NARROW ? ['', ''] : [` ${unit}`, ' left'];
  const options: Options = {
    format: `${label} {bar} {percentage}% | {value}/{total}${count} | {rate}/s | {left}${left} {note}`,
    stream: process.stderr,
    hideCursor: true,
    // What is behind the bar is cut at the edge: a narrow terminal has room for little of it.
    barsize: columns < NARROW ? 8 : columns < WIDE ? 12 : 24,
    etaBuffer: 50,
    clearOnComplete: false,
  };
  const bar = new SingleBar(options);
  const shown = (note: string): string => note && `| ${note}`;
  bar.start(total, 0, { rate: '-', left: '-', note: '' });
  return {
    total,
    begin(done) {
      paced.begin(done);
      bar.update(done);
    },
    update: (done, note = '') => bar.update(done, { ...paced.of(done), note: shown(note) }),
    say: (note) => bar.update({ note: shown(note) }),
    stop: () => bar.stop(),
  };
};

/** A plain line at most every so many seconds, for logs; 0: none. */
export function plainLines(
  seconds: number,
  write = (line: string) => process.stderr.write(line),
): MakeProgress {
  if (seconds === 0) return silent;
  let told = performance.now();
  return (label, total, unit) => {
    const paced = pace(total);
    return {
      total,
      begin: paced.begin,
      update(done, note = '') {
        if (performance.now() - told < 1000 * seconds) return;
        told = performance.now();
        const { rate, left } = paced.of(done);
        const parts = [`${label.trim()} ${done}/${total} ${unit}`, `${rate}/s`, `${left} left`, note];
        write(`${parts.filter(Boolean).join(' | ')}\n`);
      },
      say: () => undefined,
      stop: () => undefined,
    };
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
