/**
 * The gateway: WebSocket in front of a synchronizer. It proves who is there, checks and counts every message, carries
 * border packets between owners, and gives and takes blobs. What messages mean is not its business.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { Envelopes } from '../wire/envelope.ts';
import type { Role, Session } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import type { Ask, Message } from '../wire/messages.ts';
import { BLOB, BLOB_HEAD, BORDER, type BorderHead, decodeHead, MOST_BINARY } from '../wire/routing.ts';
import { Allowance } from './allowance.ts';
import type { BlobRights } from './blob-rights.ts';
import { type BlobBounds, type BlobPeer, BlobTransfers } from './blob-transfer.ts';
import { type Refuse, welcome } from './welcome.ts';

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
  readonly onMessage: (from: Visitor, message: Message) => void;
  readonly onAsk: (from: Visitor, ask: Ask['ask']) => Promise<unknown>;
  readonly onClosed: (visitor: Visitor) => void;
  readonly blobBounds?: Partial<BlobBounds>;
  /** Who gets this packet: the owner of its target, if the sender owns its source in that term. */
  readonly route: (from: string, head: BorderHead) => string | undefined;
}

export interface GatewayCounters {
  refused: Record<string, number>;
  relayedBytes: number;
  relayedPackets: number;
  connections: number;
}

/** Of one connection that never reads: then it is closed, and others are not kept waiting. */
const MOST_BUFFERED = 64 * 1024 * 1024;
/** Refused messages of one connection. */
const MOST_REFUSED = 32;
const MOST_CONNECTIONS = 1024;
/**
 * Messages that cost the gateway work, of one key: each is a signature to check and one to make. Frames that are relayed
 * are free. A trainer says something for each of its shards; a viewer only looks, and looking must cost the others
 * little. Operators may bring as much as they like.
 */
const SHARES = { trainer: { perSecond: 300, most: 500 }, viewer: { perSecond: 20, most: 60 } } as const;
/** New connections from one address: each is a handshake to check. */
const CONNECTIONS_PER_SECOND = 50;
const MOST_NEW_CONNECTIONS = 500;
const MOST_ADDRESSES = 10_000;
/** Code of a connection that ends because its key may not have it any more, and how long its end may take. */
const EXPELLED = 4004;
const FAREWELL_MILLISECONDS = 1000;

interface Peer {
  readonly socket: WebSocket;
  readonly visitor: Visitor;
  readonly envelopes: Envelopes;
  readonly blobs: BlobPeer;
  refused: number;
  /** Operators have none. */
  readonly allowance: Allowance | undefined;
}

export class Gateway {
  readonly counters: GatewayCounters = { refused: {}, relayedBytes: 0, relayedPackets: 0, connections: 0 };
  readonly blobs: BlobTransfers;
  readonly #options: GatewayOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 + 1024, perMessageDeflate: false });
  /** The newest connection of each trainer's key. */
  readonly #trainers = new Map<string, Peer>();
  readonly #peers = new Set<Peer>();
  readonly #arrivals = new Map<string, Allowance>();
  readonly #allowances = new Map<string, Allowance>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.blobs = new BlobTransfers(options.backplane, options.blobRights, options.blobBounds);
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.#sockets.clients.size >= MOST_CONNECTIONS || !this.#mayConnect(request.socket.remoteAddress ?? '')) {
        socket.destroy();
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (connection) => this.#welcome(connection));
    });
  }

  #mayConnect(address: string): boolean {
    const now = performance.now();
    if (this.#arrivals.size > MOST_ADDRESSES) this.#arrivals.clear();
    const allowance = this.#arrivals.get(address) ?? new Allowance(CONNECTIONS_PER_SECOND, MOST_NEW_CONNECTIONS, now);
    this.#arrivals.set(address, allowance);
    if (allowance.take(now) === 0) return true;
    this.#count('too many connections at once');
    return false;
  }

  /** Whoever sends more than its share is not read for a while: what it sends then waits on its own machine. */
  #charge(peer: Peer): void {
    const wait = peer.allowance?.take(performance.now()) ?? 0;
    if (wait === 0 || peer.socket.isPaused) return;
    this.#count('more messages than its share');
    peer.socket.pause();
    this.#resumeAfter(peer, wait);
  }

  /** What had been read already is handled, and charged, while it is paused: then it waits for longer. */
  #resumeAfter(peer: Peer, wait: number): void {
    setTimeout(() => {
      const more = peer.allowance?.wait(performance.now()) ?? 0;
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
    this.#trainers.get(key)?.socket.close(1000, reason);
  }

  dismissAll(reason: string): void {
    for (const [key, peer] of this.#trainers) {
      this.#seal(peer, { type: 'dismissed', reason });
      this.dismiss(key, reason);
    }
  }

  /** Ends all connections of a key in roles that it may not have any more, and takes nothing more from them. */
  review(key: string, reason: string): void {
    for (const peer of this.#peers)
      if (peer.visitor.key === key && !this.#options.mayBe(key, peer.visitor.role)) this.#expel(peer, reason);
  }

  #expel(peer: Peer, reason: string): void {
    const { socket, visitor } = peer;
    if (visitor.role === 'trainer') {
      this.#seal(peer, { type: 'dismissed', reason });
      if (this.#trainers.get(visitor.key) === peer) this.#trainers.delete(visitor.key);
    }
    this.#peers.delete(peer);
    this.blobs.closed(peer.blobs);
    socket.removeAllListeners('message');
    socket.close(EXPELLED, reason.slice(0, 120));
    // Whoever does not close its end is not waited for.
    setTimeout(() => socket.terminate(), FAREWELL_MILLISECONDS).unref();
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }

  #welcome(socket: WebSocket): void {
    const { keys, inviteKey, refuse } = this.#options;
    welcome(socket, {
      keys,
      inviteKey,
      refuse,
      refused: (reason) => this.#count(`handshake: ${reason}`),
      open: (session, key) => this.#open(socket, session, { key, role: session.role }),
    });
  }

  #open(socket: WebSocket, session: Session, visitor: Visitor): void {
    const envelopes = new Envelopes(session, this.#options.keys);
    const allowance = this.#allowanceOf(visitor);
    const blobs: BlobPeer = {
      ...visitor,
      socket,
      answer: (id, answer) => this.#seal(peer, { type: 'answer', id, answer }),
      fail: (id, error) => this.#seal(peer, { type: 'answer', id, error }),
      offend: (reason) => this.#refuse(peer, reason),
    };
    const peer: Peer = { socket, visitor, envelopes, blobs, refused: 0, allowance };
    this.#peers.add(peer);
    this.counters.connections = this.#peers.size;
    if (visitor.role === 'trainer') {
      this.#trainers.get(visitor.key)?.socket.close(4002, 'the same key has connected again');
      this.#trainers.set(visitor.key, peer);
    }
    socket.on('message', (data: Buffer, binary: boolean) =>
      binary ? this.#binary(peer, data) : this.#text(peer, data),
    );
    socket.on('close', () => {
      this.blobs.closed(blobs);
      this.#peers.delete(peer);
      this.counters.connections = this.#peers.size;
      if (visitor.role === 'trainer') {
        if (this.#trainers.get(visitor.key) !== peer) return;
        this.#trainers.delete(visitor.key);
      }
      this.#options.onClosed(visitor);
    });
    // It may have been revoked while it was let in.
    if (!this.#options.mayBe(visitor.key, visitor.role)) this.#expel(peer, 'its key may not do that any more');
  }

  /** Of the key, not of the connection: who connects again has no new share. Only listed keys come so far. */
  #allowanceOf({ key, role }: Visitor): Allowance | undefined {
    if (role === 'operator') return undefined;
    const name = `${role} ${key}`;
    const { perSecond, most } = SHARES[role];
    const allowance = this.#allowances.get(name) ?? new Allowance(perSecond, most, performance.now());
    this.#allowances.set(name, allowance);
    return allowance;
  }

  #text(peer: Peer, data: Buffer): void {
    this.#charge(peer);
    const message = peer.envelopes.open(String(data));
    if (typeof message === 'string') {
      this.#refuse(peer, message);
      return;
    }
    if (message.type === 'ask') this.#ask(peer, message);
    else if (peer.visitor.role === 'trainer') this.#options.onMessage(peer.visitor, message);
    else this.#refuse(peer, 'role');
  }

  #ask(peer: Peer, { id, ask }: Ask): void {
    const answer = this.#answer(peer, id, ask);
    answer.then(
      (value) => value !== LATER && this.#seal(peer, { type: 'answer', id, answer: value }),
      (error: unknown) => {
        const {
          code = 'internal',
          message = String(error),
          repair,
        } = error as { code?: string; message?: string; repair?: string };
        this.#seal(peer, { type: 'answer', id, error: { code, message, ...(repair === undefined ? {} : { repair }) } });
      },
    );
  }

  async #answer(peer: Peer, id: number, ask: Ask['ask']): Promise<unknown> {
    switch (ask.what) {
      case 'get':
        await this.blobs.get(peer.blobs, id, ask.blob);
        return LATER;
      case 'missing':
        await this.blobs.missing(peer.blobs, id, ask.blobs);
        return LATER;
      case 'put':
        this.blobs.put(peer.blobs, id, ask.blob, ask.bytes);
        return LATER;
      default:
        return this.#options.onAsk(peer.visitor, ask);
    }
  }

  #binary(peer: Peer, data: Buffer): void {
    const head = data.length <= MOST_BINARY ? decodeHead(data) : undefined;
    if (!head) {
      this.#refuse(peer, 'no binary message');
      return;
    }
    if (head.kind === BLOB)
      this.blobs.chunk(peer.blobs, hex(head.hash), head.offset, head.total, data.subarray(BLOB_HEAD));
    else if (head.kind === BORDER) this.#relay(peer, head, data);
  }

  #relay(peer: Peer, head: BorderHead, data: Buffer): void {
    const to = peer.visitor.role === 'trainer' ? this.#options.route(peer.visitor.key, head) : undefined;
    // Of a term that is over, or of nobody: it was on its way when things changed, or is a lie. Both are dropped.
    if (to === undefined) {
      this.#count('border of another term or owner');
      this.#charge(peer);
      return;
    }
    const target = this.#trainers.get(to);
    if (!target) return;
    this.counters.relayedPackets++;
    this.counters.relayedBytes += data.length;
    if (this.#hasRoom(target)) target.socket.send(data);
  }

  #seal(peer: Peer, message: Message): void {
    if (this.#hasRoom(peer)) peer.socket.send(peer.envelopes.seal(message));
  }

  /** Whoever does not read is closed, and others never wait for it. */
  #hasRoom(peer: Peer): boolean {
    if (peer.socket.readyState !== peer.socket.OPEN) return false;
    if (peer.socket.bufferedAmount <= MOST_BUFFERED) return true;
    this.#count('a reader that does not read');
    peer.socket.terminate();
    return false;
  }

  #refuse(peer: Peer, reason: string): void {
    this.#count(reason);
    peer.refused++;
    // A control message that is refused leaves a gap in the numbers: the connection begins again.
    if (
      peer.refused >= MOST_REFUSED ||
      ['sequence', 'signature', 'too-long', 'no-json', 'version', 'schema'].includes(reason)
    )
      peer.socket.close(4003, `refused: ${reason}`.slice(0, 120));
  }

  #count(reason: string): void {
    this.counters.refused[reason] = (this.counters.refused[reason] ?? 0) + 1;
  }
}

const LATER = Symbol('answered when it is there');
