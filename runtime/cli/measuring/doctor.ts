/** `nmc doctor`: what this machine has, what its devices do in a second, and which one a training takes. */
import { availableParallelism, hostname, totalmem } from 'node:os';
import { CAPABILITY_FORMAT, type Capability, type DeviceCapability } from '../../../spec/capability.ts';
import type { Device } from '../../device/device.ts';
import { loadCpu } from '../../device/load-cpu.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { EXIT } from '../shell/command.ts';
import type { WithJson } from '../shell/common-options.ts';
import { adapterOf, failedGpu } from './adapters.ts';
import { asTrainer } from './as-trainer.ts';
import { costLines } from './cost-lines.ts';
import { costsOf } from './costs.ts';
import { cryptoSpeed } from './crypto-speed.ts';
import { FULL, LIGHT, measure, SQUARE } from './measure.ts';
import { variantsOf } from './variants.ts';

export default async function (args: WithJson): Promise<number> {
  const code = asTrainer();
  if (code !== undefined) return code;
  const json = args.json;
  if (!json) process.stderr.write('measuring…\n');
  const found = await examine();
  if (json) emit({ ...found });
  else process.stdout.write(inWords(found));
  return EXIT.done;
}

export async function examine(): Promise<Capability> {
  const devices = [await examineCpu(), await examineGpu(), reference];
  return {
    format: CAPABILITY_FORMAT,
    name: hostname(),
    platform: process.platform,
    arch: process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    devices,
    crypto: cryptoSpeed(),
    auto: { device: 'cpu', why: whyCpu(devices) },
  };
}

const reference: DeviceCapability = {
  device: 'reference',
  available: true,
  description: 'interpreter in f64, slow and exact: the reference for the others',
};

async function examineCpu(): Promise<DeviceCapability> {
  try {
    const cpu = await loadCpu();
    const measured = { ...(await measure(cpu, FULL)), costs: await costsOf(cpu, SQUARE) };
    return { device: 'cpu', available: true, description: cpu.description, measured };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const { message: reason, repair } = error;
    return { device: 'cpu', available: false, description: 'ONNX Runtime', reason, ...(repair ? { repair } : {}) };
  }
}

async function examineGpu(): Promise<DeviceCapability> {
  try {
    const { webgpuDevice } = await import('../../device/webgpu/webgpu.ts');
    const device: Device = await webgpuDevice();
    const adapter = await adapterOf();
    const fast = adapter?.software === false;
    const speeds = await measure(device, fast ? FULL : LIGHT);
    const measured = fast ? { ...speeds, costs: await costsOf(device, SQUARE) } : speeds;
    return {
      device: 'webgpu',
      available: true,
      description: device.description,
      ...(adapter ? { adapter } : {}),
      measured,
    };
  } catch (error) {
    return failedGpu(error);
  }
}

function whyCpu(devices: readonly DeviceCapability[]): string {
  const gpu = devices.find((d) => d.device === 'webgpu');
  if (!gpu?.available) return `there is no GPU to use: ${gpu?.reason ?? 'none was found'}`;
  if (gpu.adapter?.software !== false) return 'the only GPU is emulated by the processor: correct, but slow';
  return 'a GPU is used only on request: --device webgpu';
}

function inWords(c: Capability): string {
  const lines = [`${c.name}  ${c.platform} ${c.arch}, ${c.cores} cores, ${formatBytes(c.memoryBytes)}`, ''];
  for (const d of c.devices) {
    lines.push(`${d.device.padEnd(10)} ${d.available ? d.description : `not here: ${d.reason ?? ''}`}`);
    if (d.measured) {
      const { gflops, gigabytesPerSecond, dispatchesPerSecond } = d.measured;
      lines.push(
        `           ${gflops} GFLOP/s on products, ${gigabytesPerSecond} GB/s on copies, ${dispatchesPerSecond} dispatches/s`,
      );
      if (d.measured.costs) lines.push(...costLines(d.measured.costs).map((line) => `           ${line}`));
    }
    if (d.adapter)
      lines.push(
        `           features: ${d.adapter.features.join(', ') || 'none'}`,
        ...variantsOf(d.adapter).map(({ name, reason }) => `           ${name}: ${reason}`),
        `           one buffer at most ${formatBytes(d.adapter.limits.maxBufferSize ?? 0)}, one binding ${formatBytes(d.adapter.limits.maxStorageBufferBindingSize ?? 0)}, ${d.adapter.limits.maxStorageBuffersPerShaderStage ?? 0} bindings, ${formatBytes(d.adapter.limits.maxComputeWorkgroupStorageSize ?? 0)} shared by a group`,
      );
    if (d.repair !== undefined) lines.push(`           ${d.repair}`);
  }
  if (c.crypto) lines.push('', `one thread hashes ${c.crypto.hash} MB/s, and seals ${c.crypto.seal} MB/s`);
  lines.push('', `--device auto takes ${c.auto.device}: ${c.auto.why}`);
  return `${lines.join('\n')}\n`;
}
