/** The status of a mesh of any size, in pages that each fit into a message. */
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { askStatus } from '../../runtime/net/ask-status.ts';
import type { GatewayCounters } from '../../runtime/net/gateway.ts';
import { meshStatus } from '../../runtime/net/mesh-status.ts';
import { statusPage } from '../../runtime/net/status-page.ts';
import { LIMITS } from '../../runtime/roles/limits.ts';
import { runFrom, type SynchronizerState, UNTROUBLED } from '../../runtime/roles/synchronizer-state.ts';
import { Envelopes, MAX_MESSAGE_BYTES } from '../../runtime/wire/envelope.ts';
import { seeded } from './networked.ts';
import { chain } from './simulated.ts';

const COUNTERS: GatewayCounters = { refused: { schema: 3 }, relayedBytes: 5, relayedPackets: 1, connections: 2 };
const LONG = 'ж'.repeat(300);

function stateOf(runs: number, shards: number, trainers: number): SynchronizerState {
  const capability = { cores: 1, memory: 1, rate: 1, upload: 0, download: 0, machine: 'ж'.repeat(100) };
  const members = Array.from({ length: trainers }, (_, i) => ({
    key: String(i).padStart(43, 'k'),
    name: `trainer-${i}`,
    instance: '0'.repeat(16),
    capability,
    connected: true,
    seen: 0,
    gap: 0,
    pulses: 0,
    draining: false,
    refused: 0,
  }));
  const all = Array.from({ length: runs }, (_, r) => {
    const deployment = { ...chain(shards, 1, 1, 1), run: `run-${r}` };
    const owners = deployment.needs.map((_n, i) => members[i % trainers]?.key ?? '');
    const stored = { deployment, hash: '', phase: 'running' as const, term: 1, owners, instances: {}, manifests: [] };
    const run = runFrom({ ...stored, rows: [], checks: [], reason: LONG, created: 0, ...UNTROUBLED }, 0);
    const report = { run: `run-${r}`, term: 1, state: 'waiting' as const, calls: 0, ticksPerSecond: 1, busy: 1 };
    const rest = { bytesSent: 1, bytesReceived: 1, reason: LONG, limit: LONG };
    return { ...run, reports: owners.map((_o, shard) => ({ ...report, ...rest, shard })) };
  });
  return {
    now: 1,
    tickAt: 1,
    members: Object.fromEntries(members.map((m) => [m.key, m])),
    runs: Object.fromEntries(all.map((run) => [run.deployment.run, run])),
    closing: false,
    limits: LIMITS,
  };
}

test.each([
  [0, 1, 0],
  [1, 2, 2],
  [3, 999, 1000],
  [400, 1, 3],
])(
  'every page fits a message, and together the pages are the whole status: %i runs of %i shards, %i trainers',
  async (...size) => {
    const state = stateOf(...size);
    const session = { id: new Uint8Array(32), role: 'viewer' as const, peer: seeded(1) };
    let pages = 0;
    const link = {
      ask: async (question: unknown) => {
        const page = statusPage(state, COUNTERS, (question as { from?: number }).from);
        const sealed = new Envelopes(session, keyPairFromSeed(seeded(2))).seal({ type: 'answer', id: 1, answer: page });
        expect(Buffer.byteLength(sealed)).toBeLessThan(MAX_MESSAGE_BYTES);
        pages++;
        return JSON.parse(JSON.stringify(page)) as unknown;
      },
    };
    expect(await askStatus(link)).toEqual(JSON.parse(JSON.stringify(meshStatus(state, COUNTERS))));
    expect(pages > 1).toBe(size[0] >= 3);
  },
);

test('parts that are left out of a page are counted', () => {
  const state = stateOf(2, 999, 10);
  const first = statusPage(state, COUNTERS);
  const told = first.runs.reduce((sum, run) => sum + 1 + run.shards.length, 0) + first.trainers.length;
  expect(told + first.more).toBe(2 * 1000 + 10);
  expect(first.next).toBe(told);
});

test('a mesh whose answer is not a status, or never ends, is refused', async () => {
  for (const answer of [null, 3, {}, { runs: [{}] }, { ...statusPage(stateOf(1, 1, 1), COUNTERS), trainers: 'all' }])
    await expect(askStatus({ ask: async () => answer })).rejects.toMatchObject({ code: 'mesh/answer' });
  let asked = 0;
  const endless = { ...statusPage(stateOf(1, 1, 1), COUNTERS), more: 1 };
  await askStatus({ ask: async () => ({ ...endless, next: ++asked }) });
  expect(asked).toBeLessThan(1000);
});
