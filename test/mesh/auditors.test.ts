/** Trainers do stretches of each other again: who leaves out work is found by another one, and so is who says what is not so. */
import { describe, expect, test, vi } from 'vitest';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { Repeated } from '../../runtime/roles/auditor.ts';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import type { AuditOrder } from '../../runtime/wire/audit-messages.ts';
import { lazyDevice } from '../support/lazy-device.ts';
import { planOf, points } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

const PLAN = planOf(3, 0);
const WRONG: Repeated = { outputs: 'f'.repeat(64) };
type Asked = { readonly auditor: number; readonly order: AuditOrder };

/** Five trainers, three of which have a shard; one epoch of seven batches in stretches of two, all of them audited by trainers. */
async function audited(
  says: (auditor: number, found: Repeated, order: AuditOrder) => Repeated,
  more: Partial<HostedOptions> = {},
): Promise<HostedResult & { readonly asked: readonly Asked[] }> {
  const folder = makeTemporaryFolder('nmc-auditors-');
  const asked: Asked[] = [];
  try {
    const result = await trainHosted({
      ...{ plan: PLAN, train: points, checks: [points], trainers: 5, epochs: 1, seed: 1, snapshotEvery: 100 },
      ...{ stretches: { batches: 2, bytes: 2 ** 30, keep: 2 ** 30 }, records: folder },
      ...{ audits: true, limits: { auditRate: 1, givenAudits: 1 } },
      auditing: (auditor, found, order) => {
        asked.push({ auditor, order });
        return says(auditor, found, order);
      },
      ...more,
    });
    return { ...result, asked };
  } finally {
    removeAll(folder);
  }
}

const events = ({ log }: HostedResult, name: string) => log.filter(({ event }) => event === name);

test('honest trainers find each other right, never a neighbour, never the same pair twice in a row', async () => {
  const result = await audited((_auditor, found) => found);
  const audits = events(result, 'audit');
  expect(new Set(audits.map(({ verdict }) => verdict))).toEqual(new Set(['match']));
  const given = audits.filter(({ by }) => by !== undefined);
  // Two are without a shard, and one at either end is no neighbour of the other end: there is always somebody.
  expect(given.length).toBe(audits.length);
  expect(result.asked.length).toBe(audits.length);
  const owners = events(result, 'epoch-of-owners')[0]?.owners as string[];
  for (const { shards, by } of given) {
    const [shard = 0] = shards as number[];
    expect([shard - 1, shard, shard + 1].map((near) => owners[near])).not.toContain(by);
  }
  for (const owner of owners) {
    const own = given.filter(({ trainer }) => trainer === owner);
    const pairs = own.sort((a, b) => Number(a.from) - Number(b.from)).map(({ by }) => by);
    for (const [i, by] of pairs.entries()) if (i > 0) expect(by).not.toBe(pairs[i - 1]);
  }
  expect(result.revoked).toEqual([]);
});

test('a trainer that leaves out work is found by others, and no honest one is', async () => {
  const result = await audited((_auditor, found) => found, {
    device: (trainer) => (trainer === 1 ? lazyDevice('skips', 2) : referenceDevice),
  });
  const wrong = result.verdicts.filter(({ verdict }) => verdict === 'mismatch').map(({ trainer }) => trainer);
  const lazy = events(result, 'audit').find(({ trainer }) => trainer === 'node-1')?.key;
  expect(new Set(wrong)).toEqual(new Set([lazy]));
  expect(events(result, 'audit').find(({ verdict }) => verdict === 'mismatch')?.by).toMatch(/^node-/);
  // What it does again itself comes out otherwise, too.
  expect(events(result, 'false-audit').every(({ trainer }) => trainer === 'node-1')).toBe(true);
});

describe('an auditor', () => {
  test('that finds all wrong pays for it as a cheat does, and the audited do not', async () => {
    const result = await audited((auditor, found) => (auditor === 4 ? WRONG : found));
    const [first] = events(result, 'false-audit');
    expect(first).toMatchObject({ trainer: 'node-4', said: 'mismatch' });
    expect(events(result, 'audit').filter(({ verdict }) => verdict !== 'match')).toEqual([]);
    // It is not asked again behind the first one; the second excludes it where two were under way.
    expect(
      new Set(result.verdicts.filter(({ verdict }) => verdict === 'mismatch').map(({ trainer }) => trainer)),
    ).toEqual(new Set([first?.key]));
    expect(result.revoked.every((key) => key === first?.key)).toBe(true);
  });

  test('that computes nothing cannot say that all is right: it was told nothing of what came out', async () => {
    const result = await audited((auditor, found) => (auditor === 3 ? { outputs: '0'.repeat(64) } : found));
    expect(events(result, 'false-audit')[0]).toMatchObject({ trainer: 'node-3', said: 'mismatch' });
    expect(JSON.stringify(result.asked[0]?.order)).not.toContain(events(result, 'audit')[0]?.key);
  });
});
