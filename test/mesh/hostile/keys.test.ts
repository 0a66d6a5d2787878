/** Keys and invites of a mesh, on real sockets: who was let in can be put out, at once and for good. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import type { KeysPage } from '../../../runtime/net/answers.ts';
import { type DialOptions, dial } from '../../../runtime/net/dial.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { Membership } from '../../../runtime/net/membership.ts';
import type { MeshStatus } from '../../../runtime/net/mesh-status.ts';
import { SynchronizerNode } from '../../../runtime/net/synchronizer-node.ts';
import type { Role } from '../../../runtime/wire/handshake.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { seeded } from '../networked.ts';
import { chain } from '../simulated.ts';

const keys = (n: number): KeyPair => keyPairFromSeed(seeded(n));
const textOf = (n: number): string => keyText(keys(n).publicKey);
const [OPERATOR, LIAR, HONEST, LATE] = [1, 2, 3, 4];
const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: 'm' };
let folder = '';
let node: SynchronizerNode;
let operator: Link;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-keys-'));
  await start();
  operator = await connect('operator', OPERATOR);
});
afterEach(async () => {
  operator.close();
  await node.close();
  removeFolder(folder);
});

async function start(starter = OPERATOR): Promise<void> {
  node = await SynchronizerNode.open({
    keys: keys(9),
    backplane: embeddedBackplane(folder),
    host: '127.0.0.1',
    port: 0,
    operator: textOf(starter),
    log: () => undefined,
    onShutdown: () => undefined,
  });
}

function connect(role: Role, n: number, more: Partial<DialOptions> = {}): Promise<Link> {
  return dial({ address: { host: '127.0.0.1', port: node.port, secure: false }, role, keys: keys(n), ...more });
}

/** A trainer that has said what it is, and what it was told. */
async function trainer(n: number, more: Partial<DialOptions> = {}): Promise<{ link: Link; told: Message[] }> {
  const told: Message[] = [];
  const link = await connect('trainer', n, { ...more, onMessage: (message) => told.push(message) });
  const instance = String(n).padStart(16, '0');
  link.send({ type: 'member', name: `trainer-${n}`, instance, version: '0', capability } as Message);
  await expect.poll(() => told.map((m) => m.type), { timeout: 10_000 }).toContain('admitted');
  return { link, told };
}

const listed = async (): Promise<KeysPage> => (await operator.ask({ what: 'keys', after: '' })) as KeysPage;
const rowOf = async (n: number): Promise<KeysPage['keys'][number] | undefined> =>
  (await listed()).keys.find(({ key }) => key === textOf(n));

describe('a revoked key', () => {
  test('loses its connections, its shards and its invite at once, and no invite admits it again', async () => {
    const invite = await node.invite();
    const wide = { id: 'aa', secret: 'cd'.repeat(32) };
    await operator.ask({ what: 'invite', id: 'aa', key: keyText(keys(0xcd).publicKey), uses: 5, milliseconds: 60_000 });
    const honest = await trainer(HONEST, { invite });
    const liar = await trainer(LIAR, { invite: wide });
    const pulse = await connect('viewer', LIAR);
    const bytes = new TextEncoder().encode('{}');
    const plan = [{ path: 'plan.json', blob: hex(sha256(bytes)), bytes: bytes.length }];
    await operator.putBlob(hex(sha256(bytes)), bytes);
    await operator.ask({ what: 'deploy', deployment: { ...chain(2, 4, 1, 1), plan } });
    await expect.poll(() => liar.told.map((m) => m.type), { timeout: 10_000 }).toContain('assign');
    expect(await rowOf(LIAR)).toMatchObject({ role: 'trainer', by: 'invite', invite: 'aa', trainer: 'trainer-2' });

    expect(await operator.ask({ what: 'revoke', key: textOf(LIAR) })).toEqual({ invites: [{ id: 'aa', unused: 4 }] });
    // Not behind a lapse: the answer to the next question has it.
    const status = (await operator.ask({ what: 'status' })) as MeshStatus;
    expect(status.trainers.map((t) => t.name)).toEqual(['trainer-3']);
    expect(status.runs[0]?.shards.map((s) => s.trainer)).toEqual(['trainer-3', 'trainer-3']);
    expect(await liar.link.closed).toContain('revoked');
    expect(await pulse.closed).toContain('revoked');
    expect(liar.told.at(-1)).toMatchObject({ type: 'dismissed', reason: 'its key was revoked' });
    const assigned = (): number =>
      honest.told.reduce((most, m) => (m.type === 'assign' ? Math.max(most, m.shards.length) : most), 0);
    await expect.poll(assigned, { timeout: 10_000 }).toBe(2);

    // Of the code by which an honest one that was away stays away.
    for (const role of ['trainer', 'viewer'] as const)
      await expect(connect(role, LIAR)).rejects.toMatchObject({
        code: 'mesh/expelled',
        message: expect.stringContaining('revoked'),
      });
    await expect(connect('trainer', LIAR, { invite: wide })).rejects.toThrow('revoked');
    await expect(connect('trainer', LIAR, { invite: await node.invite() })).rejects.toThrow('revoked');
    await expect(connect('trainer', LATE, { invite: wide })).rejects.toThrow('used up');
    // It is told from those that another invite has let in.
    expect(await honest.link.ask({ what: 'status' })).toBeDefined();

    await operator.ask({ what: 'allow', key: textOf(LIAR), role: 'trainer' });
    (await connect('trainer', LIAR)).close();
    honest.link.close();
  });

  test('stays revoked in the next process, and so does its invite', async () => {
    const invite = await node.invite();
    const { link } = await trainer(LIAR, { invite });
    await operator.ask({ what: 'revoke', key: textOf(LIAR) });
    await link.closed;
    operator.close();
    await node.close();
    await start();
    operator = await connect('operator', OPERATOR);
    await expect(connect('trainer', LIAR, { invite })).rejects.toThrow('revoked');
    await expect(connect('trainer', LATE, { invite })).rejects.toThrow('used up');
    await expect(operator.ask({ what: 'allow', key: textOf(LIAR), role: 'trainer', fresh: true })).rejects.toThrow(
      'revoked',
    );
  });

  test('is never the last operator’s, and an operator takes its invites along', async () => {
    const me = textOf(OPERATOR);
    for (const question of [
      { what: 'revoke', key: me },
      { what: 'allow', key: me, role: 'viewer' },
      { what: 'expire', key: me, milliseconds: 1000 },
    ] as const)
      await expect(operator.ask(question)).rejects.toMatchObject({ code: 'keys/last-operator' });
    await operator.ask({ what: 'allow', key: textOf(HONEST), role: 'operator' });
    const other = await connect('operator', HONEST);
    const question = { what: 'invite', id: 'bb', key: textOf(7), uses: 3, milliseconds: 60_000 } as const;
    await operator.ask(question);
    // One that goes away by itself does not count as the one that stays.
    await other.ask({ what: 'expire', key: me, milliseconds: 60_000 });
    await expect(other.ask({ what: 'revoke', key: textOf(HONEST) })).rejects.toMatchObject({
      code: 'keys/last-operator',
    });
    expect(await other.ask({ what: 'revoke', key: me })).toEqual({ invites: [{ id: 'bb', unused: 3 }] });
    expect(await operator.closed).toContain('revoked');
    other.close();
    // Whoever holds the machine starts it again: the mesh has not forgotten what its operators have said.
    await node.close();
    await start();
    await expect(connect('operator', OPERATOR)).rejects.toThrow('revoked');
    operator = await connect('operator', HONEST);
  });
});

test('a role that was lowered and a key that has expired end what was begun with them', async () => {
  await operator.ask({ what: 'allow', key: textOf(LATE), role: 'operator' });
  const [asOperator, asViewer] = [await connect('operator', LATE), await connect('viewer', LATE)];
  await operator.ask({ what: 'allow', key: textOf(LATE), role: 'viewer' });
  expect(await asOperator.closed).toContain('viewer now');
  expect(await asViewer.ask({ what: 'status' })).toBeDefined();
  asViewer.close();

  const { link } = await trainer(LIAR, { invite: await node.invite() });
  await operator.ask({ what: 'expire', key: textOf(LIAR), milliseconds: 200 });
  expect(await link.closed).toContain('expired');
  expect(((await operator.ask({ what: 'status' })) as MeshStatus).trainers).toEqual([]);
  await expect(connect('trainer', LIAR)).rejects.toThrow('expired');
  expect(await rowOf(LIAR)).toHaveProperty('expires');
});

describe('an invite', () => {
  test('for one admits one of many that come at once, and a listed key needs none', async () => {
    const invite = await node.invite();
    const joined = await Promise.allSettled([11, 12, 13, 14].map((n) => connect('trainer', n, { invite })));
    const admitted = joined.flatMap((j) => (j.status === 'fulfilled' ? [j.value] : []));
    expect(admitted).toHaveLength(1);
    for (const { reason } of joined.filter((j) => j.status === 'rejected')) expect(String(reason)).toContain('used up');
    for (const link of admitted) link.close();
    const winner = 11 + joined.findIndex((j) => j.status === 'fulfilled');
    (await connect('trainer', winner, { invite })).close();
    (await connect('trainer', winner)).close();
  });

  test('is used once, even where two synchronizers share a store', async () => {
    const shared = embeddedBackplane(mkdtempSync(join(folder, 'shared-')));
    const first = await Membership.open(shared);
    const invite = await first.invite();
    const second = await Membership.open(shared);
    const admitted = await Promise.all([
      first.admit('A'.repeat(43), 'trainer', invite.id),
      second.admit('B'.repeat(43), 'trainer', invite.id),
    ]);
    expect(admitted.filter((problem) => problem === undefined)).toHaveLength(1);
    await shared.close();
  });

  test('and the key that came by it are read where another synchronizer has changed them', async () => {
    const shared = embeddedBackplane(mkdtempSync(join(folder, 'read-')));
    const changed: string[] = [];
    const first = await Membership.open(shared, Date.now, (entry) => void changed.push(entry));
    const second = await Membership.open(shared);
    const invite = await first.invite(1);
    await second.refresh(changed.pop());
    expect(second.inviteKey(invite.id)).toBeDefined();
    const key = 'A'.repeat(43);
    await first.admit(key, 'trainer', invite.id);
    expect(changed).toHaveLength(2);
    for (const entry of changed.splice(0)) await second.refresh(entry);
    expect(second.inviteKey(invite.id)).toBeUndefined();
    expect(second.roleOf(key)).toBe('trainer');
    await first.revoke(key);
    const found = [];
    for (const entry of changed) found.push(...(await second.refresh(entry)));
    expect(found).toEqual([key]);
    expect(second.roleOf(key)).toBeUndefined();
    await shared.close();
  });

  test('expires at its time, and admits no operator and no viewer', async () => {
    let now = 1000;
    const backplane: Backplane = embeddedBackplane(mkdtempSync(join(folder, 'clock-')));
    const membership = await Membership.open(backplane, () => now);
    const invite = await membership.invite(3, 500);
    const key = 'A'.repeat(43);
    for (const role of ['operator', 'viewer'] as const)
      expect((await membership.admit(key, role, invite.id))?.words).toContain('not listed');
    expect(await membership.admit(key, 'trainer', invite.id)).toBeUndefined();
    now = 1500;
    expect(membership.inviteKey(invite.id)).toBeUndefined();
    expect((await membership.admit('B'.repeat(43), 'trainer', invite.id))?.words).toContain('expired');
    await backplane.close();
  });

  test('leaves its secret neither in the files of the mesh nor on the wire', async () => {
    const invite = await node.invite();
    (await connect('trainer', LIAR, { invite })).close();
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
    expect(files.length).toBeGreaterThan(0);
    const kept = files.map((f) => readFileSync(join(f.parentPath, f.name)));
    for (const form of [invite.secret, Buffer.from(invite.secret, 'hex')])
      expect(kept.some((bytes) => bytes.includes(form))).toBe(false);
    expect(kept.some((bytes) => bytes.includes(invite.id))).toBe(true);
  });
});

test('roles from an earlier version are read, and its invites, which hold their secrets, are removed', async () => {
  const backplane = embeddedBackplane(mkdtempSync(join(folder, 'old-')));
  await backplane.put(`role/${textOf(OPERATOR)}`, 'operator', 0);
  await backplane.put('invite/ab', JSON.stringify({ secret: 'ab'.repeat(32), until: Date.now() + 1e6 }), 0);
  const membership = await Membership.open(backplane);
  expect(membership.roleOf(textOf(OPERATOR))).toBe('operator');
  expect(await backplane.get('invite/ab')).toBeUndefined();
  await membership.allow(textOf(LATE), 'operator', 'start');
  await membership.revoke(textOf(OPERATOR));
  expect((await Membership.open(backplane)).roleOf(textOf(OPERATOR))).toBeUndefined();
  await backplane.close();
});
