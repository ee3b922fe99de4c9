/**
 * Claims: who makes a record of a ledger that several machines share. A claim is a file `<key>.<n>.claim` in the ledger's `unfinished`,
 * made with O_EXCL, which NFS keeps. Its holder writes it anew while it lives; one that was not for a lease's length is dead, and
 * so is one whose process this machine knows to be gone. Nobody touches another's claim: whoever takes over makes the next number, and the
 * highest number holds. Ages are differences of two times of the shared file system, so that no host's clock counts.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { partialOf } from '../partial.js';
import * as z from '../schema.js';

/** Seconds after which a claim that was not renewed is dead. */
export const LEASE_SECONDS = 300;
/** A claim is renewed so many times in a lease: a few may fail. */
const RENEWALS = 5;

const ownerSchema = z.object({
  host: z.string(),
  pid: z.number(),
  /** Tells the kernel and its process ids from all others, where there is such a thing; with `started` it says whether the process lives. */
  kernel: z.string().optional(),
  /** When the process began, by the kernel's own count. */
  started: z.string().optional(),
});

type Owner = z.infer<typeof ownerSchema>;

/** Field 22 of `/proc/<pid>/stat`; undefined where there is no such process. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function kernelId(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** Slurm's name of a node, else the host's own. */
export const hostName = (): string => process.env.SLURMD_NODENAME ?? os.hostname();

const thisOwner = (): Owner => {
  const [kernel, started] = [kernelId(), startOf('self')];
  return { host: hostName(), pid: process.pid, ...(kernel && started ? { kernel, started } : {}) };
};

/** Undefined of a claim that is just being written, or was when the disk was full: only its age counts. */
function ownerOf(text: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whether the process is known to be gone; of another machine's nothing is known. */
const isGone = ({ kernel, pid, started }: Owner): boolean =>
  kernel !== undefined && kernel === kernelId() && startOf(pid) !== started;

/** What the file system of a folder calls now, in milliseconds; looks at the folder anew, whatever this machine remembers of it. */
export async function folderTime(folder: string): Promise<number> {
  const probe = partialOf(join(folder, `probe-${process.hrtime.bigint()}`));
  try {
    await writeFile(probe, 'x');
    return (await stat(probe)).mtimeMs;
  } finally {
    await rm(probe, { force: true });
  }
}

interface Entry {
  readonly name: string;
  readonly number: number;
  /** Given back by its holder. */
  readonly free: boolean;
}

/** A key's claims, the highest number first. */
async function entriesOf(folder: string, key: string): Promise<Entry[]> {
  const found = (await readdir(folder)).flatMap((name) => {
    const parts = /^([0-9a-f]+)\.(\d+)\.(claim|free)$/.exec(name);
    return parts?.[1] === key ? [{ name, number: Number(parts[2]), free: parts[3] === 'free' }] : [];
  });
  return found.sort((a, b) => b.number - a.number);
}

/** A claim as another sees it. */
export interface Holder {
  /** `node7, process 4711`. */
  readonly name: string;
  /** Since it was last renewed. */
  readonly seconds: number;
  readonly alive: boolean;
}

async function holderOf(folder: string, name: string, lease: number): Promise<Holder | undefined> {
  const path = join(folder, name);
  try {
    // Opening asks NFS for the file as it is now.
    const file = await open(path);
    const [text, { mtimeMs }] = await Promise.all([file.readFile('utf8'), file.stat()]).finally(() =>
      file.close(),
    );
    const seconds = ((await folderTime(folder)) - mtimeMs) / 1000;
    const owner = ownerOf(text);
    const shown = owner ? `${owner.host}, process ${owner.pid}` : 'a process that has not said its name';
    return { name: shown, seconds, alive: seconds < lease && !(owner && isGone(owner)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Who has the highest claim on a key, dead or alive; undefined for nobody. */
export async function holder(
  folder: string,
  key: string,
  lease = LEASE_SECONDS,
): Promise<Holder | undefined> {
  const [highest] = await entriesOf(folder, key).catch(() => []);
  return highest && !highest.free ? holderOf(folder, highest.name, lease) : undefined;
}

/** A record that this process, and no other, makes. */
export interface Claim {
  readonly kind: 'ours';
  /** Aborted when the claim was lost: this process was away for longer than a lease, and another has taken over. */
  readonly lost: AbortSignal;
  /** Whether it still holds, looked at now. */
  holds(): Promise<boolean>;
  /** The record is not made: anyone may go on. */
  release(): Promise<void>;
  /** The record is there: there is nothing more to claim. */
  finish(): Promise<void>;
}

/** Another is at it. */
export interface Held {
  readonly kind: 'held';
  readonly by: string;
}

const HELD: Held = { kind: 'held', by: 'another process, which was quicker' };

/** @param folder the ledger's `unfinished` @param lease seconds */
export async function takeClaim(folder: string, key: string, lease = LEASE_SECONDS): Promise<Claim | Held> {
  await mkdir(folder, { recursive: true });
  const [highest] = await entriesOf(folder, key);
  const former = highest && !highest.free ? await holderOf(folder, highest.name, lease) : undefined;
  if (former?.alive) return { kind: 'held', by: former.name };
  const number = (highest?.number ?? 0) + 1;
  const name = `${key}.${number}.claim`;
  const path = join(folder, name);
  const text = JSON.stringify(thisOwner());
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return HELD;
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
  // A slow one may have made a number that was taken, given back and passed over meanwhile.
  const others = (await entriesOf(folder, key)).filter((entry) => entry.name !== name);
  if (others.some((entry) => entry.number >= number)) {
    await rm(path, { force: true });
    return HELD;
  }
  for (const entry of others) await rm(join(folder, entry.name), { force: true });
  return ours(folder, key, { name, number, text }, lease);
}

function ours(
  folder: string,
  key: string,
  { name, number, text }: { readonly name: string; readonly number: number; readonly text: string },
  lease: number,
): Claim {
  const path = join(folder, name);
  const lost = new AbortController();
  const holds = async (): Promise<boolean> => {
    const [highest] = await entriesOf(folder, key);
    if (highest?.name === name && !lost.signal.aborted) return true;
    clearInterval(timer);
    lost.abort();
    return false;
  };
  const renew = async (): Promise<void> => {
    if (await holds()) await writeFile(path, text, { flag: 'r+' });
  };
  // A renewal that fails is no loss: the next may not.
  const timer = setInterval(() => void renew().catch(() => undefined), (1000 * lease) / RENEWALS);
  timer.unref();
  return {
    kind: 'ours',
    lost: lost.signal,
    holds,
    async release() {
      clearInterval(timer);
      await rename(path, join(folder, `${key}.${number}.free`)).catch(() => undefined);
    },
    async finish() {
      clearInterval(timer);
      for (const entry of await entriesOf(folder, key)) await rm(join(folder, entry.name), { force: true });
    },
  };
}

/** Keys that somebody has a claim on, dead or alive. */
export async function claimedKeys(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return [...new Set(names.flatMap((name) => /^([0-9a-f]{16})\.\d+\.claim$/.exec(name)?.[1] ?? []))];
}
