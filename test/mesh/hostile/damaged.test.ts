/** A byte of the newest part that a disk has changed costs a run one snapshot, not the run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { askStatus } from '../../../runtime/net/ask-status.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { MAGIC } from '../../../runtime/net/records/entries.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { PartVerifier } from '../../../runtime/net/verify-part.ts';
import { withoutManifest } from '../../../runtime/roles/damaged-manifest.ts';
import { blobsOfRun } from '../../../runtime/roles/named-blobs.ts';
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import {
  type Phase,
  type RunState,
  runFrom,
  type StoredRun,
  UNTROUBLED,
} from '../../../runtime/roles/synchronizer-state.ts';
import { signPart } from '../../../runtime/wire/part.ts';
import { TestMesh, weightHashes } from '../../support/mesh.ts';
import { nmc, temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { seeded } from '../networked.ts';
import { chain } from '../simulated.ts';

function storedRun(parts: readonly (readonly string[])[], phase: Phase = 'preparing'): StoredRun {
  const manifests = parts.map((p, i) => ({ calls: 10 * (i + 1), parts: p, totals: {}, milliseconds: 1 }));
  const rows = manifests.map(({ calls }) => ({
    ...{ epoch: calls / 10, energy: 1, energyByNode: {}, accuracy: null, seconds: 1, samplesPerSecond: 1 },
  }));
  return {
    ...{ deployment: chain(2, 10, 9, 10), hash: '0'.repeat(64), phase, term: 3, owners: ['a', 'b'], instances: {} },
    ...{ manifests, rows, checks: [], reason: '', created: 0, manifestAt: 5, ...UNTROUBLED },
  };
}

describe('the synchronizer', () => {
  const two = [
    ['p', 'q'],
    ['r', 's'],
  ];
  const run = (phase: Phase, parts = two): RunState => runFrom(storedRun(parts, phase), 0);

  test('goes on from the manifest before a damaged one, or from the beginning, and says so', () => {
    const first = withoutManifest(run('preparing'), 20);
    expect(first?.run.manifests.map((m) => m.calls)).toEqual([10]);
    expect(first?.run.rows.map((r) => r.epoch)).toEqual([1]);
    expect(first?.reason).toContain('goes on from call 10');
    const second = first && withoutManifest(first.run, 10);
    expect(second?.run).toMatchObject({ manifests: [], rows: [] });
    expect(second?.run.manifestAt).toBeUndefined();
    expect(second?.reason).toContain('its beginning');
    expect(second && withoutManifest(second.run, 10)).toBeUndefined();
  });

  test('assigns shards again where one needs what was lost, and lets other runs compute on', () => {
    const stepped = (phase: Phase) =>
      synchronizer(
        { ...emptySynchronizer(0), runs: { 'chain-1': run(phase) } },
        { kind: 'manifest-damaged', run: 'chain-1', calls: 20 },
        1,
      );
    for (const phase of ['preparing', 'done'] as const)
      expect(stepped(phase).state.runs['chain-1']).toMatchObject({ phase: 'waiting', term: 4 });
    expect(stepped('running').state.runs['chain-1']).toMatchObject({ phase: 'running', term: 3 });
    expect(stepped('stopped').state.runs['chain-1']).toMatchObject({ phase: 'stopped', term: 3 });
    const kinds = stepped('running').effects.map((e) => e.kind);
    expect(kinds).toEqual(['persist', 'log']);
  });
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

const blobPath = (backplane: string, hash: string): string => join(backplane, 'blobs', hash.slice(0, 2), hash);

test('a synchronizer checks at its start what active runs go on from, and a blob before it sends it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-damaged-'));
  afterAll(() => removeFolder(folder));
  const before = embeddedBackplane(folder);
  const parts = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => before.putBlob(new Uint8Array(400_000).fill(n))));
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = parts;
  const stored = storedRun(
    [
      [a, b],
      [c, d],
      [e, f],
    ],
    'running',
  );
  await before.put('run/chain-1', JSON.stringify(stored), 0);
  await before.close();
  flip(blobPath(folder, f));

  const operator = keyPairFromSeed(seeded(1));
  const events: Readonly<Record<string, unknown>>[] = [];
  const node = await SynchronizerNode.open({
    ...{ keys: keyPairFromSeed(seeded(9)), backplane: embeddedBackplane(folder), host: '127.0.0.1', port: 0 },
    ...{ operator: keyText(operator.publicKey), onShutdown: () => undefined, log: (event) => events.push(event) },
  });
  const calls = (): number[] | undefined => node.state.runs['chain-1']?.manifests.map((m) => m.calls);
  expect(calls()).toEqual([10, 20]);
  const address = { host: '127.0.0.1', port: node.port, secure: false };
  const link = await dial({ address, role: 'operator', keys: operator });
  flip(blobPath(folder, c));
  await expect(link.getBlob(c, 400_000)).rejects.toMatchObject({ code: 'mesh/blob-damaged' });
  await expect.poll(calls).toEqual([10]);
  rmSync(blobPath(folder, a));
  await expect(link.getBlob(a, 400_000)).rejects.toThrow('there is no blob');
  await expect.poll(calls).toEqual([]);
  const said = events.filter((event) => event.event === 'manifest-damaged').map((event) => event.message);
  expect(said).toEqual([
    'the snapshot of call 30 is damaged: the run goes on from call 20',
    'the snapshot of call 20 is damaged: the run goes on from call 10',
    'the snapshot of call 10 is damaged: the run goes on from its beginning',
  ]);
  link.close();
  await node.close();
});

test('a record of a run that cannot be read is set aside and named, and the other runs go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-damaged-'));
  afterAll(() => removeFolder(folder));
  const before = embeddedBackplane(folder);
  const blob = await before.putBlob(new Uint8Array(1000));
  await before.put('run/chain-1', JSON.stringify(storedRun([], 'stopped')), 0);
  await before.put('run/torn', '{"deployment":', 0);
  await before.put('run/other', '{"phase":"dancing"}', 0);
  await before.close();
  const operator = keyPairFromSeed(seeded(1));
  // Twice: what was set aside is still named after a restart.
  for (const damaged of [['run/other', 'run/torn'], []]) {
    const events: Readonly<Record<string, unknown>>[] = [];
    const node = await SynchronizerNode.open({
      ...{ keys: keyPairFromSeed(seeded(9)), backplane: embeddedBackplane(folder), host: '127.0.0.1', port: 0 },
      ...{ operator: keyText(operator.publicKey), onShutdown: () => undefined, log: (event) => events.push(event) },
    });
    expect(Object.keys(node.state.runs)).toEqual(['chain-1']);
    const told = events.filter((e) => e.event === 'run-damaged').map((e) => e.key);
    expect(told.sort()).toEqual(damaged);
    const address = { host: '127.0.0.1', port: node.port, secure: false };
    const link = await dial({ address, role: 'operator', keys: operator });
    expect([...((await askStatus(link)).damaged ?? [])].sort()).toEqual(['other', 'torn']);
    link.close();
    await node.close();
  }
  const after = embeddedBackplane(folder);
  expect((await after.get('damaged/run/torn'))?.value).toBe('{"deployment":');
  expect(await after.hasBlob(blob)).toBe(true);
  await after.close();
});

test('a plan that is lost, is not a plan or has no program is reported, and stops no synchronizer', async () => {
  const keys = keyPairFromSeed(seeded(3));
  const deployment = { ...chain(2, 10, 9, 10), plan: [{ path: 'plan.json', blob: 'a'.repeat(64), bytes: 1 }] };
  const place = { run: deployment.run, term: 1, shard: 0, calls: 10 };
  const said = signPart(place, { blob: 'b'.repeat(64), hash: 'c'.repeat(64), totals: {} }, keys);
  for (const text of [undefined, 'no JSON', '{}', '{"shards":[{"program":"0.txt"}]}']) {
    const verifier = new PartVerifier({
      getBlob: async () => (text === undefined ? undefined : new TextEncoder().encode(text)),
      readBlob: async () => undefined,
    });
    expect(await verifier.problemOf(deployment, { ...place, ...said }, keyText(keys.publicKey))).toBe('plan');
  }
});

describe('a run with real trainers', () => {
  const folder = temporaryFolder();
  const mesh = new TestMesh(folder);
  afterAll(() => mesh.kill());

  test('ends with the weights that it would have had without the damage', async () => {
    const model = writeTiny(folder, { epochs: 2 });
    const size = ['--limit', '160', '--epochs', '16'];
    const alone = nmc(['train', model, ...size, '--shards', '2', '--out', 'local', '--json'], { cwd: folder });
    await mesh.start(1);
    const [first] = await mesh.json('deploy', model, ...size, '--partition', '2', '--snapshot-every', '5');
    const run = String(first?.run);
    const found = async () => (await mesh.status()).runs.find((r) => r.run === run);
    await expect.poll(async () => (await found())?.snapshot ?? 0, { timeout: 30_000 }).toBeGreaterThan(5);
    await mesh.stop();
    const state = join(folder, 'state', 'backplane');
    const backplane = embeddedBackplane(state);
    const { manifests, phase } = JSON.parse((await backplane.get(`run/${run}`))?.value ?? '{}') as StoredRun;
    await backplane.close();
    expect([phase, manifests.length]).toEqual(['suspended', 2]);
    flip(blobPath(state, manifests[1]?.parts[1] ?? ''));
    await mesh.start(1);
    await expect.poll(async () => (await found())?.state, { timeout: 40_000 }).toBe('done');
    const log = await mesh.json('logs', run);
    expect(log).toContainEqual(expect.objectContaining({ event: 'manifest-damaged', calls: manifests[1]?.calls }));
    await mesh.json('fetch', run, '-o', 'fetched');
    const [dry] = await mesh.json('mesh', 'gc', '--dry-run');
    expect(dry).toMatchObject({ event: 'gc', dryRun: true, removed: { blobs: 0 } });
    await alone;
    expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'local')));
    await mesh.stop();
    // Thirty snapshots of two parts were made: those that no manifest names are gone, but for what a stop has cut off.
    const after = embeddedBackplane(state);
    const named = new Set(blobsOfRun(JSON.parse((await after.get(`run/${run}`))?.value ?? '{}') as StoredRun));
    const left = (await after.listBlobs()).map((b) => b.hash).filter((hash) => !named.has(hash));
    await after.close();
    const records = left.filter((hash) => readFileSync(blobPath(state, hash)).subarray(0, MAGIC.length).equals(MAGIC));
    expect(left.length - records.length).toBeLessThan(6);
    // So are records whose audits are over: there is one audit at a time, of two shards, and there were two stops.
    expect(records.length).toBeLessThan(5);
  }, 120_000);
});
