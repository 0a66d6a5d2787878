/** Frames that are far larger than any before: neighbours hold them to a bound, and who does it again gets the same. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { openRecord } from '../../runtime/net/records/read-record.ts';
import { makeTemporaryFolder, removeAll } from '../../runtime/support/safe-files.ts';
import type { HeldBorder } from '../../runtime/wire/held-border.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { lazyDevice } from '../support/lazy-device.ts';
import { planOf, points } from './chain-model.ts';
import { trainHosted } from './hosted.ts';
import type { HostedOptions, HostedResult } from './hosted-options.ts';
import { seeded } from './networked.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = makeTemporaryFolder('nmc-held-');
afterAll(() => removeAll(folder));
let runs = 0;

const PLAN = planOf(3, 0, 1);
/** Two epochs of seven batches, each a stretch. */
const USUAL = {
  ...{ plan: PLAN, train: points, checks: [points], trainers: 4, epochs: 2, snapshotEvery: 5, seed: 1 },
  audits: true,
  stretches: { batches: 1, bytes: 2 ** 30, keep: 2 ** 30 },
} as const;
const keyOf = (trainer: number) => keyText(keyPairFromSeed(seeded(50 + trainer)).publicKey);
const BAD = 1;

interface Held extends HostedResult {
  /** Of each record: what it says of frames that came. */
  readonly held: readonly { readonly trainer: number; readonly held: readonly HeldBorder[] }[];
}

async function trained(options: Partial<HostedOptions>): Promise<Held> {
  const records = join(folder, String(runs++)) as typeof folder;
  const result = await trainHosted({ ...USUAL, records, ...options });
  const files = readdirSync(records, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rec'));
  const held = files.map((name) => {
    const record = openRecord(join(records, name));
    record.close();
    return { trainer: Number(name.split('/')[0]), held: record.end.held ?? [] };
  });
  return { ...result, held };
}

const LIMITS = { auditRate: 1 };

test('an honest run has the same bits with bounds as without them', async () => {
  const [bounded, free] = [await trained({ epochs: 1, bounded: true }), await trained({ epochs: 1 })];
  expect([...bounded.states]).toEqual([...free.states]);
  expect(free.held.every(({ held }) => held.length === 0)).toBe(true);
  const all = bounded.held.flatMap(({ held }) => held);
  expect(all.filter(({ bound }) => bound).length).toBeGreaterThan(all.length / 5);
  for (const { clipped, largest, bound } of all) {
    expect(clipped).toBe(0);
    expect(largest).toBeLessThan((bound?.largest ?? Number.POSITIVE_INFINITY) / 2);
  }
  expect(Object.values(bounded.watch?.learnt ?? {}).map(({ whole }) => whole)).toEqual([true, true, true]);
});

test('frames that are a thousand times too large are clipped, and no honest neighbour is punished for it', async () => {
  const device = (trainer: number) => (trainer === BAD ? lazyDevice('blows', 6) : referenceDevice);
  const run = await trained({ device, limits: LIMITS, bounded: true });
  const clipped = run.held.filter(({ held }) => held.some((one) => one.clipped > 0));
  expect(clipped.length).toBeGreaterThan(1);
  for (const { held } of clipped)
    for (const { largest, bound } of held) expect(largest).toBeLessThanOrEqual(bound?.largest ?? largest);
  expect(run.run).toMatchObject({ phase: 'done', excluded: [keyOf(BAD)] });
  expect(run.watch?.keys[keyOf(BAD)]).toMatchObject({ suspicion: 1, why: expect.stringContaining('were clipped') });
  for (const { trainer, verdict } of run.verdicts)
    if (trainer !== keyOf(BAD)) expect(['match', 'inconclusive']).toContain(verdict);
});

test('a shard that holds honest frames to less than its seals allow loses its place', async () => {
  const lie = (message: Message, { trainer }: { readonly trainer: number }): readonly Message[] | undefined => {
    if (message.type !== 'sealed' || trainer !== BAD) return undefined;
    const less = (one: HeldBorder): HeldBorder =>
      one.bound ? { ...one, bound: { largest: one.bound.largest / 2, rms: one.bound.rms } } : one;
    return [{ ...message, seals: message.seals.map((s) => (s.held ? { ...s, held: s.held.map(less) } : s)) }];
  };
  const run = await trained({ lie, limits: LIMITS, bounded: true });
  expect(run.verdicts.find(({ trainer }) => trainer === keyOf(BAD))?.verdict).toBe('match');
  expect(run.run).toMatchObject({ excluded: [keyOf(BAD)] });
});
