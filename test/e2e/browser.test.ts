/** A compiled plan trains in a browser, by the browser's own WebGPU, to what the reference device reaches. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { type ServedFolder, serveFolder } from '../support/serve-folder.ts';

const folder = temporaryFolder();
const SAMPLES = 64;

/** Small enough for a processor that plays a GPU; the data are those of `nmc train --limit`. */
const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model small {
  sense pixels: f32[784]
  node  h:      f32[12] = nodes.gaussian()
  node  label:  f32[10] = nodes.gaussian()

  link pixels -> h = links.dense(after = tanh)
  link h -> label  = links.dense()
}

train il of small on data.glyphs.train {
  clamp pixels = sample.image / 255
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.sgd(rate = 0.1)
  batch     = 16
  epochs    = 2
}

predict classify of small {
  clamp pixels = input.image / 255
  read digit = argmax(label)
}

check accuracy(classify.digit, data.glyphs.test.digit) >= 0
`;

let served: ServedFolder | undefined;

beforeAll(async () => {
  writeFileSync(join(folder, 'small.pcn'), MODEL);
  const compiled = await nmc(['compile', 'small.pcn', '-o', 'small.plan'], { cwd: folder });
  expect(compiled.code, compiled.stderr).toBe(0);
  symlinkSync(join(ROOT, 'dist/browser/index.html'), join(folder, 'index.html'));
  symlinkSync(join(ROOT, 'dist/browser/page.js'), join(folder, 'page.js'));
  symlinkSync(join(folder, 'small.plan'), join(folder, 'plan'));
  served = await serveFolder(folder);
}, 60_000);

afterAll(() => {
  served?.close();
});

test('the page trains to the energies of the reference, and shows them', { timeout: 180_000 }, async () => {
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(served?.address ?? '');
    await page.fill('input[name=epochs]', '2');
    await page.fill('input[name=samples]', String(SAMPLES));
    await page.click('button');
    await page.waitForFunction("!document.getElementById('state').textContent.startsWith('training')", undefined, {
      timeout: 150_000,
    });
    expect(await page.textContent('#state')).toMatch(/^done, on .*swiftshader/i);
    const rows = await page.locator('#rows tr').all();
    const shown = await Promise.all(rows.map((row) => row.locator('td').allTextContents()));
    const reference = await nmc(
      [
        'train',
        'small.pcn',
        '--limit',
        String(SAMPLES),
        '--device',
        'reference',
        '--json',
        '--seed',
        '1',
        '--out',
        'r',
      ],
      { cwd: folder },
    );
    const wanted = jsonLines(reference).flatMap((line) => (line.event === 'epoch' ? [line.energy as number] : []));
    expect(shown.map(([epoch]) => epoch)).toEqual(['1', '2']);
    shown.forEach(([, energy, accuracy], i) => {
      expect(Math.abs(Number(energy) / (wanted[i] ?? 0) - 1)).toBeLessThan(1e-4);
      expect(accuracy).toMatch(/^\d+\.\d %$/);
    });
  } finally {
    await browser.close();
  }
});
