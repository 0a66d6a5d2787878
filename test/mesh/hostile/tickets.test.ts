/** A ticket is good for one bearer, one stretch and some time, and for the blobs of one shard. */
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import type { BlobRef, Deployment } from '../../../runtime/wire/deployment.ts';
import { blobsOfTicket, type StretchName, signTicket, ticketProblem } from '../../../runtime/wire/ticket.ts';
import { seeded } from '../networked.ts';
import { chain } from '../simulated.ts';

const [mesh, stranger] = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))];
const synchronizer = keyText(mesh.publicKey);
const stretch: StretchName = { run: 'chain-1', shard: 1, term: 2, from: 14 };
const ticket = signTicket({ ...stretch, bearer: 'ann', expires: 1000 }, mesh);
const here = { synchronizer, bearer: 'ann', now: 999 };

test('a ticket gives its bearer that stretch until it expires', () => {
  expect(ticketProblem(ticket, stretch, here)).toBeUndefined();
  expect(ticketProblem(ticket, stretch, { ...here, now: 1000 })).toBe('expired');
});

test('a ticket is refused for another bearer and another stretch', () => {
  expect(ticketProblem(ticket, stretch, { ...here, bearer: 'bob' })).toBe('other-bearer');
  const others: Partial<StretchName>[] = [{ run: 'chain-2' }, { shard: 0 }, { term: 1 }, { from: 15 }];
  for (const other of others) expect(ticketProblem(ticket, { ...stretch, ...other }, here)).toBe('other-stretch');
});

test('a ticket cannot be changed in any field, and only the synchronizer can sign one', () => {
  const changes = { run: 'chain-2', shard: 0, term: 1, from: 15, bearer: 'bob', expires: 2000, sig: 'a'.repeat(128) };
  for (const [name, value] of Object.entries(changes))
    expect(ticketProblem({ ...ticket, [name]: value }, stretch, here), name).toBe('forged');
  const { sig: _sig, ...unsigned } = ticket;
  expect(ticketProblem(signTicket(unsigned, stranger), stretch, here)).toBe('forged');
  expect(ticketProblem({ ...ticket, from: Number.NaN }, stretch, here)).toBe('forged');
});

test('a ticket opens the plan and the columns that its shard reads, and nothing else of the mesh', () => {
  const blob = (name: string): BlobRef => ({ blob: name, bytes: 1 });
  const column = (name: string) => ({ name, type: 'f32' as const, shape: [1], blobs: [blob(name)] });
  const none = { memory: 1, flops: 1, bytes: 1 };
  const deployment: Deployment = {
    ...chain(2, 10, 1, 10),
    plan: [{ path: 'plan.json', ...blob('plan') }],
    train: { name: 'train', length: 1, columns: [column('x'), column('y')] },
    checks: [{ name: 'check', length: 1, columns: [column('u'), column('v')] }],
    needs: [
      { ...none, reads: { train: ['x'], checks: [['u']] } },
      { ...none, reads: { train: ['y'], checks: [['v']] } },
    ],
  };
  expect(blobsOfTicket(ticket, deployment).map((b) => b.blob)).toEqual(['plan', 'y', 'v']);
});
