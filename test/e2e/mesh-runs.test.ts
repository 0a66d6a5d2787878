/** Several runs at once, with real processes: each ends with the bits that it has alone, whatever becomes of others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunStatus } from '../../runtime/net/mesh-status.ts';
import { signalProcess } from '../support/end-process.ts';
import { TestMesh, weightHashes } from '../support/mesh.ts';
import { nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 2 });
const mesh = new TestMesh(folder);
const small = new TestMesh(temporaryFolder());
/** Long enough that the first one is not done before the second one has begun. */
const RUNS = ['1', '2'].map((seed) => ['--limit', '320', '--epochs', '64', '--seed', seed]);
let expected: Record<string, string>[] = [];

beforeAll(async () => {
  const alone = RUNS.map((length, i) =>
    nmc(['train', model, ...length, '--shards', '2', '--out', `alone-${i}`, '--json'], { cwd: folder }),
  );
  for (const { code, stderr } of await Promise.all(alone)) expect(code, stderr).toBe(0);
  expected = RUNS.map((_, i) => weightHashes(join(folder, `alone-${i}`)));
  await mesh.start(3);
}, 180_000);

afterAll(() => {
  mesh.kill();
  small.kill();
});

const statusOf = async (run: string): Promise<RunStatus | undefined> =>
  (await mesh.status()).runs.find((r) => r.run === run);

async function deploy(on: TestMesh, length: readonly string[]): Promise<string> {
  const [deployed] = await on.json('deploy', model, ...length, '--partition', '2', '--snapshot-every', '10');
  return String(deployed?.run);
}

test('a kill in one of two runs leaves the other as it is, and both end with the bits that they have alone', async () => {
  const [first = '', second = ''] = [await deploy(mesh, RUNS[0] ?? []), await deploy(mesh, RUNS[1] ?? [])];
  await waitFor('a snapshot of each', async () => {
    const both = await Promise.all([first, second].map(statusOf));
    return both.every((r) => r?.state === 'running' && (r.snapshot ?? 0) > 0) || undefined;
  });
  const { trainers } = await mesh.status();
  const worksFor = (run: string): string[] =>
    trainers.filter((t) => t.work?.some((w) => w.run === run)).map((t) => t.name);
  expect(worksFor(first)).toHaveLength(2);
  expect(worksFor(second)).toEqual(trainers.map((t) => t.name).filter((name) => !worksFor(first).includes(name)));
  expect((await statusOf(second))?.trainers).toEqual(worksFor(second));
  signalProcess(trainers.find((t) => t.name === worksFor(first)[0])?.pid, 'SIGKILL');
  const done = async (): Promise<unknown> => Promise.all([first, second].map(async (r) => (await statusOf(r))?.state));
  await expect.poll(done, { timeout: 120_000, interval: 300 }).toEqual(['done', 'done']);
  for (const [i, run] of [first, second].entries()) {
    await mesh.json('fetch', run, '-o', `fetched-${i}`);
    expect(weightHashes(join(folder, `fetched-${i}`)), run).toEqual(expected[i]);
  }
  // Where the second one has moved, it was to have more trainers, and at a snapshot of its own.
  const log = await mesh.json('logs', second);
  expect(log.map((r) => r.event)).not.toContain('lost');
  const moves = log.filter((r) => r.event === 'epoch-of-owners').slice(1);
  expect(moves.map((r) => r.why)).toEqual(moves.map(() => 'shards spread anew'));
  expect((await mesh.json('logs', first)).map((r) => r.event)).toContain('lost');
  await fetchesRecord(second);
}, 180_000);

/** The record of one of its stretches, as its trainer keeps it. */
async function fetchesRecord(run: string): Promise<void> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const kept = names.filter((name) => name.includes(`/${run}/`) && name.endsWith('.rec')).sort();
  const [path = ''] = kept;
  const [shard = '', term = '', from = ''] = path.split('/').at(-1)?.replace('.rec', '').split('-') ?? [];
  const [told] = await mesh.json('mesh', 'stretch', run, shard, term, from, '-o', 'fetched.rec');
  expect(told).toMatchObject({ event: 'stretch', run, out: 'fetched.rec' });
  expect(readFileSync(join(folder, 'fetched.rec')).equals(readFileSync(join(folder, path)))).toBe(true);
  const refused = await mesh.run('mesh', 'stretch', run, shard, '999', from, '--json');
  expect(refused.code, refused.stdout + refused.stderr).toBe(2);
  expect(JSON.parse(refused.stdout || refused.stderr)).toMatchObject({ code: 'record/missing' });
}

test('a run that no trainer has room for waits, and begins when the other is stopped', async () => {
  await small.start(1, '--max-memory', '36');
  const first = await deploy(small, ['--limit', '320', '--epochs', '100000']);
  const stateOf = async (run: string): Promise<string | undefined> =>
    (await small.status()).runs.find((r) => r.run === run)?.state;
  await waitFor('the first run', async () => (await stateOf(first)) === 'running' || undefined);
  const [planned] = await small.json('deploy', model, '--limit', '320', '--partition', '2', '--dry-run');
  expect(planned?.shared).toEqual(['trainer-1']);
  const second = await deploy(small, ['--limit', '320', '--epochs', '2', '--seed', '7']);
  const told = await waitFor('a reason', async () => {
    const run = (await small.status()).runs.find((r) => r.run === second);
    return run?.state === 'waiting' && run.reason !== '' ? run.reason : undefined;
  });
  expect(told).toMatch(/^shard \d needs \d+ MB, more than any trainer has left$/);
  // Columns, snapshots and the record count, which the plan alone does not say.
  const large = await small.run('deploy', model, '--batch', '16384', '--partition', '2', '--json');
  expect(JSON.parse(large.stdout || large.stderr)).toMatchObject({ code: 'deploy/memory' });
  await small.json('stop', first);
  await waitFor('the end of the second run', async () => (await stateOf(second)) === 'done' || undefined);
}, 120_000);
