/** The cpu device with threads, which load built files alone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Device } from '../../runtime/device/device.ts';
import { ROOT } from './repository.ts';

/** @param name of its folder in `.cache/`: test files run side by side */
export async function bundledCpu(name: string): Promise<Device> {
  const folder = join(ROOT, '.cache', name);
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: ['cpu', 'worker'].map((file) => join(ROOT, `runtime/device/cpu/${file}.ts`)),
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const { cpuDevice } = (await import(pathToFileURL(join(folder, 'cpu.js')).href)) as { cpuDevice: Device };
  return cpuDevice;
}
