/** kill -9 at any moment leaves a folder that loads and resumes, or none at all. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { openRun } from '../../runtime/store/run-folder.ts';
import { seeded } from '../fuzz/mutate.ts';
import { hashes, nmc, type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 3, batch: 16 });
const PRELOAD = `--import=${pathToFileURL(join(ROOT, 'test/support/die-at-write.mjs'))}`;
const BEGIN = ['train', model, '--limit', '48', '--json'];
const rng = seeded(9);

function dieAt(args: readonly string[], change: number): Promise<Outcome> {
  return nmc(args, { cwd: folder, env: { NODE_OPTIONS: PRELOAD, NMC_TEST_DIE_AT: String(change) } });
}

function weights(run: string): string | undefined {
  return hashes(join(folder, run))['model.safetensors'];
}

/** An undisturbed training, and how many changes to the file system it makes. */
const undisturbed = (async () => {
  const countFile = join(folder, 'count');
  const env = { NODE_OPTIONS: PRELOAD, NMC_TEST_COUNT: countFile };
  const outcome = await nmc([...BEGIN, '--out', 'whole'], { cwd: folder, env });
  expect(outcome.code).toBe(0);
  return { weights: weights('whole'), changes: Number(readFileSync(countFile, 'utf8')) };
})();

async function goOn(run: string, out: readonly string[]): Promise<void> {
  if (!existsSync(join(folder, run, 'config.json'))) {
    const again = await nmc([...BEGIN, ...out], { cwd: folder });
    expect(again).toMatchObject({ code: 0, stderr: '' });
    return;
  }
  expect(openRun(join(folder, run)).readParameters().length).toBeGreaterThan(0);
  expect((await nmc(['train', '--resume', run, '--json'], { cwd: folder })).code).toBe(0);
}

test.each([0, 1, 2, 3, 4, 5, 6, 7])('a run that is killed while it writes can be resumed (%i of 8)', async (part) => {
  const { weights: expected, changes } = await undisturbed;
  expect(changes).toBeGreaterThan(100);
  // A folder that is there already saves the few changes of making one appear.
  const change = 1 + Math.floor(((part + rng()) / 8) * (changes - 5));
  const run = `killed-${part}`;
  // Every second one in a folder that is there already, which cannot appear all at once.
  if (part % 2 === 1) mkdirSync(join(folder, run));
  const outcome = await dieAt([...BEGIN, '--out', run], change);
  expect(outcome.signal).toBe('SIGKILL');
  await goOn(run, ['--out', run]);
  expect(weights(run)).toBe(expected);
});

test('a run that is killed again and again can be resumed', async () => {
  const { weights: expected } = await undisturbed;
  await dieAt([...BEGIN, '--out', 'often'], 110);
  expect(existsSync(join(folder, 'often', 'config.json'))).toBe(true);
  for (const change of [1, 3, 8, 15, 27]) await dieAt(['train', '--resume', 'often', '--json'], change);
  await goOn('often', []);
  expect(weights('often')).toBe(expected);
});

test.each([0, 1])('a run that is killed at any time can be resumed (%i)', async (round) => {
  const { weights: expected } = await undisturbed;
  const run = `any-${round}`;
  const wait = 300 + 1500 * rng();
  await nmc([...BEGIN, '--out', run], {
    cwd: folder,
    onStart: (child) => setTimeout(() => child.kill('SIGKILL'), wait),
  });
  await goOn(run, ['--out', run]);
  expect(weights(run)).toBe(expected);
});
