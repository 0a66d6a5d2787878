/** A stretch that its trainer does again: asked for by a ticket, answered by a blob, or said why there is none. */
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { RecordBringer } from '../../../runtime/net/bring-record.ts';
import { RecordTickets } from '../../../runtime/net/record-tickets.ts';
import type { SynchronizerState } from '../../../runtime/roles/synchronizer-state.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import type { Again } from '../../../runtime/wire/messages.ts';
import { seeded } from '../../mesh/networked.ts';
import { chain } from '../../mesh/simulated.ts';

const KEYS = keyPairFromSeed(seeded(1));
const MESH = keyText(KEYS.publicKey);
const STRETCH = { run: 'chain-1', shard: 0, term: 1, from: 2 };
const SHOWN = Uint8Array.of(1, 2, 3);

/** @param shown by a trainer that does it again; nothing: its program cannot */
function asked(again: Again, shown?: (again: Again) => Uint8Array | undefined): Promise<string | undefined> {
  const member = { connected: true, records: true, ...(shown ? { again: true } : {}) };
  const state = { runs: { 'chain-1': { deployment: chain(3, 4, 1, 2) } }, members: { ann: member } };
  const tickets = new RecordTickets({
    ...{ keys: KEYS, state: () => state as unknown as SynchronizerState, owners: async () => ['ann', 'ben'] },
    send: (_to, message) => {
      if (message.type === 'wanted') bringer.wanted(message.ticket, message.again);
      return true;
    },
    ...{ recordBytes: async () => undefined, hold: () => undefined, now: () => 0 },
  });
  const bringer = new RecordBringer({
    ...{ store: { find: () => undefined }, synchronizer: () => MESH, log: () => undefined },
    put: async ({ hash }) => hash,
    say: (message) => tickets.heard('ann', message),
    reproducer: { shown: async (_stretch, wanted) => shown?.(wanted) },
  });
  return tickets.bringAgain({ key: MESH }, tickets.issue(STRETCH, MESH), { trainer: 'ann', ...again });
}

test('a trainer shows a blob, and the step is the one that was asked for', async () => {
  const wanted: Again[] = [];
  const shown = (again: Again): Uint8Array => {
    wanted.push(again);
    return SHOWN;
  };
  expect(await asked({ shards: [0, 2] }, shown)).toBe(hex(sha256(SHOWN)));
  expect(await asked({ shards: [0, 2], step: 7 }, shown)).toBe(hex(sha256(SHOWN)));
  expect(wanted.map(({ shards, step }) => [shards, step])).toEqual([
    [[0, 2], undefined],
    [[0, 2], 7],
  ]);
});

test('a trainer without the record has nothing to show, and one without memory for it is asked later', async () => {
  await expect(asked({ shards: [0] }, () => undefined)).rejects.toMatchObject({ code: 'record/missing' });
  const full = (): never => {
    throw new UserError('plan/memory', 'there is no room');
  };
  await expect(asked({ shards: [0] }, full)).rejects.toMatchObject({ code: 'record/later' });
});

test('a trainer of an earlier version is not asked', async () => {
  expect(await asked({ shards: [0] })).toBeUndefined();
});
