/** Devices: one that is missing names the cause and the remedy; one that is there gives the cpu's numbers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deviceError, openTfjsBackend, parseDevice } from '../../src/engine/device.js';

/** Debian's chromium carries a software Vulkan, and a loader for it. */
const CHROMIUM = '/usr/lib/chromium';
const icd = `${CHROMIUM}/vk_swiftshader_icd.json`;
const software = { VK_DRIVER_FILES: icd, LD_LIBRARY_PATH: CHROMIUM };

const child = fileURLToPath(new URL('./device-steps.js', import.meta.url));

/** Ten AdamW steps of a small BERT in a process of its own: the Vulkan loader reads its environment when a process starts. */
function tenSteps(
  device: string,
  env: Record<string, string>,
  ...settings: readonly string[]
): Record<'losses' | 'norms' | 'parameters' | 'moments' | 'logits', number[]> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [child, device, ...settings], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string);
}

const worst = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);

for (const settings of [[], ['steered']])
  test(`webgpu: ten training steps in two stages, ${settings.length > 0 ? 'labels smoothed, classes weighed, rates by layer, ' : ''}parameters and moments kept on the device, then a forecast, agree with cpu (software Vulkan)`, {
    skip: existsSync(icd) ? false : "Debian's chromium, which has a software Vulkan, is not installed",
  }, () => {
    const [cpu, gpu] = [tenSteps('cpu', {}, ...settings), tenSteps('webgpu', software, ...settings)];
    assert.equal(gpu.losses.length, 10);
    assert.ok((cpu.losses[9] as number) < (cpu.losses[0] as number) - 0.1, 'the steps move the loss');
    assert.ok(worst(gpu.losses, cpu.losses) < 1e-3, `${gpu.losses} / ${cpu.losses}`);
    for (const of of ['norms', 'parameters', 'moments', 'logits'] as const) {
      assert.equal(gpu[of].length, cpu[of].length);
      assert.ok(worst(gpu[of], cpu[of]) < 1e-3, `${of} are up to ${worst(gpu[of], cpu[of])} apart`);
    }
  });

test('a device that does not open says why and what it needs', () => {
  const failed = new Error('... Failed to get a WebGPU adapter: No supported adapters\n at x');
  assert.match(
    String(deviceError('webgpu', failed)),
    /device webgpu: Failed to get a WebGPU adapter: No supported adapters; it needs a GPU and its Vulkan driver/,
  );
  const missing = new Error('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
  assert.match(
    String(deviceError('cuda', missing)),
    /device cuda: .*Failed to load shared library; it needs/,
  );
  const lacking = new Error('... but fallback to CPU EP has been explicitly disabled by the user.');
  assert.match(String(deviceError('webgpu', lacking)), /has no kernel there for an operator/);
  const other = new Error('Invalid model');
  assert.equal(deviceError('webgpu', other), other, 'a fault of ours stays as it is');
  assert.throws(
    () => parseDevice('tpu'),
    /unknown device 'tpu' \(did you mean 'cpu'\?\); known: cpu, webgpu, cuda, tfjs/,
  );
});

test('the tfjs device says which backend it found', async () => {
  assert.match(await openTfjsBackend(), /^(cpu|tensorflow)$/);
});
