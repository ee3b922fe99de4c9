/** Peak resident memory of this process, in all and since it was last asked to start anew. */
import { readFileSync, writeFileSync } from 'node:fs';

let before = 0;

/** On Linux what `resourceUsage` says starts from the parent's peak, so the kernel's own line is read. */
function kernelPeak(): number {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kibibytes) return Number(kibibytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** Bytes, since the process began. */
export const peakBytes = (): number => Math.max(before, kernelPeak());

/** Bytes, since {@link restartPeak}. */
export const recentPeakBytes = (): number => kernelPeak();

/** {@link recentPeakBytes} counts from now on; where the system cannot do that (only Linux can) it goes on as it was. */
export function restartPeak(): void {
  before = peakBytes();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or not allowed.
  }
}
