/**
 * kill -9 of trainers and of the synchronizer, and trainers that fall silent while their sockets stand, at random moments
 * of a run: the weights end as undisturbed, bit for bit.
 * `npm run chaos` kills 50 times each and prints how fast it was found and mended.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunStatus } from '../../runtime/net/mesh-status.ts';
import { stream } from '../../spec/random.ts';
import { signalProcess } from '../support/end-process.ts';
import { TestMesh, weightHashes } from '../support/mesh.ts';
import { nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { waitFor } from '../support/wait-for.ts';

const KILLS = Number(process.env.NMC_CHAOS ?? 1);
/** Long enough for the last one on a machine that has nothing else to do. */
const EPOCHS = 14 + 6 * (KILLS - 1);
const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: EPOCHS });
const mesh = new TestMesh(folder);
const LIMIT = ['--limit', '320'];
const rng = stream(1, 'chaos');
let draws = 0;

beforeAll(async () => {
  const [local] = await Promise.all([
    nmc(['train', model, ...LIMIT, '--shards', '2', '--out', 'local', '--json'], { cwd: folder }),
    mesh.start(3),
  ]);
  expect(local.code, local.stderr).toBe(0);
}, 7_200_000);

afterAll(() => mesh.kill());

async function runOf(name: string): Promise<RunStatus | undefined> {
  try {
    return (await mesh.status()).runs.find((r) => r.run === name);
  } catch {
    return undefined; // the synchronizer is away for a moment
  }
}

async function until(name: string, holds: (run: RunStatus) => boolean): Promise<RunStatus> {
  const found = async (): Promise<RunStatus | undefined> => {
    const run = await runOf(name);
    return run && (holds(run) || ['done', 'failed'].includes(run.state)) ? run : undefined;
  };
  return waitFor(`state of ${name} that the test waits for`, found, { within: 600_000 });
}

/**
 * Seconds until each kill was noticed, by the run's own log. All shards begin again from a snapshot that is not older
 * than the newest one that was there before the kill: what is lost is less than one interval.
 */
async function foundAfter(
  name: string,
  kills: readonly { readonly at: number; readonly snapshot: number }[],
): Promise<number[]> {
  const log = await mesh.json('logs', name);
  return kills.map(({ at, snapshot }) => {
    const lost = log.find((e) => ['lost', 'epoch-of-owners'].includes(String(e.event)) && Number(e.time) >= at);
    const again = log.find((e) => e.event === 'running' && Number(e.time) >= Number(lost?.time));
    expect(Number(again?.calls)).toBeGreaterThanOrEqual(snapshot);
    return (Number(lost?.time) - at) / 1000;
  });
}

/** Of what was trained before the kill and after it: one stretch each, done again from the record of its trainer. */
async function replayed(name: string): Promise<void> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.includes(`/records/${name}/`) && path.endsWith('.rec'),
  );
  const places = paths.map((path) => {
    const [term = 0, from = 0] = (/\d+-(\d+)-(\d+)\.rec$/.exec(path) ?? []).slice(1).map(Number);
    return { path, term, from };
  });
  places.sort((a, b) => a.term - b.term || a.from - b.from);
  const [before] = places;
  // Neither the first one of its term, whose snapshot may be gone, nor the last one, whose windows may not have come.
  const behind = places.filter(({ term }) => term === places.at(-1)?.term).map(({ from }) => from);
  const after = places.findLast(({ from }) => from > Math.min(...behind) && from < Math.max(...behind));
  for (const place of [before, after]) {
    expect(await mesh.json('mesh', 'replay', place?.path ?? ''), place?.path).toMatchObject([
      { event: 'replayed', stretches: [{ run: name, term: place?.term }], verdict: 'match' },
    ]);
  }
  expect(after?.term).toBeGreaterThan(before?.term ?? 0);
}

function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(0.95 * (sorted.length - 1))] ?? Number.NaN;
}

test.each([
  ['trainer', 'SIGKILL'],
  ['synchronizer', 'SIGKILL'],
  // It is stopped with all its threads, and its connections stand.
  ['silent', 'SIGSTOP'],
] as const)(
  `a run ends with the weights of an undisturbed one after ${KILLS} faults: %s, %s`,
  async (victim, signal) => {
    const [deployed] = await mesh.json('deploy', model, ...LIMIT, '--partition', '2', '--snapshot-every', '5');
    const name = String(deployed?.run);
    const mended: number[] = [];
    const kills: { readonly at: number; readonly snapshot: number }[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const before = await until(name, (r) => r.state === 'running' && r.snapshot !== null);
      await sleep(1000 * rng.uniform(draws++));
      const status = await mesh.status();
      const owner = before.shards[kill % 2]?.trainer;
      const pid =
        victim === 'synchronizer' ? status.synchronizer?.pid : status.trainers.find((t) => t.name === owner)?.pid;
      if (before.state !== 'running' || !pid) break;
      const started = performance.now();
      kills.push({ at: Date.now(), snapshot: before.snapshot ?? 0 });
      signalProcess(pid, signal);
      const after = await until(
        name,
        (r) => r.state === 'running' && (victim === 'synchronizer' || r.ownersEpoch > before.ownersEpoch),
      );
      expect(after.state).not.toBe('failed');
      mended.push((performance.now() - started) / 1000);
      // It still believes that the shard is its own: nobody takes anything of that epoch, and it joins again.
      if (victim === 'silent') signalProcess(pid, 'SIGCONT');
    }
    expect(mended.length).toBeGreaterThan(0);
    const end = await until(name, (r) => r.state === 'done');
    expect(end.state).toBe('done');
    await mesh.json('fetch', name, '-o', victim);
    expect(weightHashes(join(folder, victim))).toEqual(weightHashes(join(folder, 'local')));
    if (victim === 'trainer') await replayed(name);
    if (victim !== 'synchronizer') {
      const found = await foundAfter(name, kills);
      const [most, usual] = [Math.max(...found), percentile95(found)].map((seconds) => seconds.toFixed(1));
      if (KILLS > 1) console.log(`${victim}: found after ${usual} s at the 95th percentile, ${most} s at most`);
    }
    const [most, usual] = [Math.max(...mended), percentile95(mended)].map((seconds) => seconds.toFixed(1));
    if (KILLS > 1)
      console.log(
        `${victim}: ${mended.length} times, running again after ${usual} s at the 95th percentile, ${most} s at most`,
      );
  },
  7_200_000,
);
