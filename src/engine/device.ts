/** Where a compiled function runs. A device that is not there is an error that says what to install; nothing falls back silently. */
import * as tf from '@tensorflow/tfjs';
import type { InferenceSession } from 'onnxruntime-node';
import { UsageError } from '../errors.js';

/** `cpu`, `webgpu`, `cuda`: onnxruntime's providers. `tfjs`: a tfjs backend, operation by operation. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'tfjs'] as const;
export type Device = (typeof DEVICES)[number];

export function parseDevice(name: string): Device {
  const device = DEVICES.find((known) => known === name);
  if (!device) throw new UsageError(`unknown device '${name}'; known: ${DEVICES.join(', ')}`);
  return device;
}

export function executionProviders(device: Device): InferenceSession.ExecutionProviderConfig[] {
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

/** Packages that bring tfjs a native backend, best first. Neither is a dependency: their install scripts download a library. */
const NATIVE = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Makes the best tfjs backend current that is installed.
 * @returns its name: `tensorflow` with a native package, otherwise `cpu`, tfjs's plain JavaScript
 * @throws UsageError when a native package is installed but does not load
 */
export async function openTfjsBackend(): Promise<string> {
  for (const name of NATIVE) {
    try {
      await import(name);
      break;
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(name)) continue;
      throw new UsageError(
        `device tfjs: ${name} is installed but does not load (${message.split('\n')[0]}); run its install script, or remove it`,
        { cause },
      );
    }
  }
  await tf.ready();
  return tf.getBackend();
}
