/** Where a compiled function runs. A device that is not there is an error that says what to install; nothing falls back silently. */
import type { InferenceSession } from 'onnxruntime-node';
import { UsageError } from '../errors.js';

/** `cpu`, `webgpu`, `cuda`: onnxruntime's providers. `tfjs`: the current tfjs backend, eagerly. */
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
