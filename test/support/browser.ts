/** A headless Chromium with WebGPU on the software driver, from the same development dependency. */
import { createReadStream, createWriteStream, existsSync, linkSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';
import { removeFolder } from './remove-folder.ts';
import { CACHE, PACKAGE, unpacked } from './software-vulkan.ts';

/** @param options `handleSIGINT: false` where the caller ends what it began itself */
export async function openBrowser(options: { readonly handleSIGINT?: boolean } = {}): Promise<Browser> {
  const libraries = await unpacked('al2023');
  return chromium.launch({
    ...options,
    executablePath: await chromiumProgram(),
    env: { ...process.env, LD_LIBRARY_PATH: join(libraries, 'lib') },
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
      '--disable-dev-shm-usage',
    ],
  });
}

/** The program looks for its driver in its own folder. */
async function chromiumProgram(): Promise<string> {
  const folder = join(CACHE, 'browser');
  const program = join(folder, 'chromium');
  if (existsSync(program)) return program;
  const own = `${folder}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  const packed = createReadStream(join(PACKAGE, 'bin', 'chromium.br'));
  await pipeline(packed, createBrotliDecompress(), createWriteStream(join(own, 'chromium'), { mode: 0o755 }));
  const drivers = await unpacked('swiftshader');
  for (const name of readdirSync(drivers)) linkSync(join(drivers, name), join(own, name));
  try {
    renameSync(own, folder);
  } catch {
    removeFolder(own);
  }
  return program;
}
