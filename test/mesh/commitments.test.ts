/** Which states shards sign: those behind each stretch and those of snapshots, each of them before its part. */
import { expect, test, vi } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { stateHolds } from '../../runtime/wire/state-signature.ts';
import { planOf, points } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';
import { seeded } from './networked.ts';

vi.setConfig({ testTimeout: 60_000 });

interface Signed {
  readonly hash: string;
  readonly holds: boolean;
}

/** Two epochs of seven batches, each with an evaluation. @returns what each shard signed, by calls */
async function signed(options: Partial<HostedOptions>): Promise<HostedResult & { by: Map<number, Signed>[] }> {
  const by = [0, 1].map(() => new Map<number, Signed>());
  const said: Message[] = [];
  const lie: HostedOptions['lie'] = (message, { trainer }) => {
    said.push(message);
    if (message.type !== 'commit') return undefined;
    const owner = keyText(keyPairFromSeed(seeded(50 + trainer)).publicKey);
    for (const state of message.states)
      by[message.shard]?.set(state.calls, { hash: state.hash, holds: stateHolds(message, state, owner) });
    return undefined;
  };
  const usual = { plan: planOf(2, 0), train: points, checks: [points], trainers: 2, epochs: 2, seed: 1, lie };
  const result = await trainHosted({ ...usual, snapshotEvery: 100, ...options });
  for (const [n, part] of said.entries())
    if (part.type === 'part') {
      const before = said.slice(0, n).some((m) => m.type === 'commit' && m.states.some((s) => s.hash === part.hash));
      expect(before, `shard ${part.shard}: a part before its state was signed`).toBe(true);
    }
  return { ...result, by };
}

const stretches = (batches: number) => ({ batches, bytes: 2 ** 30, keep: 2 ** 30 });

test('states are signed after each stretch and at snapshots, and equal those that are signed after every batch', async () => {
  const each = await signed({});
  const some = await signed({ stretches: stretches(3) });
  expect(some.run?.phase).toBe('done');
  expect(some.states).toEqual(each.states);
  const perEpoch = 8;
  const batches = Array.from({ length: 7 }, (_, i) => i + 1);
  for (const shard of [0, 1]) {
    const [all, few] = [each.by[shard], some.by[shard]];
    expect([...(all?.keys() ?? [])]).toEqual([...batches, ...batches.map((n) => n + perEpoch)]);
    // The last of an epoch is signed with the snapshot behind its evaluation, under the call that changed it.
    expect([...(few?.keys() ?? [])]).toEqual([3, 6, 7, 11, 14, 15]);
    for (const [calls, state] of few ?? [])
      expect(state, `behind ${calls}`).toEqual({ ...all?.get(calls), holds: true });
  }
});

test('a run that stops signs the state that its last part is compared with', async () => {
  const whole = await signed({});
  const { run, by } = await signed({ stretches: stretches(100), stopAt: whole.milliseconds / 4, seed: 2 });
  expect(run?.phase).toBe('stopped');
  const calls = run?.manifests.at(-1)?.calls ?? 0;
  expect(calls).toBeGreaterThan(0);
  expect(calls).toBeLessThan(7);
  for (const shard of [0, 1]) expect([...(by[shard]?.keys() ?? [])]).toEqual([calls]);
});

test('a run with a kill has the weights of an undisturbed run, whatever the stretch', async () => {
  const { states, milliseconds } = await signed({ stretches: stretches(2), snapshotEvery: 3 });
  const kills = [{ at: milliseconds / 3, trainer: 1 }];
  const killed = await signed({ stretches: stretches(2), snapshotEvery: 3, trainers: 3, kills });
  expect(killed.run?.term).toBeGreaterThan(1);
  expect(killed.states).toEqual(states);
});
