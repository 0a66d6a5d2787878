/**
 * A trainer gets the columns and the weights of its own shards, on real sockets, and brings nothing but their parts.
 */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { verifyForeign } from '../../../runtime/cli/planning/verify-foreign.ts';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { type MadeDeployment, makeDeployment } from '../../../runtime/net/make-deployment.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { planInMemory } from '../../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../../runtime/plan/verify-plan.ts';
import { HEARTBEAT_MS } from '../../../runtime/roles/liveness.ts';
import { type StoredRun, UNTROUBLED } from '../../../runtime/roles/synchronizer-state.ts';
import { canonicalBytes } from '../../../runtime/wire/canonical.ts';
import type { DataRef } from '../../../runtime/wire/deployment.ts';
import type { Role } from '../../../runtime/wire/handshake.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { seeded } from '../networked.ts';

const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model pair {
  sense x: f32[6]
  node  h: f32[5] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h = links.dense(after = tanh)
  link h -> y = links.dense()
}

train il of pair on data.file("points.npz", x = f32[6], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = 4, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = 4
  epochs    = 1
}

predict answer of pair {
  clamp x = input.x
  read y = y
}

check error(answer.y, data.file("tests.npz", x = f32[6], y = f32[2]).y) <= 100
`;

const ROWS = 8;
const keys = (n: number): KeyPair => keyPairFromSeed(seeded(n));
const textOf = (n: number): string => keyText(keys(n).publicKey);
const [OPERATOR, FIRST, SECOND, IDLE] = [1, 2, 3, 4];
/** Parts of the two shards, and something that no run names. */
const [PART_OF_FIRST, PART_OF_SECOND, UNNAMED] = [10, 11, 12].map(seeded) as [Uint8Array, Uint8Array, Uint8Array];
const hashOf = (bytes: Uint8Array): string => hex(sha256(bytes));
const folder = mkdtempSync(join(tmpdir(), 'nmc-columns-'));
const { deployment, blobs } = made();
const record = canonicalBytes(deployment);
let node: SynchronizerNode;
const links: Link[] = [];
const beats: NodeJS.Timeout[] = [];

beforeAll(async () => {
  const backplane = embeddedBackplane(folder);
  for (const bytes of [...blobs.values(), record, PART_OF_FIRST, PART_OF_SECOND, UNNAMED])
    await backplane.putBlob(bytes);
  const stored: StoredRun = {
    deployment,
    hash: hashOf(record),
    phase: 'running',
    term: 3,
    owners: [textOf(FIRST), textOf(SECOND)],
    instances: { [textOf(FIRST)]: '2'.repeat(16), [textOf(SECOND)]: '3'.repeat(16) },
    manifests: [{ calls: 1, parts: [PART_OF_FIRST, PART_OF_SECOND].map(hashOf), totals: {}, milliseconds: 1 }],
    rows: [],
    checks: [],
    reason: '',
    created: 1,
    ...UNTROUBLED,
  };
  await backplane.put(`run/${deployment.run}`, JSON.stringify(stored), 0);
  node = await SynchronizerNode.open({
    keys: keys(9),
    backplane,
    host: '127.0.0.1',
    port: 0,
    operator: textOf(OPERATOR),
    log: () => undefined,
    onShutdown: () => undefined,
  });
  for (const n of [FIRST, SECOND, IDLE]) await node.allow(textOf(n), 'trainer');
});
afterAll(async () => {
  for (const beat of beats) clearInterval(beat);
  for (const link of links) link.close();
  await node.close();
  removeFolder(folder);
});

function made(): MadeDeployment {
  const all = checked(MODEL);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  const { plan, files } = builtPlan(staged, { shards: 2 });
  const column = (name: string, size: number, from: number) => ({
    field: { name, type: 'f32' as const, shape: [size] },
    data: Float32Array.from({ length: ROWS * size }, (_, i) => from + i),
  });
  const points = memoryDataset('points', 'drawn', [column('x', 6, 0), column('y', 2, 100)]);
  const tests = memoryDataset('tests', 'drawn', [column('x', 6, 200), column('y', 2, 300)]);
  const source = { path: '', text: '', compiler: '' };
  if (!plan.training) throw new Error('it has no training');
  return makeDeployment({
    verified: verifyPlan(planInMemory('it', new Map([['plan.json', planBytes(plan)], ...files])), verifyForeign),
    training: plan.training,
    data: { train: points, checks: [tests] },
    statistics: new Map([['x', { mean: Float32Array.of(1, 2, 3, 4, 5, 6), scale: 1 }]]),
    epochs: 1,
    seed: 1,
    snapshotEvery: 1,
    codec: 'f32',
    source,
  });
}

/** Of a trainer that has come back to its shards. */
async function connect(n: number, role: Role = 'trainer'): Promise<Link> {
  const address = { host: '127.0.0.1', port: node.port, secure: false };
  const told: Message[] = [];
  const link = await dial({ address, role, keys: keys(n), onMessage: (message) => told.push(message) });
  links.push(link);
  if (role !== 'trainer') return link;
  const capability = { cores: 1, memory: 1e12, rate: 1e9, upload: 0, download: 0, machine: 'm' };
  link.send({ type: 'member', name: `trainer-${n}`, instance: String(n).repeat(16), capability });
  beats.push(setInterval(() => link.send({ type: 'heartbeat', shards: [], refused: 0 }), HEARTBEAT_MS));
  await expect.poll(() => told.map((m) => m.type), { timeout: 10_000 }).toContain('admitted');
  return link;
}

function columnOf(data: DataRef | undefined, name: string): string {
  return data?.columns.find((c) => c.name === name)?.blobs[0]?.blob ?? '';
}

/** Which of these it gets; every other one is forbidden. */
async function gets(link: Link, wanted: Readonly<Record<string, string>>): Promise<string[]> {
  const got: string[] = [];
  for (const [name, blob] of Object.entries(wanted))
    await link.getBlob(blob, 2 ** 20).then(
      () => got.push(name),
      (error: unknown) => expect(error, name).toMatchObject({ code: 'mesh/forbidden' }),
    );
  return got;
}

const { train, checks, plan, statistics } = deployment;
const ALL = {
  record: hashOf(record),
  plan: plan[0]?.blob ?? '',
  'last file': plan.at(-1)?.blob ?? '',
  mean: statistics[0]?.mean.blob ?? '',
  'train x': columnOf(train, 'x'),
  'train y': columnOf(train, 'y'),
  'check x': columnOf(checks[0], 'x'),
  'check y': columnOf(checks[0], 'y'),
  'part 0': hashOf(PART_OF_FIRST),
  'part 1': hashOf(PART_OF_SECOND),
  unnamed: hashOf(UNNAMED),
};
const COMMON = ['record', 'plan', 'last file', 'mean'];
/** By shard, which half of the data it reads. */
const OWN = deployment.needs.map(({ reads }, shard) => [
  ...COMMON,
  ...(reads?.train ?? []).map((name) => `train ${name}`),
  ...(reads?.checks[0] ?? []).map((name) => `check ${name}`),
  `part ${shard}`,
]);

describe('the columns of a run on two trainers', () => {
  test('reach each trainer as its shards name them, an idle trainer not at all, and an operator whole', async () => {
    // The two halves have no column in common: the test would show nothing otherwise.
    const columns = OWN.map((names) => names.filter((n) => n.startsWith('train')).join());
    expect(columns.sort()).toEqual(['train x', 'train y']);
    const everything = await gets(await connect(OPERATOR, 'operator'), ALL);
    expect(everything).toEqual(Object.keys(ALL));
    expect((await gets(await connect(FIRST), ALL)).sort()).toEqual([...(OWN[0] ?? [])].sort());
    expect((await gets(await connect(SECOND), ALL)).sort()).toEqual([...(OWN[1] ?? [])].sort());
    const idle = await connect(IDLE);
    expect(await gets(idle, { ...ALL, 'not there': '0'.repeat(64) })).toEqual([]);
    // As a viewer a trainer sees no more.
    expect(await gets(await connect(FIRST, 'viewer'), ALL)).toEqual([]);
  });

  test('are never searched for by trainers, which bring only what can be a part of their shards', async () => {
    const [first, idle] = [await connect(FIRST), await connect(IDLE)];
    const forbidden = { code: 'mesh/forbidden' };
    for (const link of [first, idle])
      await expect(link.ask({ what: 'missing', blobs: [ALL['part 1']] })).rejects.toMatchObject(forbidden);
    const bytes = Uint8Array.of(1, 2, 3);
    await expect(idle.putBlob(hashOf(bytes), bytes)).rejects.toMatchObject(forbidden);
    const large = { what: 'put', blob: '1'.repeat(64), bytes: 64 * 2 ** 20 } as const;
    await expect(first.ask(large)).rejects.toMatchObject(forbidden);
    await first.putBlob(hashOf(bytes), bytes);
    // It is kept, and not its to read: no manifest names it.
    expect(await gets(first, { bytes: hashOf(bytes) })).toEqual([]);
  });

  test('reach a trainer that takes over a shard, and no longer the one that lost it', async () => {
    const second = await connect(SECOND);
    const operator = await connect(OPERATOR, 'operator');
    await operator.ask({ what: 'revoke', key: textOf(IDLE) });
    await operator.ask({ what: 'revoke', key: textOf(FIRST) });
    expect((await gets(second, ALL)).sort()).toEqual([...new Set(OWN.flat())].sort());
  });
});
