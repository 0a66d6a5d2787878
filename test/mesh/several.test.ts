/** Several synchronizers in one process, over one memory: what was asked of one while no other led it answers itself. */
import { afterEach, expect, test, vi } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { fencedBackplane } from '../../runtime/net/fenced-backplane.ts';
import type { Visitor } from '../../runtime/net/gateway.ts';
import { Leading } from '../../runtime/net/leading.ts';
import { Membership } from '../../runtime/net/membership.ts';
import { Several } from '../../runtime/net/several.ts';
import { type MemoryBackplane, memoryBackplane } from '../support/memory-backplane.ts';
import { waitUntil } from '../support/wait-for.ts';
import { seeded } from './networked.ts';

const OPERATOR = keyText(keyPairFromSeed(seeded(1)).publicKey);
const opened: Several[] = [];

afterEach(async () => {
  for (const several of opened.splice(0)) await several.close();
});

/** @returns a synchronizer, and who has asked the one who leads there */
async function open(backplane: MemoryBackplane): Promise<{ several: Several; asked: () => readonly object[] }> {
  const membership = await Membership.open(backplane);
  await membership.allow(OPERATOR, 'operator', 'start');
  const answer = vi.spyOn(Leading.prototype, 'answer');
  const nothing = (): void => undefined;
  const several = await Several.open({
    ...{ backplane, address: '127.0.0.1:1', lapseMs: 200, keysChanged: nothing, removed: nothing, log: nothing },
    gateway: { send: () => true, dismiss: nothing, dismissAll: nothing, deliver: nothing },
    lead: (lead) =>
      new Leading({
        ...{ keys: keyPairFromSeed(seeded(2)), membership, log: nothing, review: nothing, refusedAge: () => ({}) },
        counters: () => ({ refused: {}, relayedBytes: 0, relayedPackets: 0, connections: 0 }),
        ...lead,
        backplane: fencedBackplane(backplane, () => true),
      }),
  });
  opened.push(several);
  return { several, asked: () => answer.mock.calls.map(([visitor]) => visitor) };
}

/** Another one leads, as it says once, and never answers. */
async function silentLeader(backplane: MemoryBackplane): Promise<void> {
  await backplane.put('leader', JSON.stringify({ holder: 'silent', reign: 1 }), 0);
}

const visitor = (): Visitor => ({ key: OPERATOR, role: 'operator' });

test('questions to a silent leader are answered by the next one, for the same connection', async () => {
  const backplane = memoryBackplane();
  await silentLeader(backplane);
  const { several, asked } = await open(backplane);
  await backplane.publish('synchronizers', 'silent 0 .{"kind":"here","address":"127.0.0.1:2","reign":1}');
  const [stays, leaves] = [visitor(), visitor()];
  const answered = several.answer(stays, { what: 'status' });
  // Nobody waits for this one any more when there is somebody to answer it.
  void several.answer(leaves, { what: 'status' }).catch(() => undefined);
  several.left(leaves);
  expect(await answered).toMatchObject({ runs: [] });
  await waitUntil('a leader', () => several.leading !== undefined);
  expect(asked()).toHaveLength(1);
  // What the connection asked for is held until it ends: by that object, and no likeness of it.
  expect(asked()[0]).toBe(stays);
});
