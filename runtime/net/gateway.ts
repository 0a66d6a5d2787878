/**
 * The gateway: WebSocket in front of a synchronizer. It proves who is there, checks and counts every message, carries
 * border packets between owners, and gives and takes blobs. What messages mean is not its business.
 */
import type { Server } from 'node:http';
import type { WebSocket } from 'ws';
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { Envelopes, MAX_MESSAGE_BYTES, MessageTooLong } from '../wire/envelope.ts';
import type { Role, Session } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import type { Ask, Message } from '../wire/messages.ts';
import { countRefusal, MESSAGE_REFUSALS, type Refusal, type RefusalCounts } from '../wire/refusals.ts';
import { BLOB, BLOB_HEAD, BORDER, type BorderHead, decodeHead, MAX_BINARY_BYTES } from '../wire/routing.ts';
import { Allowance } from './allowance.ts';
import type { BlobRights } from './blob-rights.ts';
import { type BlobBounds, type BlobPeer, BlobTransfers, type Holding } from './blob-transfer.ts';
import { type DoorLimits, FrontDoor } from './front-door.ts';
import { caughtEvent, guarded } from './guarded.ts';
import { type PlaceLimits, Places } from './places.ts';
import { Probes, type ProbesOptions } from './probes.ts';
import { closeReason } from './socket-limits.ts';
import { toldError } from './told-error.ts';
import { EXPELLED, type Refuse } from './welcome.ts';

export interface Visitor {
  readonly key: string;
  readonly role: Role;
}

export interface GatewayOptions {
  readonly keys: KeyPair;
  readonly backplane: Backplane;
  /** The public key of an invite that is good now. */
  readonly inviteKey: (invite: string) => Uint8Array | undefined;
  /** @returns why this key may not have this role, or nothing. @param invite that was shown */
  readonly refuse: Refuse;
  /** Whether this key may have this role now; who may not any more is let go by `review`. */
  readonly mayBe: (key: string, role: Role) => boolean;
  readonly blobRights: BlobRights;
  /** Of the program. */
  readonly version?: string;
  readonly onMessage: (from: Visitor, message: Message) => void;
  readonly onAsk: (from: Visitor, ask: Ask['ask']) => Promise<unknown>;
  readonly onClosed: (visitor: Visitor) => void;
  readonly blobBounds?: Partial<BlobBounds>;
  readonly doorLimits?: Partial<DoorLimits>;
  readonly places?: PlaceLimits;
  readonly shares?: Shares;
  /** Of web pages that may connect. */
  readonly origins?: readonly string[];
  readonly log?: (event: Readonly<Record<string, unknown>>) => void;
  /** Its holders are visitors: the objects that messages and questions come from, until they are closed. */
  readonly holding: Holding;
  /** Who gets this packet: the owner of its target, if the sender owns its source in that term. */
  readonly route: (from: string, head: BorderHead) => string | undefined;
  /** Takes a border packet whose receiver is not connected here; absent: it is dropped. */
  readonly elsewhere?: (to: string, packet: Buffer) => void;
  /** Whether links are measured, and who hears of it; absent: none is. */
  readonly probes?: ProbesOptions;
}

export interface GatewayCounters {
  refused: RefusalCounts;
  relayedBytes: number;
  relayedPackets: number;
  connections: number;
}

/** Of one connection that never reads: then it is closed, and others are not kept waiting. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;
/** Refused messages of one connection. */
const MAX_REFUSED = 32;
/** Questions of one connection that are not answered yet; blobs have bounds of their own. */
const MAX_ASKED = 128;
/**
 * Messages that cost the gateway work, of one key: each is a signature to check and one to make. Frames that are
 * relayed are free. A trainer says something for each of its shards; a viewer only looks, and looking must cost the
 * others little. An operator's share is one that no command comes near.
 */
export type Shares = Readonly<Record<Role, { readonly perSecond: number; readonly most: number }>>;
const SHARES: Shares = {
  operator: { perSecond: 1000, most: 3000 },
  trainer: { perSecond: 300, most: 500 },
  viewer: { perSecond: 20, most: 60 },
};
/** The cost of a message grows with its length: so many bytes count as one. */
const MESSAGE_BYTES = 16 * 1024;
/** Processes that begin anew under one key: a dozen at once, then one every five seconds. */
const INSTANCES = { perSecond: 0.2, most: 12 };
/** RFC 6455, 7.4.1. */
const GOING_AWAY = 1001;
/** How long the end of a connection may take whose key may not have it any more. */
const FAREWELL_MILLISECONDS = 1000;

interface Peer extends Visitor {
  readonly socket: WebSocket;
  readonly envelopes: Envelopes;
  readonly blobs: BlobPeer;
  refused: number;
  /** Asked and not answered, but for blobs. */
  asked: number;
  readonly allowance: Allowance;
}

export class Gateway {
  readonly counters: GatewayCounters = { refused: {}, relayedBytes: 0, relayedPackets: 0, connections: 0 };
  readonly blobs: BlobTransfers;
  readonly #options: GatewayOptions;
  readonly #door: FrontDoor;
  readonly #places: Places<Peer>;
  readonly #probes: Probes;
  /** The newest connection of each trainer's key. */
  readonly #trainers = new Map<string, Peer>();
  /** By socket, from its proof to its end. */
  readonly #peers = new Map<WebSocket, Peer>();
  readonly #refusedAt = new Map<Refusal, number>();
  readonly #allowances = new Map<string, Allowance>();
  readonly #instances = new Map<string, { last: string; readonly allowance: Allowance }>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.blobs = new BlobTransfers(options.backplane, options.blobRights, options.holding, options.blobBounds);
    this.#places = new Places(options.places);
    this.#probes = new Probes(options.probes ?? { may: () => false, measured: () => undefined });
    const { keys, version, inviteKey, refuse, origins = [], doorLimits = {} } = options;
    this.#door = new FrontDoor({
      keys,
      ...(version === undefined ? {} : { version }),
      inviteKey,
      refuse,
      unlisted: 'not listed',
      origins,
      limits: doorLimits,
      maxPayload: MAX_MESSAGE_BYTES + 1024,
      count: (code) => this.#count(code),
      enter: (socket, session, key) => this.#enter(socket, session, key),
      open: (socket) => this.#open(socket),
      caught: (error) => this.#caught(error),
    });
  }

  attach(server: Server): void {
    this.#door.attach(server);
  }

  /** A peer that sends more than its share is not read for a while: its messages then wait on its own machine. */
  #charge(peer: Peer, messages = 1): void {
    const wait = peer.allowance.take(performance.now(), messages);
    if (wait === 0 || peer.socket.isPaused) return;
    this.#count('more messages than its share');
    peer.socket.pause();
    this.#resumeAfter(peer, wait);
  }

  /** Messages that had been read already are handled, and charged, while it is paused: then it waits for longer. */
  #resumeAfter(peer: Peer, wait: number): void {
    setTimeout(() => {
      const more = peer.allowance.wait(performance.now());
      if (more > 0) this.#resumeAfter(peer, more);
      else peer.socket.resume();
    }, wait).unref();
  }

  /** @returns whether the trainer is connected */
  send(to: string, message: Message): boolean {
    const peer = this.#trainers.get(to);
    if (peer) this.#seal(peer, message);
    return peer !== undefined;
  }

  /** Ends a trainer's connection, when what was sent has gone out. */
  dismiss(key: string, reason: string): void {
    this.#trainers.get(key)?.socket.close(1000, closeReason(reason));
  }

  dismissAll(reason: string): void {
    for (const key of this.#trainers.keys()) this.dismiss(key, reason);
  }

  /** Admits no more connections and ends all; trainers wait, and come back when the mesh does. */
  goDown(reason: string): void {
    this.#door.shut();
    for (const socket of this.#peers.keys()) socket.close(GOING_AWAY, closeReason(reason));
  }

  /** Ends all connections of a key in roles that it may not have any more, and takes nothing more from them. */
  review(key: string, reason: string): void {
    for (const peer of this.#peers.values())
      if (peer.key === key && !this.#options.mayBe(key, peer.role)) this.#expel(peer, reason);
  }

  #expel(peer: Peer, reason: string): void {
    const { socket, key, role } = peer;
    if (role === 'trainer') {
      this.#seal(peer, { type: 'dismissed', reason });
      if (this.#trainers.get(key) === peer) this.#trainers.delete(key);
    }
    this.#peers.delete(socket);
    this.#places.leave(peer);
    this.blobs.closed(peer.blobs);
    socket.removeAllListeners('message');
    socket.close(EXPELLED, closeReason(reason));
    // Peers that do not close their end are not waited for.
    setTimeout(() => socket.terminate(), FAREWELL_MILLISECONDS).unref();
  }

  close(): void {
    this.#door.close();
  }

  #enter(socket: WebSocket, session: Session, key: string): boolean {
    const { role } = session;
    const visitor: Visitor = { key, role };
    const blobs: BlobPeer = {
      ...visitor,
      get holder() {
        return peer;
      },
      socket,
      answer: (id, answer) => this.#seal(peer, { type: 'answer', id, answer }),
      fail: (id, error) => this.#seal(peer, { type: 'answer', id, error }),
      offend: (reason) => this.#refuse(peer, reason),
    };
    const peer: Peer = {
      ...visitor,
      socket,
      envelopes: new Envelopes(session, this.#options.keys),
      blobs,
      refused: 0,
      asked: 0,
      allowance: this.#allowanceOf(visitor),
    };
    const place = this.#places.enter(peer);
    if (place === false) return false;
    if (place.instead) {
      this.#count('too many connections of one key');
      place.instead.socket.terminate();
    }
    this.#peers.set(socket, peer);
    return true;
  }

  #open(socket: WebSocket): void {
    const peer = this.#peers.get(socket);
    if (!peer) throw new Error('open: no peer was admitted');
    const { key, role, blobs } = peer;
    this.counters.connections = this.#peers.size;
    const guard = { end: () => socket.terminate(), caught: (error: unknown) => this.#caught(error) };
    const onClose = (): void => {
      this.blobs.closed(blobs);
      this.#probes.closed(socket);
      this.#peers.delete(socket);
      this.#places.leave(peer);
      this.counters.connections = this.#peers.size;
      if (role === 'trainer') {
        if (this.#trainers.get(key) !== peer) return;
        this.#trainers.delete(key);
      }
      this.#options.onClosed({ key, role });
    };
    socket.on('close', guarded(guard, onClose));
    if (role === 'trainer') {
      this.#trainers.get(key)?.socket.close(4002, 'the same key has connected again');
      this.#trainers.set(key, peer);
    }
    const charge = guarded(guard, () => this.#charge(peer));
    socket.on('ping', charge);
    socket.on('pong', charge);
    socket.on(
      'message',
      guarded(guard, (data: Buffer, binary: boolean) => (binary ? this.#binary(peer, data) : this.#text(peer, data))),
    );
    // What a connection before has taken too much of is paid for first: else each new one brings a first burst.
    const owed = peer.allowance.wait(performance.now());
    if (owed > 0) {
      this.#count('more messages than its share');
      socket.pause();
      this.#resumeAfter(peer, owed);
    }
    // It may have been revoked while it was let in.
    if (!this.#options.mayBe(key, role)) this.#expel(peer, 'its key may not do that any more');
  }

  /** Of the key, not of the connection: who connects again has no new share. Only listed keys come so far. */
  #allowanceOf({ key, role }: Visitor): Allowance {
    const name = `${role} ${key}`;
    const { perSecond, most } = (this.#options.shares ?? SHARES)[role];
    const allowance = this.#allowances.get(name) ?? new Allowance(perSecond, most, performance.now());
    this.#allowances.set(name, allowance);
    return allowance;
  }

  #text(peer: Peer, data: Buffer): void {
    this.#charge(peer, Math.ceil((data.length + 1) / MESSAGE_BYTES));
    const message = peer.envelopes.open(String(data));
    if (typeof message === 'string') {
      this.#refuse(peer, message);
      return;
    }
    if (message.type === 'ask') this.#ask(peer, message);
    else if (peer.role !== 'trainer') this.#refuse(peer, 'role');
    else if (message.type === 'member' && !this.#mayBegin(peer.key, message.instance))
      this.#refuse(peer, 'more instances than its share');
    else this.#options.onMessage(peer, message);
  }

  /** Each new process of a trainer costs the runs that it had a part in. */
  #mayBegin(key: string, instance: string): boolean {
    const now = performance.now();
    const known = this.#instances.get(key);
    if (known?.last === instance) return true;
    const { allowance } = known ?? { allowance: new Allowance(INSTANCES.perSecond, INSTANCES.most, now) };
    if (allowance.wait(now) > 0) return false;
    allowance.take(now);
    this.#instances.set(key, { last: instance, allowance });
    this.#probes.forget(key);
    return true;
  }

  #ask(peer: Peer, { id, ask }: Ask): void {
    const counts = !['get', 'put', 'missing'].includes(ask.what);
    if (counts && peer.asked >= MAX_ASKED) {
      this.#count('more questions than its share');
      const error = { code: 'mesh/busy', message: 'too many questions wait for their answers' };
      this.#seal(peer, { type: 'answer', id, error });
      return;
    }
    if (counts) peer.asked++;
    this.#answer(peer, id, ask)
      .then(
        (value) => value !== LATER && this.#seal(peer, { type: 'answer', id, answer: value }),
        (error: unknown) =>
          this.#seal(peer, { type: 'answer', id, error: toldError(error, (bug) => this.#caught(bug)) }),
      )
      .finally(() => {
        if (counts) peer.asked--;
      });
  }

  async #answer(peer: Peer, id: number, ask: Ask['ask']): Promise<unknown> {
    switch (ask.what) {
      case 'get':
        await this.blobs.get(peer.blobs, id, ask.blob);
        return LATER;
      case 'probe':
        return this.#probes.grant(peer);
      case 'missing':
        await this.blobs.missing(peer.blobs, id, ask.blobs);
        return LATER;
      case 'put':
        this.blobs.put(peer.blobs, id, ask.blob, ask.bytes);
        return LATER;
      default:
        return this.#options.onAsk(peer, ask);
    }
  }

  #binary(peer: Peer, data: Buffer): void {
    const head = data.length <= MAX_BINARY_BYTES ? decodeHead(data) : undefined;
    if (!head) {
      this.#refuse(peer, 'no binary message');
      return;
    }
    if (head.kind === BLOB)
      this.blobs.chunk(peer.blobs, hex(head.hash), head.offset, head.total, data.subarray(BLOB_HEAD));
    else if (head.kind === BORDER) this.#relay(peer, head, data);
    else if (!this.#probes.piece(peer, data.length)) this.#refuse(peer, 'no binary message');
  }

  #relay(peer: Peer, head: BorderHead, data: Buffer): void {
    const to = peer.role === 'trainer' ? this.#options.route(peer.key, head) : undefined;
    // Of a past term, or without an owner: it was in flight when ownership changed, or is forged. Both are dropped.
    if (to === undefined) {
      this.#count('border of another term or owner');
      this.#charge(peer);
      return;
    }
    if (this.#trainers.has(to)) this.deliver(to, data);
    else this.#options.elsewhere?.(to, data);
  }

  /** A border packet for a trainer that is connected here. */
  deliver(to: string, packet: Buffer): void {
    const target = this.#trainers.get(to);
    if (!target) return;
    this.counters.relayedPackets++;
    this.counters.relayedBytes += packet.length;
    if (this.#hasRoom(target)) target.socket.send(packet);
  }

  #seal(peer: Peer, message: Message): void {
    if (!this.#hasRoom(peer)) return;
    try {
      peer.socket.send(this.#sealed(peer, message));
    } catch (error) {
      this.#caught(error);
      peer.socket.terminate();
    }
  }

  #sealed({ envelopes }: Peer, message: Message): string {
    try {
      return envelopes.seal(message);
    } catch (error) {
      if (!(error instanceof MessageTooLong) || message.type !== 'answer') throw error;
      const { id } = message;
      const told = { code: 'mesh/too-large', message: 'the answer is longer than a message may be' };
      return envelopes.seal({ type: 'answer', id, error: told });
    }
  }

  /** A peer that does not read is closed, so that others never wait for it. */
  #hasRoom(peer: Peer): boolean {
    if (peer.socket.readyState !== peer.socket.OPEN) return false;
    if (peer.socket.bufferedAmount <= MAX_BUFFERED_BYTES) return true;
    this.#count('a reader that does not read');
    peer.socket.terminate();
    return false;
  }

  #refuse(peer: Peer, reason: Refusal): void {
    this.#count(reason);
    peer.refused++;
    // A control message that is refused leaves a gap in the numbers: the connection begins again.
    if (peer.refused >= MAX_REFUSED || ENDING.includes(reason))
      peer.socket.close(4003, closeReason(`refused: ${reason}`));
  }

  /** Seconds since the last of each. */
  refusedAge(): Readonly<Record<string, number>> {
    const now = performance.now();
    return Object.fromEntries([...this.#refusedAt].map(([reason, at]) => [reason, (now - at) / 1000]));
  }

  #count(reason: Refusal): void {
    this.#refusedAt.set(reason, performance.now());
    countRefusal(this.counters.refused, reason);
  }

  #caught(error: unknown): void {
    this.#count('internal');
    this.#options.log?.(caughtEvent('gateway', error));
  }
}

/** Behind these nothing more of the connection is taken. */
const ENDING: readonly Refusal[] = [...MESSAGE_REFUSALS, 'more instances than its share'];
const LATER = Symbol('answered when it is there');
