/** A trainer of a real mesh that lies in each run in another way: all of them end with the weights of an honest one. */
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { BlobCache } from '../../../runtime/backplane/blob-cache.ts';
import { parseInvite } from '../../../runtime/cli/mesh/invite-argument.ts';
import { openShardPlan } from '../../../runtime/cli/mesh/open-shard-plan.ts';
import { packageVersion } from '../../../runtime/cli/shell/package-root.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { ShardHost } from '../../../runtime/net/shard-host.ts';
import { TrainerNode } from '../../../runtime/net/trainer-node.ts';
import type { StoredRun } from '../../../runtime/roles/synchronizer-state.ts';
import type { SavedPart } from '../../../runtime/roles/trainer-state.ts';
import { signPart } from '../../../runtime/wire/part.ts';
import { TestMesh } from '../../support/mesh.ts';
import { jsonLines, temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { seeded } from '../networked.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 1 });
const mesh = new TestMesh(folder);
const keys = keyPairFromSeed(seeded(77));
const liar = keyText(keys.publicKey);
let node: TrainerNode | undefined;

afterAll(() => {
  node?.stop();
  mesh.kill();
});

type Lie = (part: SavedPart) => Pick<SavedPart, 'blob' | 'hash' | 'totals'>;

/** Lies in place of the truth, and what they are found out to be. */
const LIES: readonly (readonly [Lie, string])[] = [
  [(part) => ({ ...part, hash: 'a'.repeat(64) }), 'part/commitment'],
  [(part) => ({ ...part, blob: 'b'.repeat(64) }), 'part/blob'],
  [(part) => ({ ...part, totals: { ...part.totals, 'count.99': 1e6 } }), 'totals/name'],
];

/** In the first run it sees it lies in the first way, and so on. */
function lie(): void {
  const seen: string[] = [];
  const save = ShardHost.prototype.save;
  vi.spyOn(ShardHost.prototype, 'save').mockImplementation(async function (this: ShardHost, calls, last, taken) {
    const { run } = this.deployment;
    if (!seen.includes(run)) seen.push(run);
    const part = await save.call(this, calls, last, taken);
    const bent = LIES[seen.indexOf(run)]?.[0](part);
    if (!bent) throw Object.assign(new Error('so it says'), { code: 'x/y' });
    const { blob, hash, totals } = bent;
    return signPart({ run, term: this.term, shard: this.shard, calls }, { blob, hash, totals }, keys);
  });
}

async function joinMesh(): Promise<void> {
  const address = parseAddress(mesh.up.address);
  const [honest] = (await mesh.status()).trainers;
  if (!honest) throw new Error('nobody is there');
  node = new TrainerNode({
    address,
    keys,
    invite: parseInvite(mesh.up.invite),
    name: honest.name,
    version: packageVersion(),
    // As able as the other: each gets a shard.
    capability: honest.capability,
    mostMemory: 1e9,
    device: cpuDevice,
    cache: new BlobCache(join(folder, 'liar-blobs')),
    openPlan: openShardPlan(cpuDevice),
    log: () => undefined,
  });
  node.run().catch(() => undefined);
  const names = async (): Promise<string[]> => (await mesh.status()).trainers.map((t) => t.name).sort();
  await expect.poll(names, { timeout: 30_000 }).toEqual(['trainer-1', 'trainer-1-2']);
}

/** Its run, when it is done. */
async function deployed(): Promise<string> {
  const asked = ['--limit', '64', '--partition', '2', '--snapshot-every', '2', '--watch', '--json'];
  const outcome = await mesh.run('deploy', model, ...asked);
  expect([0, 1], outcome.stdout + outcome.stderr).toContain(outcome.code);
  return String(jsonLines(outcome).at(-1)?.out);
}

const runOf = (run: string): Promise<StoredRun> => mesh.ask({ what: 'run', run }) as Promise<StoredRun>;

async function logOf(run: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const answer = await mesh.ask({ what: 'logs', run, from: 1 });
  return (answer as { readonly records: readonly Readonly<Record<string, unknown>>[] }).records;
}

test('each run ends with honest weights and its check, and names the trainers that lied', async () => {
  await mesh.start(1);
  const honest = await runOf(await deployed());
  expect(honest).toMatchObject({ phase: 'done', checked: 'recomputed' });
  lie();
  await joinMesh();
  const runs = await Promise.all([...LIES, undefined].map(() => deployed()));
  const found: string[] = [];
  for (const name of runs) {
    const run = await runOf(name);
    expect(run).toMatchObject({ phase: 'done', checked: 'recomputed', checks: honest.checks });
    expect(run.manifests.at(-1)?.parts).toEqual(honest.manifests.at(-1)?.parts);
    const log = await logOf(name);
    const [against] = log.filter((e) => e.event === 'liar' || e.event === 'fault');
    expect(against).toMatchObject({ key: liar, trainer: 'trainer-1-2' });
    if (against?.event === 'liar') expect(against.evidence).not.toBe('');
    found.push(String(against?.what ?? against?.code));
  }
  expect(found.sort()).toEqual([...LIES.map(([, what]) => what), 'x/y'].sort());
  // Gone through again, the log comes out the same.
  const replayed = await mesh.json('logs', runs[0] ?? '', '--replay');
  expect(replayed.at(-1)).toMatchObject({ event: 'replayed', differences: 0, state: { phase: 'done' } });
}, 120_000);
