/**
 * A tslab kernel in a process of its own, driven over ZeroMQ. Whatever happens, the process ends with `close` or with ours.
 *
 * Why a runner of our own (this folder) and not Jupyter's: the kit promises that two commands of npm make every figure, so notebooks are
 * executed without Python; and tslab loses outputs under a runner that waits for them (`launch.ts`).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dealer, Subscriber } from 'zeromq';
import { findTslab, LAUNCH, PORT_TAKEN } from './tslab.js';
import { decodeMessage, encodeRequest, type Message } from './wire.js';

export interface Kernel {
  /** Sends a request and waits for its reply and for the kernel to be idle again. Times out after `timeout` seconds. */
  request(type: string, content: object, timeout: number): Promise<Message>;
  /** Called with every output message from now on. */
  onOutput(handler: (message: Message) => void): void;
  close(): Promise<void>;
}

interface LaunchedKernel extends Kernel {
  /** Of its process; null while it runs. */
  exitCode(): number | null;
}

const HOST = '127.0.0.1';
const PORTS = ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'] as const;
const START_SECONDS = 60;

type Connection = Record<(typeof PORTS)[number], number> & { readonly key: string };

const STARTS = 3;

/** Starts a kernel in `folder` and waits until it answers; anew where a port was taken meanwhile. @throws UsageError without tslab */
export async function startKernel(folder: string): Promise<Kernel> {
  for (let start = 1; ; start++) {
    const kernel = await launchKernel(folder);
    try {
      await untilReady(kernel);
      return kernel;
    } catch (error) {
      await kernel.close();
      if (kernel.exitCode() !== PORT_TAKEN || start === STARTS) throw error;
    }
  }
}

async function launchKernel(folder: string): Promise<LaunchedKernel> {
  const tslab = findTslab(folder);
  const zeromq = tslab.require('zeromq') as typeof import('zeromq');
  const connection = await freeConnection();
  const temporary = mkdtempSync(join(tmpdir(), 'progtuning-kernel-'));
  const config = join(temporary, 'connection.json');
  const settings = { ip: HOST, transport: 'tcp', signature_scheme: 'hmac-sha256', ...connection };
  writeFileSync(config, JSON.stringify(settings), { mode: 0o600 });
  const process = launch(folder, tslab.main, config);
  const shell = new zeromq.Dealer({ linger: 0 });
  const iopub = new zeromq.Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  shell.connect(`tcp://${HOST}:${connection.shell_port}`);
  iopub.connect(`tcp://${HOST}:${connection.iopub_port}`);
  iopub.subscribe();
  return {
    ...converse(process, shell, iopub, connection.key, temporary),
    exitCode: () => process.exitCode,
  };
}

/** Ports free right now: all five are held at once, then released for the kernel. */
async function freeConnection(): Promise<Connection> {
  const servers = await Promise.all(
    PORTS.map(async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const entries = PORTS.map((name, i) => [name, ports[i]]);
  return { ...Object.fromEntries(entries), key: randomBytes(16).toString('hex') } as Connection;
}

function launch(folder: string, main: string, config: string): ChildProcess {
  return spawn(process.execPath, [LAUNCH, main, config], {
    cwd: folder,
    // Warnings of Node itself would land in the notebook, with process ids in them.
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
    // The channel carries nothing: its end tells the kernel that this process is gone.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** The subscription takes effect a moment after the connection: asks until a request's idle status is seen. */
async function untilReady(kernel: Kernel): Promise<void> {
  const end = performance.now() + START_SECONDS * 1000;
  for (;;) {
    try {
      await kernel.request('kernel_info_request', {}, 0.3);
      return;
    } catch (error) {
      if (!(error instanceof KernelTimeout) || performance.now() > end) throw error;
    }
  }
}

/** A request that took longer than allowed. */
export class KernelTimeout extends Error {}

interface Waiting {
  reply?: Message;
  idle: boolean;
  readonly done: (reply: Message) => void;
  readonly failed: (error: Error) => void;
}

/** Requests under way: each ends with both its reply and the kernel's idle status, which come on different sockets. */
function openRequests() {
  const waiting = new Map<string, Waiting>();
  const settle = (id: string | undefined, change: Partial<Waiting>): void => {
    const request = waiting.get(id ?? '');
    if (!request) return;
    Object.assign(request, change);
    if (request.reply && request.idle) request.done(request.reply);
  };
  return {
    replied: (reply: Message): void => settle(reply.parentId, { reply }),
    idle: (id: string | undefined): void => settle(id, { idle: true }),
    failAll: (error: Error): void => {
      for (const request of waiting.values()) request.failed(error);
    },
    async open(
      id: string,
      timeout: number,
      start: (failed: (error: Error) => void) => void,
    ): Promise<Message> {
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise<Message>((done, failed) => {
          waiting.set(id, { idle: false, done, failed });
          timer = setTimeout(
            () => failed(new KernelTimeout(`no answer within ${timeout} s`)),
            timeout * 1000,
          );
          start(failed);
        });
      } finally {
        clearTimeout(timer);
        waiting.delete(id);
      }
    },
  };
}

type Send = (frames: (Buffer | string)[]) => Promise<void>;

/** Sends one message after the other: a socket of ZeroMQ that still writes one refuses the next. @param send as `Dealer.send` */
export function inTurn(send: Send): Send {
  let last: Promise<void> = Promise.resolve();
  return (frames) => {
    const next = (): Promise<void> => send(frames);
    last = last.then(next, next);
    return last;
  };
}

function converse(
  child: ChildProcess,
  shell: Dealer,
  iopub: Subscriber,
  key: string,
  temporary: string,
): Kernel {
  const requests = openRequests();
  const send = inTurn((frames) => shell.send(frames));
  const life = watch(child, requests.failAll);
  const release = endWithUs(child, temporary);
  let handler: (message: Message) => void = () => undefined;
  const onPublished = (message: Message): void => {
    handler(message);
    if (message.type === 'status' && message.content.execution_state === 'idle')
      requests.idle(message.parentId);
  };
  listen(shell, key, requests.replied, requests.failAll);
  listen(iopub, key, onPublished, requests.failAll);
  return {
    onOutput: (next) => {
      handler = next;
    },
    request(type, content, timeout) {
      const { id, frames } = encodeRequest(key, type, content);
      return requests.open(id, timeout, (failed) => {
        const end = life.end();
        if (end) failed(end);
        else send(frames).catch(failed);
      });
    },
    async close() {
      child.kill('SIGKILL');
      await life.over;
      shell.close();
      iopub.close();
      release();
    },
  };
}

/** Follows the kernel's process: `over` resolves when it is gone, `end` then says how, with its last words on stderr. */
function watch(child: ChildProcess, failAll: (error: Error) => void) {
  let words = '';
  let end: Error | undefined;
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  });
  const over = new Promise<void>((resolve) => {
    const gone = (how: string): void => {
      if (end) return;
      end = new Error(`the kernel's process ended (${how}). ${words}`.trim());
      failAll(end);
      resolve();
    };
    child.once('error', (error) => gone(error.message));
    child.once('exit', (code, signal) => {
      const report = (): void => gone(signal ?? `exit code ${code}`);
      // The last words may still be on their way; a process that the cell started may hold the stream open.
      setTimeout(report, 500).unref();
      child.once('close', report);
    });
  });
  return { over, end: () => end };
}

function listen(
  socket: Dealer | Subscriber,
  key: string,
  handle: (message: Message) => void,
  fail: (error: Error) => void,
): void {
  const loop = async (): Promise<void> => {
    for await (const frames of socket) handle(decodeMessage(key, frames));
  };
  loop().catch(fail);
}

/** Ends the kernel and removes its files when this process ends or is interrupted. @returns a function that undoes it */
function endWithUs(child: ChildProcess, temporary: string): () => void {
  const clean = (): void => {
    child.kill('SIGKILL');
    rmSync(temporary, { recursive: true, force: true });
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const interrupted = (signal: NodeJS.Signals): void => {
    release();
    process.kill(process.pid, signal);
  };
  const release = (): void => {
    clean();
    process.off('exit', clean);
    for (const signal of signals) process.off(signal, interrupted);
  };
  process.once('exit', clean);
  for (const signal of signals) process.once(signal, interrupted);
  return release;
}
