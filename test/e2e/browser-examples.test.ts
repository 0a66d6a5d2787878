/** Examples, at a small size, train in a browser to what the reference device reaches: all in one page. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kernelFiles } from '../../compiler/7-kernels/wgsl/lower.ts';
import { type BuiltPlan, planBytes } from '../../compiler/8-plan/build.ts';
import { withKernels } from '../../compiler/8-plan/kernels.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { writePlan } from '../../runtime/plan/write-plan.ts';
import { openBrowser } from '../support/browser.ts';
import { launchByLaunch } from '../support/lowered.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { expectSameTraining } from '../support/same-training.ts';
import { type ServedFolder, serveFolder } from '../support/serve-folder.ts';
import { ofEachModel, type SmallTask, unlikeTasks } from '../support/small-examples.ts';
import { type SmallTraining, trainSmall } from '../support/small-training.ts';
import { softwareDevice } from '../support/webgpu.ts';

const folder = temporaryFolder();
/** The kernels are those of Node: a page differs by what hands them to the GPU. */
const tasks = ofEachModel(unlikeTasks(3));
const BATCHES = 2;
/** One of them with weights that products read in half precision. */
const halves = inHalves(tasks.find(({ name }) => name.startsWith('digits')));

function inHalves(task: SmallTask | undefined): BuiltPlan {
  if (!task) throw new Error('no such example');
  const { plan, program, files } = task.built;
  const kernels = kernelFiles(launchByLaunch(program, 'f16-weights'));
  expect([...kernels.keys()].some((path) => path.startsWith('kernels/pack-'))).toBe(true);
  const others = plan.files.filter(({ path }) => !path.startsWith('kernels/'));
  const rest = new Map([...files].filter(([path]) => !path.startsWith('kernels/')));
  return withKernels({ ...task.built, plan: { ...plan, files: others }, files: rest }, kernels);
}

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
  writePlan(join(folder, 'halves'), planBytes(halves.plan), halves.files);
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
  'the page trains %s as Node does',
  { timeout: 180_000 },
  async (_, { program, files }, i) => {
    const found = await page?.evaluate(`trainPlan(new URL('${i}/', location.href).href, ${BATCHES})`);
    const wanted = await trainSmall(referenceDevice, { program, files }, BATCHES);
    expect(found).toBeDefined();
    expectSameTraining(found as SmallTraining, wanted);
  },
);

test('the page reads weights in half precision as Node does', { timeout: 180_000 }, async () => {
  const found = await page?.evaluate(`trainPlan(new URL('halves/', location.href).href, ${BATCHES})`);
  expectSameTraining(found as SmallTraining, await trainSmall(await softwareDevice(), halves, BATCHES));
});
