/** Stretches that trainers do again for each other, over real sockets: what an auditor is given it may get, and no more. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { BlobFiles } from '../../../runtime/backplane/blob-files.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { verifyForeign } from '../../../runtime/cli/planning/verify-foreign.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { ask } from '../../../runtime/net/ask.ts';
import { cutRecords } from '../../../runtime/net/audit-records.ts';
import type { AuditAnswer } from '../../../runtime/net/auditor.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { OpenedPlan } from '../../../runtime/net/fetch-plan.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { makeDeployment } from '../../../runtime/net/make-deployment.ts';
import { RecordStore } from '../../../runtime/net/records/record-store.ts';
import { piecesOf } from '../../../runtime/net/send-blob.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { TrainerNode } from '../../../runtime/net/trainer-node.ts';
import { planInMemory } from '../../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../../runtime/plan/verify-plan.ts';
import { LIMITS, type Limits } from '../../../runtime/roles/limits.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { planOf, points } from '../chain-model.ts';
import { seeded } from '../networked.ts';

const [MESH, OPERATOR, FIRST, TRAINERS] = [9, 1, 60, 5];
const keys = (n: number): KeyPair => keyPairFromSeed(seeded(n));
const textOf = (n: number): string => keyText(keys(n).publicKey);
const folder = mkdtempSync(join(tmpdir(), 'nmc-auditing-'));
const plan = planOf(3, 0);
const limits = LIMITS as { -readonly [name in keyof Limits]: Limits[name] };
const before = { ...LIMITS };
const nodes: TrainerNode[] = [];
const ended: Promise<unknown>[] = [];
/** Audits that the synchronizer's own machine was asked to do. */
const own: number[] = [];
let mesh: SynchronizerNode;
let link: Link;

beforeAll(async () => {
  Object.assign(limits, { auditRate: 1, givenAudits: 1 });
  const blobs = join(folder, 'mesh', 'blobs');
  mesh = await SynchronizerNode.open({
    ...{ keys: keys(MESH), backplane: embeddedBackplane(join(folder, 'mesh')), host: '127.0.0.1', port: 0 },
    operator: textOf(OPERATOR),
    checker: {
      prepare: () => undefined,
      check: async () => ({ problem: 'nothing is computed here' }),
      close: async () => undefined,
      audit: async ({ from }): Promise<AuditAnswer> => {
        own.push(from);
        return { verdict: 'match', exact: true };
      },
      cut: (request) => cutRecords(request, { pathOf: (hash) => join(blobs, hash.slice(0, 2), hash) }),
    },
    log: () => undefined,
    onShutdown: () => undefined,
  });
  const address = { host: '127.0.0.1', port: mesh.port, secure: false };
  for (let i = 0; i < TRAINERS; i++) {
    await mesh.allow(textOf(FIRST + i), 'trainer');
    const node = new TrainerNode({
      ...{ address, keys: keys(FIRST + i), name: `node-${i}`, version: 'test', device: referenceDevice },
      capability: { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: `machine-${i}` },
      cache: new BlobFiles(join(folder, `cache-${i}`), false),
      records: new RecordStore(ownPath(folder, `records-${i}`)),
      openPlan,
      log: () => undefined,
    });
    nodes.push(node);
    ended.push(node.run());
  }
  link = await dial({ address, role: 'operator', keys: keys(OPERATOR) });
  const members = () => Object.values(mesh.state.members);
  await waitFor(
    'all trainers',
    async () => members().filter((m) => m.auditor !== undefined).length === TRAINERS || undefined,
  );
});

afterAll(async () => {
  Object.assign(limits, before);
  for (const node of nodes) node.stop();
  await Promise.all(ended);
  link.close();
  await mesh.close();
  removeFolder(folder);
});

async function openPlan(_files: ReadonlyMap<string, Uint8Array>, shard: number): Promise<OpenedPlan> {
  const part = plan.shards?.[shard];
  if (!part) throw new Error(`no shard ${shard}`);
  const { schedule, program } = part;
  return { schedule, states: program.states, memory: 0, lower: async () => ({ program, files: new Map() }) };
}

test('a stretch goes to a trainer without a shard, which gets what it needs by its ticket, and says what came out', async () => {
  if (!plan.plan.training) throw new Error('nothing is trained');
  const files = new Map([['plan.json', planBytes(plan.plan)] as const, ...plan.files]);
  const { deployment, blobs } = makeDeployment({
    ...{ verified: verifyPlan(planInMemory('it', files), verifyForeign), training: plan.plan.training },
    ...{ data: { train: points, checks: [points] }, statistics: new Map(), epochs: 1, seed: 1, snapshotEvery: 100 },
    ...{ codec: 'f32', source: { path: '', text: '', compiler: '' } },
    stretches: { batches: 2, bytes: 2 ** 30, keep: 2 ** 30 },
  });
  for (const [hash, bytes] of blobs) await link.putBlob(hash, () => piecesOf(bytes));
  const { run } = await ask(link, { what: 'deploy', deployment });
  const audits = await waitFor('all audits', async () => {
    const { records } = await ask(link, { what: 'logs', run, from: 1 });
    const all = records.filter((e) => (e as { event?: string }).event === 'audit') as unknown as Audited[];
    // Later ones find the trainers busy with these, and are done sooner; what binds the last ones may come behind the term.
    return all.filter(({ from }) => from < FIRST_CALLS).length >= FIRST_AUDITS ? all : undefined;
  });
  const owners = mesh.state.runs[run]?.audits?.terms[1]?.owners ?? [];
  const idle = nodes.map((_, i) => i).filter((i) => !owners.includes(textOf(FIRST + i)));
  expect(idle).toHaveLength(2);
  const by = audits.flatMap((audit) => audit.by ?? []);
  expect(by.length).toBeGreaterThan(0);
  for (const name of by) expect(idle.map((i) => `node-${i}`)).toContain(name);
  expect(new Set(audits.map(({ verdict }) => verdict))).toEqual(new Set(['match']));
  // All but those that are settled in any case were found right by the word of a trainer.
  expect(own.length).toBeLessThan(audits.length);
});

/** The first two stretches of two batches each, of three shards. */
const [FIRST_CALLS, FIRST_AUDITS] = [4, 6];

interface Audited {
  readonly from: number;
  readonly verdict: string;
  readonly by?: string;
}
