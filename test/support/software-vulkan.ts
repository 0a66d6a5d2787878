/**
 * A Vulkan driver that is a program (SwiftShader), from a development dependency: tests of the WebGPU device run on any
 * machine with it. It is unpacked once, beside the other things that can be made again.
 */
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import { removeFolder } from './remove-folder.ts';
import { ROOT } from './repository.ts';

export const PACKAGE = join(ROOT, 'node_modules', '@sparticuz', 'chromium');

const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string };
/** Unpacked files of it: made again whenever they are missing. */
export const CACHE = join(ROOT, '.cache', `chromium-${version}`);

/** The files of one archive of the package, in a folder of their own. */
export async function unpacked(archive: string): Promise<string> {
  const folder = join(CACHE, archive);
  if (existsSync(folder)) return folder;
  // Several test processes may do this at once: each its own, and the first one stays.
  const own = `${folder}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  const files = extract();
  files.on('entry', (header, stream, next) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const path = join(own, header.name);
      mkdirSync(dirname(path), { recursive: true });
      if (header.type === 'file') writeFileSync(path, Buffer.concat(chunks), { mode: 0o755 });
      next();
    });
  });
  await pipeline(createReadStream(join(PACKAGE, 'bin', `${archive}.tar.br`)), createBrotliDecompress(), files);
  try {
    renameSync(own, folder);
  } catch {
    removeFolder(own);
  }
  return folder;
}

/** Environment of a child process whose Vulkan is the program. */
export async function softwareVulkanEnvironment(): Promise<Record<string, string>> {
  const folder = await unpacked('swiftshader');
  return { VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };
}

/**
 * Makes Dawn in this process find it; before `webgpu` is imported. `NMC_TEST_DRIVER` names the ICD file of another driver
 * to test.
 */
export async function useSoftwareVulkan(): Promise<void> {
  const { VK_DRIVER_FILES, LD_LIBRARY_PATH = '' } = await softwareVulkanEnvironment();
  process.env.VK_DRIVER_FILES = process.env.NMC_TEST_DRIVER ?? VK_DRIVER_FILES;
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, join(LD_LIBRARY_PATH, 'libvulkan.so.1'), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // It is not a library of Node's, which Node says once it is loaded; and it stays loaded.
    if (!(error instanceof Error) || !error.message.includes('self-register')) throw error;
  }
}
