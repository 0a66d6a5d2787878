/**
 * kill -9 while blobs are brought, snapshots made, runs fetched and garbage removed: whatever a run names is there
 * afterwards, and what it says. NMC_TEST_KILLS=200 is the long form.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { blobsOfRun } from '../../../runtime/roles/named-blobs.ts';
import type { StoredRun } from '../../../runtime/roles/synchronizer-state.ts';
import { isLeftover } from '../../../runtime/support/atomic.ts';
import { seeded } from '../../fuzz/mutate.ts';
import { bundleProgram } from '../../support/bundle-program.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { ROOT } from '../../support/repository.ts';

const KILLS = Number(process.env.NMC_TEST_KILLS ?? 10);
const KINDS = ['gc', 'deploy', 'fetch', 'snapshot'] as const;
const folder = mkdtempSync(join(tmpdir(), 'nmc-kills-'));
const program = join(ROOT, '.cache', `kill-child-${process.pid}.mjs`);
const preload = `--import=${pathToFileURL(join(ROOT, 'test/support/die-at-write.mjs'))}`;
const rng = seeded(42);

beforeAll(async () => {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const entry = join(ROOT, 'test/mesh/hostile/kill-child.ts');
  await bundleProgram(entry, program);
});
afterAll(() => {
  rmSync(program, { force: true });
  removeFolder(folder);
});

interface End {
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

/** Every second one dies in the middle of a change to the file system, the others whenever it hits them. */
function killed(state: string, round: number): Promise<End> {
  const atChange = round % 2 === 0 ? 20 + Math.floor(300 * rng()) : 0;
  const wait = 20 + 250 * rng();
  const child = spawn(process.execPath, [program, state, String(round), KINDS[round % 4] ?? 'gc'], {
    env: { ...process.env, NODE_OPTIONS: preload, NMC_TEST_DIE_AT: String(atChange) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (atChange === 0 && text.includes('ready')) setTimeout(() => child.kill('SIGKILL'), wait);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => resolve({ signal, said }));
  });
}

/** Blobs that runs name, and whether they are there. */
async function check(state: string): Promise<{ runs: number; manifests: number; blobs: number; lost: string[] }> {
  const backplane = embeddedBackplane(state);
  const runs = (await backplane.list('run/')).map(({ value }) => JSON.parse(value) as StoredRun);
  const named = [...new Set(runs.flatMap(blobsOfRun))];
  const lost: string[] = [];
  for (const hash of named) if (!(await backplane.getBlob(hash))) lost.push(hash);
  await backplane.close();
  const manifests = runs.reduce((sum, run) => sum + (run.manifests.at(-1)?.calls ?? 0), 0);
  return { runs: runs.length, manifests, blobs: named.length, lost };
}

test(
  `nothing that a manifest names is lost (${KILLS} kills)`,
  async () => {
    const state = join(folder, 'state');
    for (let round = 0; round < KILLS; round++) {
      const end = await killed(state, round);
      expect(end, `round ${round}`).toEqual({ signal: 'SIGKILL', said: expect.not.stringContaining('lost') });
      expect((await check(state)).lost, `round ${round}`).toEqual([]);
    }
    const found = await check(state);
    expect(found.runs).toBeGreaterThan(0);
    expect(found.manifests).toBeGreaterThan(KILLS / 4);
    const files = readdirSync(join(state, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
    expect(files.filter((f) => isLeftover(f.name))).toEqual([]);
  },
  60_000 + KILLS * 3000,
);
