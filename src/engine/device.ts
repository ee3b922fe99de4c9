/** Where a compiled function runs. A device that is not there is an error that says what to install; nothing falls back silently. */

import { UsageError } from '../errors.js';
import * as tf from './tfjs.js';

/**
 * `cpu`, `webgpu`, `cuda`: onnxruntime's providers. `tfjs`: a tfjs backend, operation by operation.
 * @example
 * ```ts
 * import { engine } from 'progtuning';
 *
 * console.log(engine.DEVICES.join()); // cpu,webgpu,cuda,tfjs
 * ```
 */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'tfjs'] as const;

/** One of {@link DEVICES}. */
export type Device = (typeof DEVICES)[number];

export function parseDevice(name: string): Device {
  const device = DEVICES.find((known) => known === name);
  if (!device) throw new UsageError(`unknown device '${name}'; known: ${DEVICES.join(', ')}`);
  return device;
}

/** The cards that a process may use, by number or id: what CUDA itself is told, else what Slurm gave to the job. Empty: nobody says. */
export function gpusOf({
  CUDA_VISIBLE_DEVICES: visible,
  SLURM_JOB_GPUS: given,
}: Readonly<Record<string, string | undefined>>): readonly string[] {
  return (visible ?? given ?? '').split(',').filter(Boolean);
}

export function executionProviders(device: Device): string[] {
  if (device === 'tfjs') throw new Error('internal: the tfjs device opens no session');
  return [device];
}

const REMEDY: Readonly<Partial<Record<Device, string>>> = {
  webgpu:
    "needs a GPU and its Vulkan driver (Debian: libvulkan1 with mesa-vulkan-drivers, or with NVIDIA's driver, libegl1 and libglx0), or software Vulkan: VK_DRIVER_FILES=<vk_swiftshader_icd.json of Debian's chromium>, libvulkan.so.1 on LD_LIBRARY_PATH; or use --device cpu",
  cuda: "needs an NVIDIA GPU with CUDA 13 and cuDNN 9, and beside onnxruntime-node's binary the CUDA library of the same version, which npm does not carry: see docs/devices.md; or use --device cpu",
};

/** An error of a device that did not open, with its cause and what it needs; other errors as they are. */
export function deviceError(device: Device, error: unknown): unknown {
  const remedy = REMEDY[device];
  if (!(error instanceof Error) || !remedy) return error;
  if (/fallback to CPU EP has been explicitly disabled/.test(error.message))
    return new UsageError(
      `device ${device}: onnxruntime has no kernel there for an operator of this program; use --device cpu`,
      { cause: error },
    );
  const cause = /(Failed to .*|CUDA.*|no .*device.*)/i.exec(error.message.split('\n')[0] ?? '')?.[0];
  return cause === undefined
    ? error
    : new UsageError(`device ${device}: ${cause.trim()}; it ${remedy}`, { cause: error });
}

/**
 * Packages that bring tfjs a backend, best first. None is a dependency: the install scripts of the first two download a library, the
 * third, plain JavaScript, is slow.
 */
const BACKENDS = [
  '@tensorflow/tfjs-node-gpu',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-backend-cpu',
] as const;

const isAnyRegistered = (): boolean => tf.engine().backendNames().length > 0;

/**
 * Makes a tfjs backend current: the best of those that the program has imported, or else that are installed.
 * @returns its name: `tensorflow` with a native package, otherwise `cpu`, tfjs's plain JavaScript
 * @throws UsageError when none is installed, or one is but does not load
 */
export async function openTfjsBackend(): Promise<string> {
  for (const name of BACKENDS) {
    if (isAnyRegistered()) break;
    try {
      await import(name);
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(name)) continue;
      throw new UsageError(
        `device tfjs: ${name} is installed but does not load (${message.split('\n')[0]}); run its install script, or remove it`,
        { cause },
      );
    }
  }
  if (!isAnyRegistered())
    throw new UsageError(
      `device tfjs: no tfjs backend is installed here; install one: npm install ${BACKENDS[0]} (it downloads a library), or ${BACKENDS[2]} (plain JavaScript)`,
    );
  await tf.ready();
  return tf.getBackend();
}
