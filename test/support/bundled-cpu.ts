/** Bundles of code for threads, which load built files alone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Device } from '../../runtime/device/device.ts';
import type { openInThreads } from '../../runtime/shard/threads/open.ts';
import { ROOT } from './repository.ts';

/**
 * The cpu device with threads.
 * @param name of its folder in `.cache/`: test files run side by side
 */
export async function bundledCpu(name: string): Promise<Device> {
  const { cpuDevice } = (await bundled(name, 'runtime/device/cpu', 'cpu')) as { cpuDevice: Device };
  return cpuDevice;
}

/** Shards in threads. @param name as above */
export async function bundledThreads(name: string): Promise<typeof openInThreads> {
  const { openInThreads: open } = (await bundled(name, 'runtime/shard/threads', 'open')) as {
    openInThreads: typeof openInThreads;
  };
  return open;
}

/** @param folder of a file and of the worker that it starts */
async function bundled(name: string, folder: string, file: string): Promise<unknown> {
  const outdir = join(ROOT, '.cache', name);
  mkdirSync(outdir, { recursive: true });
  await build({
    entryPoints: [file, 'worker'].map((entry) => join(ROOT, folder, `${entry}.ts`)),
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return import(pathToFileURL(join(outdir, `${file}.js`)).href);
}
