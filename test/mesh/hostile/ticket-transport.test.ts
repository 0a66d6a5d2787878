/** Records over real sockets: who holds a ticket gets that record and what it names; all others get a typed refusal. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { ask } from '../../../runtime/net/ask.ts';
import { RecordBringer } from '../../../runtime/net/bring-record.ts';
import { dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { RecordTickets } from '../../../runtime/net/record-tickets.ts';
import { MAGIC, wordsEntry } from '../../../runtime/net/records/entries.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import { TicketRights } from '../../../runtime/net/ticket-rights.ts';
import { HEARTBEAT_MS } from '../../../runtime/roles/liveness.ts';
import { runFrom, type StoredRun, UNTROUBLED } from '../../../runtime/roles/synchronizer-state.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';
import { canonicalBytes } from '../../../runtime/wire/canonical.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Role } from '../../../runtime/wire/handshake.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import type { Recorded } from '../../../runtime/wire/messages.ts';
import { type StretchName, signTicket, type Ticket } from '../../../runtime/wire/ticket.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { waitUntil } from '../../support/wait-for.ts';
import { seeded } from '../networked.ts';
import { chain } from '../simulated.ts';

const keys = (n: number): KeyPair => keyPairFromSeed(seeded(n));
const textOf = (n: number): string => keyText(keys(n).publicKey);
const [OPERATOR, FIRST, AWAY, VERIFIER, OTHER, MESH] = [1, 2, 3, 4, 5, 9];
const hashOf = (bytes: Uint8Array): string => hex(sha256(bytes));
const BLOBS = { plan: seeded(20), x: seeded(21), y: seeded(22), part: seeded(23), unnamed: seeded(24) };
const refOf = (bytes: Uint8Array) => ({ blob: hashOf(bytes), bytes: bytes.length });
const folder = mkdtempSync(join(tmpdir(), 'nmc-tickets-'));
/** Longer than a part of its shard may be. */
const STRETCH: StretchName = { run: 'chain-1', shard: 0, term: 3, from: 4 };
const RECORD = Uint8Array.from(Buffer.concat([MAGIC, ...wordsEntry('head', STRETCH), new Uint8Array(3 * 2 ** 20)]));
const PATH = ownPath(folder, 'kept.rec');

function made(): Deployment {
  const column = (name: string, bytes: Uint8Array) => ({
    ...{ name, type: 'f32' as const, shape: [1] },
    blobs: [refOf(bytes)],
  });
  const plain = chain(2, 8, 1, 8);
  const reads = (name: string) => ({ train: [name], checks: [] });
  return {
    ...plain,
    plan: [{ path: 'plan.json', ...refOf(BLOBS.plan) }],
    train: { name: 'train', length: 8, columns: [column('x', BLOBS.x), column('y', BLOBS.y)] },
    needs: plain.needs.map((need, shard) => ({ ...need, reads: reads('xy'[shard] ?? '') })),
    stretches: { batches: 4, bytes: 2 * 2 ** 20, keep: 2 ** 24 },
  };
}

const deployment = made();
const stored: StoredRun = {
  ...{ deployment, hash: hashOf(canonicalBytes(deployment)), phase: 'done', term: 3 },
  owners: [textOf(FIRST), textOf(AWAY)],
  instances: {},
  manifests: [{ calls: 8, parts: [hashOf(BLOBS.part), hashOf(BLOBS.part)], totals: {}, milliseconds: 1 }],
  ...{ rows: [], checks: [], reason: '', created: 1 },
  ...UNTROUBLED,
};
let node: SynchronizerNode;
const links: Link[] = [];
const beats: NodeJS.Timeout[] = [];
const logged: Readonly<Record<string, unknown>>[] = [];
/** What the first trainer says instead of the truth. */
let lie: ((ticket: Ticket, link: Link) => void) | undefined;

beforeAll(async () => {
  writeFileSync(PATH, RECORD);
  const backplane = embeddedBackplane(folder);
  for (const bytes of [...Object.values(BLOBS), canonicalBytes(deployment)]) await backplane.putBlob(bytes);
  await backplane.put(`run/${deployment.run}`, JSON.stringify(stored), 0);
  node = await SynchronizerNode.open({
    ...{ keys: keys(MESH), backplane, host: '127.0.0.1', port: 0, operator: textOf(OPERATOR) },
    log: () => undefined,
    onShutdown: () => undefined,
  });
  for (const n of [FIRST, AWAY]) await node.allow(textOf(n), 'trainer');
  for (const n of [VERIFIER, OTHER]) await node.allow(textOf(n), 'viewer');
  await trainer();
});
afterAll(async () => {
  for (const beat of beats) clearInterval(beat);
  for (const link of links) link.close();
  await node.close();
  removeFolder(folder);
});

async function connect(n: number, role: Role): Promise<Link> {
  const link = await dial({ address: { host: '127.0.0.1', port: node.port, secure: false }, role, keys: keys(n) });
  links.push(link);
  return link;
}

/** The first one, which keeps one record. */
async function trainer(): Promise<void> {
  const store = { find: ({ from }: StretchName) => (from === STRETCH.from ? PATH : undefined) };
  let link: Link | undefined;
  const bringer = new RecordBringer({
    store,
    synchronizer: () => link?.peer,
    put: async ({ hash, pieces }) => {
      await link?.putBlob(hash, pieces);
      return hash;
    },
    say: (message) => link?.send(message),
    log: (event) => logged.push(event),
  });
  let admitted = false;
  link = await dial({
    ...{ address: { host: '127.0.0.1', port: node.port, secure: false }, role: 'trainer', keys: keys(FIRST) },
    onMessage: (message) => {
      if (message.type === 'admitted') admitted = true;
      if (message.type === 'wanted' && link) lie ? lie(message.ticket, link) : bringer.wanted(message.ticket);
    },
  });
  const own = link;
  links.push(own);
  const capability = { cores: 1, memory: 1e12, rate: 1e9, upload: 0, download: 0, machine: 'm' };
  own.send({ type: 'member', name: 'first', instance: '2'.repeat(16), capability, records: true });
  beats.push(setInterval(() => own.send({ type: 'heartbeat', shards: [], refused: 0 }), HEARTBEAT_MS));
  await waitUntil('word that it is admitted', () => admitted);
}

async function ticketFor(n: number, stretch = STRETCH): Promise<Ticket> {
  const operator = await connect(OPERATOR, 'operator');
  return (await ask(operator, { what: 'ticket', ...stretch, bearer: textOf(n) })).ticket;
}

/** Names of the blobs that it gets; every other one is forbidden. */
async function gets(link: Link): Promise<string[]> {
  const got: string[] = [];
  for (const [name, bytes] of Object.entries(BLOBS))
    await link.getBlob(hashOf(bytes), 2 ** 20).then(
      () => got.push(name),
      (error: unknown) => expect(error, name).toMatchObject({ code: 'mesh/forbidden' }),
    );
  return got;
}

const signed = (change: Partial<Ticket>, by = MESH): Ticket =>
  signTicket({ ...STRETCH, bearer: textOf(OTHER), expires: Date.now() + 1e6, ...change }, keys(by));

test('a ticket gives its bearer the record, the plan and the columns of that shard, and nothing else', async () => {
  const ticket = await ticketFor(VERIFIER);
  const link = await connect(VERIFIER, 'viewer');
  expect(await gets(link)).toEqual([]);
  const { blob, bytes } = await ask(link, { what: 'record', ticket });
  expect({ blob, bytes }).toEqual(refOf(RECORD));
  // Its name says what it is.
  expect((await link.getBlob(blob, bytes)).length).toBe(RECORD.length);
  expect(await gets(link)).toEqual(['plan', 'x']);
  // Asked for again it is there already, though its trainer would lie now.
  lie = (given, own) => own.send({ type: 'record', ...placeOf(given) });
  expect(await ask(link, { what: 'record', ticket })).toEqual({ blob, bytes });
  lie = undefined;
});

test('a record is held for those who have asked for it, and no longer for the trainer that has brought it', async () => {
  const operator = await connect(OPERATOR, 'operator');
  const waiting = async () => (await ask(operator, { what: 'gc', dryRun: true })).waiting.bytes;
  const link = await connect(VERIFIER, 'viewer');
  await ask(link, { what: 'record', ticket: await ticketFor(VERIFIER) });
  expect(await waiting()).toBeLessThan(RECORD.length);
  for (const other of links) if (other !== links[0] && other !== operator) other.close();
  await expect.poll(waiting).toBeGreaterThanOrEqual(RECORD.length);
});

test('a ticket that is changed, foreign, expired or of another key is refused, and opens nothing', async () => {
  const ticket = await ticketFor(VERIFIER);
  const link = await connect(OTHER, 'viewer');
  const refused = async (given: Ticket, code: string): Promise<void> =>
    expect(ask(link, { what: 'record', ticket: given })).rejects.toMatchObject({ code });
  await refused(ticket, 'ticket/bearer');
  await refused({ ...ticket, bearer: textOf(OTHER) }, 'ticket/forged');
  await refused({ ...signed({}), shard: 1 }, 'ticket/forged');
  await refused({ ...signed({}), from: 0 }, 'ticket/forged');
  await refused(signed({}, OTHER), 'ticket/forged');
  await refused(signed({ expires: 1 }), 'ticket/expired');
  await refused(signed({ run: 'chain-2' }), 'mesh/run');
  await refused(signed({ shard: 7 }), 'mesh/run');
  await expect(ask(link, { what: 'ticket', ...STRETCH })).rejects.toMatchObject({ code: 'mesh/forbidden' });
  expect(await gets(link)).toEqual([]);
});

test('a record that no trainer keeps is reported as missing, and one of a disconnected trainer as away', async () => {
  const link = await connect(OTHER, 'viewer');
  const bring = (change: Partial<StretchName>) => ask(link, { what: 'record', ticket: signed(change) });
  await expect(bring({ from: 0 })).rejects.toMatchObject({ code: 'record/missing' });
  await expect(bring({ term: 99 })).rejects.toMatchObject({ code: 'record/missing' });
  await expect(bring({ shard: 1 })).rejects.toMatchObject({ code: 'record/away' });
});

test('a trainer may not bring a blob of that size where none is wanted, nor a longer one', async () => {
  const [first] = links;
  const put = (bytes: number) => first?.ask({ what: 'put', blob: hashOf(seeded(40)), bytes });
  await expect(put(RECORD.length)).rejects.toMatchObject({ code: 'mesh/forbidden' });
  const refusals: unknown[] = [];
  lie = (given, own) =>
    void own
      .ask({ what: 'put', blob: hashOf(seeded(40)), bytes: 2 ** 24 })
      .catch((error: unknown) => refusals.push(error))
      .then(() => own.send({ type: 'record', ...placeOf(given), blob: hashOf(seeded(40)) }));
  const link = await connect(OTHER, 'viewer');
  // It says that a blob is there which is not.
  const ticket = signed({ from: 2 });
  await expect(ask(link, { what: 'record', ticket })).rejects.toMatchObject({ code: 'record/missing' });
  expect(refusals).toMatchObject([{ code: 'mesh/forbidden' }]);
  lie = undefined;
});

test('a trainer cannot hand out blobs that were not asked for by naming them as a record', async () => {
  lie = (given, own) => own.send({ type: 'record', ...placeOf(given), blob: hashOf(BLOBS.part) });
  const link = await connect(OTHER, 'viewer');
  const ticket = signed({ from: 6 });
  await expect(ask(link, { what: 'record', ticket })).rejects.toMatchObject({ code: 'record/missing' });
  expect(await gets(link)).not.toContain('part');
  lie = undefined;
});

test('a trainer opens no record for a ticket that its own mesh has not signed', async () => {
  const said: Recorded[] = [];
  const bringer = new RecordBringer({
    store: { find: () => PATH },
    synchronizer: () => textOf(MESH),
    put: () => Promise.reject(new Error('nothing may be brought')),
    say: (message) => said.push(message),
    log: (event) => logged.push(event),
  });
  bringer.wanted(signed({}, OTHER));
  bringer.wanted({ ...signed({}), from: 0 });
  await expect.poll(() => said.length).toBe(2);
  expect(said.map(({ blob }) => blob)).toEqual([undefined, undefined]);
  expect(logged.filter((e) => e.event === 'ticket-refused')).toHaveLength(2);
});

test('a trainer that is silent counts as away after a while, and so does one that goes meanwhile', async () => {
  const member = { ...node.state.members[textOf(FIRST)], connected: true, records: true };
  const run = runFrom({ ...stored, deployment: { ...deployment, stretches: { batches: 1, bytes: 1, keep: 1 } } }, 0);
  const rights = new TicketRights(Date.now);
  const tickets = new RecordTickets({
    keys: keys(MESH),
    state: () => ({ ...node.state, members: { [textOf(FIRST)]: member as never }, runs: { [STRETCH.run]: run } }),
    owners: () => Promise.resolve(stored.owners),
    send: (to, message) => {
      if (message.type === 'wanted') rights.wanted(to, message.ticket, run);
      return true;
    },
    recordBytes: () => Promise.resolve(undefined),
    hold: () => undefined,
    now: Date.now,
    patience: 1,
  });
  const other = { key: textOf(OTHER) };
  const silent = tickets.bring(other, signed({}));
  await expect(silent).rejects.toMatchObject({ code: 'record/away' });
  const left = tickets.bring(other, signed({}));
  await expect.poll(() => rights.mayPut(textOf(FIRST), 1)).toBe(true);
  tickets.gone(textOf(FIRST));
  rights.gone(textOf(FIRST));
  await expect(left).rejects.toMatchObject({ code: 'record/away' });
  expect(rights.mayPut(textOf(FIRST), 1)).toBe(false);
});

function placeOf({ run, shard, term, from }: Ticket): StretchName {
  return { run, shard, term, from };
}
