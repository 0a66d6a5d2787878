/** Every example, at a small size, trains in a browser to what the reference device reaches: all in one page. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { writePlan } from '../../runtime/plan/write-plan.ts';
import { openBrowser } from '../support/browser.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { expectSameTraining } from '../support/same-training.ts';
import { type ServedFolder, serveFolder } from '../support/serve-folder.ts';
import { smallTasks } from '../support/small-examples.ts';
import { type SmallTraining, trainSmall } from '../support/small-training.ts';

const folder = temporaryFolder();
const tasks = smallTasks(3);
const BATCHES = 2;

let served: ServedFolder | undefined;
let browser: Browser | undefined;
let page: Page | undefined;

beforeAll(async () => {
  for (const [i, { built }] of tasks.entries()) writePlan(join(folder, `${i}`), planBytes(built.plan), built.files);
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="page.js"></script>');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/support/page-trainings.ts'],
    outfile: join(folder, 'page.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    alias: { 'node:os': './runtime/browser/machine.ts' },
  });
  served = await serveFolder(folder);
  browser = await openBrowser();
  page = await browser.newPage();
  await page.goto(served.address);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  served?.close();
});

test.each(tasks.map(({ name, built }, i) => [name, built, i] as const))(
  '%s',
  { timeout: 180_000 },
  async (_, { program, files }, i) => {
    const found = await page?.evaluate(`trainPlan(new URL('${i}/', location.href).href, ${BATCHES})`);
    const wanted = await trainSmall(referenceDevice, { program, files }, BATCHES);
    expect(found).toBeDefined();
    expectSameTraining(found as SmallTraining, wanted);
  },
);
