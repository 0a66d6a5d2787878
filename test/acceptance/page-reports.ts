/** A page that trains plans in a headless browser, and tells what it reports of their epochs. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { EpochReport } from '../../spec/run-events.ts';
import { openBrowser } from '../support/browser.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { serveFolder } from '../support/serve-folder.ts';

export interface PageLength {
  readonly epochs: number;
  readonly seed: number;
  readonly samples: number;
  readonly tests: number;
}

export interface ReportPage {
  /** @param plan its folder @returns its reports, or the code by which the page refuses it */
  train(plan: string, length: PageLength): Promise<readonly EpochReport[] | string>;
  close(): Promise<void>;
}

/** @param folder for the page and its plans */
export async function reportPage(root: string, folder: string): Promise<ReportPage> {
  const served = join(folder, 'page');
  mkdirSync(served);
  writeFileSync(join(served, 'index.html'), '<script type="module" src="page.js"></script>');
  await build({
    absWorkingDir: root,
    entryPoints: ['test/support/page-trainings.ts'],
    outfile: join(served, 'page.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    alias: { 'node:os': './runtime/browser/machine.ts' },
  });
  const server = await serveFolder(served);
  const browser = await openBrowser({ handleSIGINT: false });
  const page = await browser.newPage();
  await page.goto(server.address);
  return {
    async train(plan, length) {
      removeFolder(join(served, 'plan'));
      cpSync(plan, join(served, 'plan'), { recursive: true });
      const settings = JSON.stringify(length);
      return await page.evaluate(`reportsOf({ ...${settings}, plan: new URL('plan/', location.href).href })`);
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}
