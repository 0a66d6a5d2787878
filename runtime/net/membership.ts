/**
 * The rights in a mesh: the registry of keys with their roles, and of invites. Every change is durable, by
 * compare-and-set, before it is announced. An invite is known only by its public key: its secret, the seed of that key,
 * stays with its maker and the joiner.
 */
import { randomBytes } from 'node:crypto';
import type { Backplane, Entry } from '../backplane/backplane.ts';
import { keyPairFromSeed } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { wallNow } from '../support/clock.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { inTurn } from '../support/in-turn.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, follows, number, object, type Shape, text } from '../support/shape.ts';
import type { Invite, Role } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import { KEY_FIELDS } from './key-shapes.ts';
import type { Refuse, Unwelcome } from './welcome.ts';

/** Record of a key. Times are milliseconds of the synchronizer's clock. */
export interface KeyRecord {
  readonly role: Role;
  readonly added?: number;
  /** Key of the operator who listed it, `invite`, or `start`: who started the synchronizer. */
  readonly by?: string;
  /** Which invite let it in. */
  readonly invite?: string;
  /** From then on it may nothing any more. */
  readonly expires?: number;
  /** It may nothing since then, and no invite lets it in again. */
  readonly revoked?: number;
}

export interface InviteRecord {
  /** Public; its secret is the invite. */
  readonly key: string;
  /** How many keys it still lets in. */
  readonly uses: number;
  readonly until: number;
  readonly by: string;
}

export interface ListedKey extends KeyRecord {
  readonly key: string;
}

export interface ListedInvite extends Omit<InviteRecord, 'key'> {
  readonly id: string;
}

export interface Revoked {
  /** Invites that ended with it: the one that let it in, and those that it has made; with their unused uses. */
  readonly invites: readonly { readonly id: string; readonly unused: number }[];
}

export const INVITE_MILLISECONDS = 24 * 3600 * 1000;
/** Invites that are good at one time. */
export const MAX_INVITES = 1000;
const ROLES: readonly Role[] = ['operator', 'trainer', 'viewer'];
const KEY_RECORD: Shape<KeyRecord> = object(KEY_FIELDS);
const INVITE_RECORD: Shape<InviteRecord> = object({ key: text, uses: count, until: number, by: text });
const [KEYS, INVITES] = ['role/', 'invite/'];

export class Membership {
  readonly #backplane: Backplane;
  readonly #now: () => number;
  readonly #keys = new Map<string, KeyRecord>();
  readonly #invites = new Map<string, InviteRecord>();
  /** Keys whose time is set and not over. */
  readonly #expiring = new Set<string>();
  /** Changes come one after the other: what one has checked holds until it is written. */
  readonly #inTurn = inTurn();

  readonly #changed: (entry: string) => void;

  private constructor(backplane: Backplane, now: () => number, changed: (entry: string) => void) {
    this.#backplane = backplane;
    this.#now = now;
    this.#changed = changed;
  }

  /**
   * As it was kept.
   * @param now milliseconds of the wall clock: expiry has to mean the same after a restart
   * @param changed told of each change that is made here
   */
  static async open(
    backplane: Backplane,
    now: () => number = wallNow,
    changed: (entry: string) => void = () => undefined,
  ): Promise<Membership> {
    const membership = new Membership(backplane, now, changed);
    await membership.#readKeys();
    for (const entry of await backplane.list(INVITES)) await membership.#restoreInvite(entry);
    return membership;
  }

  /**
   * What other synchronizers have changed since. @returns the keys that it concerns
   * @param entry its name, where one alone was changed: a thousand trainers that join are not read a thousand times
   */
  refresh(entry?: string): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      if (entry !== undefined) return this.#readEntry(entry);
      const changed = await this.#readKeys();
      const invites = await this.#backplane.list(INVITES);
      this.#invites.clear();
      for (const { key, value } of invites) {
        const invite = inviteRecordOf(value);
        if (invite) this.#invites.set(key.slice(INVITES.length), invite);
      }
      return changed;
    });
  }

  /** The role of the key now; nothing for unknown, expired and revoked ones. */
  roleOf(key: string): Role | undefined {
    const record = this.#keys.get(key);
    return record && this.#isGood(record) ? record.role : undefined;
  }

  /** Whether an operator has listed the key: what an invite let in is a stranger's. */
  isVouched(key: string): boolean {
    const record = this.#keys.get(key);
    return record !== undefined && record.invite === undefined && record.by !== 'invite';
  }

  /** An operator may have any role, and every listed key may view. */
  mayBe(key: string, role: Role): boolean {
    const listed = this.roleOf(key);
    return listed === 'operator' || listed === role || (role === 'viewer' && listed !== undefined);
  }

  /** @throws UserError `mesh/forbidden` for who may not ask for this */
  assertOperator({ key, role }: { readonly key: string; readonly role: Role }, what: string): void {
    if (role === 'operator' && this.mayBe(key, role)) return;
    throw new UserError('mesh/forbidden', `a ${role} may not ask for ${what}`, 'ask as an operator');
  }

  /** Public key of an invite that is good now. */
  inviteKey(id: string): Uint8Array | undefined {
    const invite = this.#invites.get(id);
    return invite && this.#isOpen(invite) ? keyBytes(invite.key) : undefined;
  }

  /**
   * Lets a key in that is listed, or that has shown an invite as a trainer: then a use of it is taken first.
   * @param invite whose secret it has proved to know
   * @returns why it may not have this role
   */
  admit(key: string, role: Role, invite: string | undefined): ReturnType<Refuse> {
    if (this.mayBe(key, role)) return undefined;
    if (role !== 'trainer' || invite === undefined) return this.#unwelcome(key, role);
    return this.#inTurn(async () => {
      if (this.mayBe(key, role)) return undefined;
      // Only an operator takes back what an operator has ended.
      if (this.#isEnded(key)) return this.#unwelcome(key, role);
      if (!(await this.#takeUse(invite))) return { words: 'the invite is unknown, used up or expired' };
      // What was to end still ends.
      await this.#putKey(key, ({ expires }) => ({
        role,
        added: this.#now(),
        by: 'invite',
        invite,
        ...(expires === undefined ? {} : { expires }),
      }));
      return undefined;
    });
  }

  /**
   * @param by key of an operator, or `start`
   * @param fresh not where it was revoked or has expired; and what is listed already stays as it is
   * @throws UserError `keys/last-operator`, `keys/ended`
   */
  allow(key: string, role: Role, by: string, fresh = false): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#keys.get(key);
      if (fresh && this.mayBe(key, role)) return;
      if (fresh && this.#isEnded(key))
        throw new UserError('keys/ended', this.#refusal(key, role), nmc`keys allow ${key} --role ${role}`);
      if (role !== 'operator') this.#assertNotLast(key, 'given another role');
      if (before?.role === role && before.expires === undefined && before.revoked === undefined) return;
      const origin = before?.invite === undefined ? {} : { invite: before.invite };
      await this.#putKey(key, () => ({ role, added: this.#now(), by, ...origin }));
    });
  }

  /** The user who starts the synchronizer is an operator, unless other operators have ended that. */
  async allowStarter(key: string): Promise<boolean> {
    if (this.#keys.has(key) && this.#lastingOperators().length > 0) return this.roleOf(key) === 'operator';
    await this.allow(key, 'operator', 'start');
    return true;
  }

  /** @throws UserError `keys/unknown`, `keys/last-operator` */
  revoke(key: string): Promise<Revoked> {
    return this.#inTurn(async () => {
      const { invite } = this.#known(key);
      this.#assertNotLast(key, 'revoked');
      const made = [...this.#invites].filter(([, { by }]) => by === key).map(([id]) => id);
      const ids = new Set([...(invite === undefined ? [] : [invite]), ...made]);
      await this.#putKey(key, (record) => ({ ...record, revoked: this.#now() }));
      const invites: { id: string; unused: number }[] = [];
      for (const id of ids) invites.push({ id, unused: await this.#endInvite(id) });
      return { invites };
    });
  }

  /** @returns when, in milliseconds of this clock. @throws UserError `keys/unknown`, `keys/last-operator` */
  expire(key: string, milliseconds: number): Promise<number> {
    return this.#inTurn(async () => {
      const record = this.#known(key);
      if (record.revoked !== undefined)
        throw new UserError(
          'keys/ended',
          `the key ${key} was revoked`,
          `to list it again: ${nmc`keys allow ${key} --role ${record.role}`}`,
        );
      this.#assertNotLast(key, 'made to expire');
      const expires = this.#now() + milliseconds;
      await this.#putKey(key, (before) => ({ ...before, expires }));
      return expires;
    });
  }

  /** An invite whose secret is kept elsewhere. @returns until when it is good. @throws UserError `keys/invites` */
  addInvite(id: string, key: string, uses: number, milliseconds: number, by: string): Promise<number> {
    return this.#inTurn(async () => {
      await this.#forgetSpent();
      if (this.#invites.size >= MAX_INVITES)
        throw new UserError('keys/invites', `there are ${MAX_INVITES} open invites`, 'wait until some of them expire');
      const record: InviteRecord = { key, uses, until: this.#now() + milliseconds, by };
      if ((await this.#backplane.put(INVITES + id, JSON.stringify(record), 0)) === undefined)
        throw new UserError('keys/invites', `there is already an invite ${id}`, 'make another one');
      this.#invites.set(id, record);
      this.#changed(INVITES + id);
      return record.until;
    });
  }

  /** A new one, whose secret is nowhere but in what comes back. */
  async invite(uses = 1, milliseconds = INVITE_MILLISECONDS): Promise<Invite> {
    const invite = newInvite();
    await this.addInvite(invite.id, inviteKeyText(invite), uses, milliseconds, 'start');
    return invite;
  }

  /** In the order of their keys, those that were revoked too. */
  list(after = '', limit = Number.POSITIVE_INFINITY): readonly ListedKey[] {
    const keys = [...this.#keys.keys()].filter((key) => key > after).sort();
    return keys.slice(0, limit).map((key) => ({ key, ...(this.#keys.get(key) as KeyRecord) }));
  }

  openInvites(): readonly ListedInvite[] {
    return [...this.#invites]
      .filter(([, invite]) => this.#isOpen(invite))
      .map(([id, { uses, until, by }]) => ({ id, uses, until, by }));
  }

  /** Keys that have expired since this was asked last. */
  takeExpired(): readonly string[] {
    const expired = [...this.#expiring].filter((key) => (this.#keys.get(key)?.expires ?? 0) <= this.#now());
    for (const key of expired) this.#expiring.delete(key);
    return expired;
  }

  /** It was listed, and is no more. */
  #isEnded(key: string): boolean {
    return this.#keys.has(key) && this.roleOf(key) === undefined;
  }

  #unwelcome(key: string, role: Role): Unwelcome {
    return { words: this.#refusal(key, role), expelled: this.#isEnded(key) };
  }

  #refusal(key: string, role: Role): string {
    const record = this.#keys.get(key);
    // A connection ends with few words: the dialling side says what to do about it.
    if (record?.revoked !== undefined) return 'the key was revoked';
    if (record && !this.#isGood(record)) return 'the key has expired';
    return `the key is not listed as ${role}`;
  }

  #isGood({ revoked, expires }: KeyRecord): boolean {
    return revoked === undefined && (expires === undefined || expires > this.#now());
  }

  #isOpen({ uses, until }: InviteRecord): boolean {
    return uses > 0 && until > this.#now();
  }

  #known(key: string): KeyRecord {
    const record = this.#keys.get(key);
    if (record) return record;
    throw new UserError('keys/unknown', `the key ${key} is not listed`, `to see those that are: ${nmc`keys list`}`);
  }

  /** Who will still be one, whatever the time. */
  #lastingOperators(): readonly string[] {
    return [...this.#keys]
      .filter(([, r]) => r.role === 'operator' && r.revoked === undefined && r.expires === undefined)
      .map(([key]) => key);
  }

  #assertNotLast(key: string, what: string): void {
    const lasting = this.#lastingOperators();
    if (lasting.length !== 1 || lasting[0] !== key) return;
    throw new UserError(
      'keys/last-operator',
      `the last operator cannot be ${what}: the mesh could no longer be changed`,
      `list another operator first: ${nmc`keys allow KEY --role operator`}`,
    );
  }

  /** Of two who want the last use one gets it, in whichever process they ask. */
  async #takeUse(id: string): Promise<boolean> {
    for (;;) {
      const entry = await this.#backplane.get(INVITES + id);
      const invite = entry && inviteRecordOf(entry.value);
      if (!entry || !invite || !this.#isOpen(invite)) return false;
      const left = { ...invite, uses: invite.uses - 1 };
      if ((await this.#backplane.put(entry.key, JSON.stringify(left), entry.revision)) === undefined) continue;
      this.#invites.set(id, left);
      this.#changed(INVITES + id);
      return true;
    }
  }

  /** @returns the remaining uses */
  async #endInvite(id: string): Promise<number> {
    for (;;) {
      const entry = await this.#backplane.get(INVITES + id);
      if (entry && !(await this.#backplane.remove(entry.key, entry.revision))) continue;
      this.#invites.delete(id);
      this.#changed(INVITES + id);
      const invite = entry && inviteRecordOf(entry.value);
      return invite && this.#isOpen(invite) ? invite.uses : 0;
    }
  }

  async #forgetSpent(): Promise<void> {
    for (const [id, invite] of this.#invites) if (!this.#isOpen(invite)) await this.#endInvite(id);
  }

  async #restoreInvite({ key, value, revision }: Entry): Promise<void> {
    const invite = inviteRecordOf(value);
    if (invite && this.#isOpen(invite)) this.#invites.set(key.slice(INVITES.length), invite);
    // Spent, or of a version that kept the secret itself.
    else await this.#backplane.remove(key, revision);
  }

  async #putKey(key: string, change: (before: KeyRecord) => KeyRecord): Promise<void> {
    for (;;) {
      const entry = await this.#backplane.get(KEYS + key);
      const record = change((entry && keyRecordOf(entry.value)) ?? { role: 'viewer' });
      const put = await this.#backplane.put(KEYS + key, JSON.stringify(record), entry?.revision ?? 0);
      if (put === undefined) continue;
      this.#setKey(key, record);
      this.#changed(KEYS + key);
      return;
    }
  }

  async #readEntry(name: string): Promise<readonly string[]> {
    const entry = await this.#backplane.get(name);
    if (name.startsWith(KEYS)) return entry ? this.#learnKeys([entry]) : [];
    const id = name.slice(INVITES.length);
    const invite = entry && inviteRecordOf(entry.value);
    if (invite) this.#invites.set(id, invite);
    else this.#invites.delete(id);
    return [];
  }

  async #readKeys(): Promise<readonly string[]> {
    return this.#learnKeys(await this.#backplane.list(KEYS));
  }

  /** @returns those that are not as they were known */
  #learnKeys(entries: readonly Entry[]): readonly string[] {
    const changed: string[] = [];
    for (const { key: name, value } of entries) {
      const key = name.slice(KEYS.length);
      const record = keyRecordOf(value);
      if (!record || JSON.stringify(record) === JSON.stringify(this.#keys.get(key))) continue;
      this.#setKey(key, record);
      changed.push(key);
    }
    return changed;
  }

  #setKey(key: string, record: KeyRecord): void {
    this.#keys.set(key, record);
    if (record.expires === undefined) this.#expiring.delete(key);
    else this.#expiring.add(key);
  }
}

export function newInvite(): Invite {
  return { id: randomBytes(6).toString('hex'), secret: hex(randomBytes(32)) };
}

/** The part of an invite that a synchronizer may know. */
export function inviteKeyText({ secret }: Invite): string {
  return keyText(keyPairFromSeed(new Uint8Array(Buffer.from(secret, 'hex'))).publicKey);
}

/** A record, or a bare role as earlier versions have kept it. */
function keyRecordOf(value: string): KeyRecord | undefined {
  const role = ROLES.find((each) => each === value);
  if (role) return { role };
  const record = parsedJson(value);
  return follows(KEY_RECORD, record) ? record : undefined;
}

function inviteRecordOf(value: string): InviteRecord | undefined {
  const record = parsedJson(value);
  return follows(INVITE_RECORD, record) ? record : undefined;
}
