/**
 * Blobs that peers get and bring, a piece at a time: whatever their size, each transfer costs the memory of a piece or
 * two, and each key has so many transfers, announcements and stored bytes, no more.
 */
import type { WebSocket } from 'ws';
import type { Backplane, BlobSink } from '../backplane/backplane.ts';
import { wallNow } from '../support/clock.ts';
import { nmc } from '../support/command-text.ts';
import type { Role } from '../wire/handshake.ts';
import type { BlobRights } from './blob-rights.ts';
import { sendBlob } from './send-blob.ts';
import { Slots } from './slots.ts';

export interface BlobBounds {
  /** Of one blob. */
  readonly blobBytes: number;
  /** Kept for one key at a time; operators bring what they like. */
  readonly storedBytes: number;
  /** Under way to one key, and to all. */
  readonly gets: number;
  readonly allGets: number;
  /** Asked for by one key and not begun. */
  readonly waitingGets: number;
  /** Begun by one key. */
  readonly puts: number;
  /** Announced by one connection. */
  readonly announced: number;
}

export const BLOB_BOUNDS: BlobBounds = {
  blobBytes: 2 ** 31,
  storedBytes: 16 * 2 ** 30,
  gets: 4,
  allGets: 64,
  waitingGets: 4096,
  puts: 8,
  announced: 4096,
};

/** Clients that brought blobs, or were told that they are there, rely on it. */
export interface Holding {
  hold(holder: object, hashes: Iterable<string>): void;
  /** @param hashes all where none are named */
  letGo(holder: object, hashes?: Iterable<string>): void;
}

/** One connection, as far as blobs concern it. */
export interface BlobPeer {
  /** Who brought what is held. */
  readonly holder: object;
  readonly key: string;
  readonly role: Role;
  readonly socket: WebSocket;
  answer(id: number, answer: unknown): void;
  /** Of the question `id`. */
  fail(id: number, error: BlobRefusal): void;
  /** It broke the protocol. @param reason one of `BLOB_OFFENCES` */
  offend(reason: BlobOffence): void;
}

export type BlobOffence = 'a blob that was not announced' | 'chunks that do not follow each other' | 'a wrong hash';

/** As an answer says it. */
export interface BlobRefusal {
  readonly code: string;
  readonly message: string;
  readonly repair?: string;
}

interface Incoming {
  readonly id: number;
  readonly bytes: number;
  received: number;
  sink?: BlobSink;
  /** Refused: what was on its way is taken and dropped. */
  dropped: boolean;
}

/** Chunks of one connection are taken in their order. */
interface Turn {
  last: Promise<void>;
  /** Bytes that wait for the disk. */
  waiting: number;
  paused: boolean;
}

/** Bytes of one connection that wait for the disk before it is no longer read, and when it is read again. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export class BlobTransfers {
  readonly #backplane: Backplane;
  readonly #rights: BlobRights;
  readonly #bounds: BlobBounds;
  readonly #gets: Slots;
  readonly #holding: Holding;
  /** By connection, then hash. */
  readonly #incoming = new Map<BlobPeer, Map<string, Incoming>>();
  readonly #turns = new Map<BlobPeer, Turn>();
  readonly #owners = new Map<string, { readonly key: string; readonly bytes: number }>();
  readonly #stored = new Map<string, number>();
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(backplane: Backplane, rights: BlobRights, holding: Holding, bounds: Partial<BlobBounds> = {}) {
    this.#backplane = backplane;
    this.#rights = rights;
    this.#holding = holding;
    this.#bounds = { ...BLOB_BOUNDS, ...bounds };
    this.#gets = new Slots(this.#bounds.gets, this.#bounds.allGets, this.#bounds.waitingGets);
  }

  /** Whether a blob was refused lately because the disk is full: waiting for that does not count as late. */
  get full(): boolean {
    return wallNow() - this.#fullAt < FULL_MILLISECONDS;
  }

  /** Answers with its size, then sends it. */
  async get(peer: BlobPeer, id: number, hash: string): Promise<void> {
    if (!this.#rights.mayGet(peer, hash)) return peer.fail(id, forbidden(peer, 'get this blob'));
    const release = await this.#gets.take(peer.key);
    if (!release) return peer.fail(id, busy('too many blobs are asked for at once'));
    try {
      if (peer.socket.readyState === peer.socket.OPEN) await this.#send(peer, id, hash);
    } finally {
      release();
    }
  }

  async #send(peer: BlobPeer, id: number, hash: string): Promise<void> {
    const source = await this.#backplane.readBlob(hash);
    if (!source) return peer.fail(id, { code: 'mesh/blob', message: `there is no blob ${hash}` });
    try {
      peer.answer(id, { bytes: source.bytes });
      await sendBlob(peer.socket, hash, source);
    } finally {
      await source.close();
    }
  }

  /** Which of these the mesh does not have; the others stay for a while, whatever else names them. */
  async missing(peer: BlobPeer, id: number, hashes: readonly string[]): Promise<void> {
    if (peer.role !== 'operator') return peer.fail(id, forbidden(peer, 'ask for what is missing'));
    const missing: string[] = [];
    for (const hash of hashes) {
      // Held before the look: what is there stays there.
      this.#holding.hold(peer.holder, [hash]);
      if (await this.#backplane.touchBlob(hash)) continue;
      this.#holding.letGo(peer.holder, [hash]);
      missing.push(hash);
    }
    if (peer.socket.readyState !== peer.socket.OPEN) this.#holding.letGo(peer.holder);
    peer.answer(id, { missing });
  }

  /** Announces a blob, of which the chunks follow. */
  put(peer: BlobPeer, id: number, hash: string, bytes: number): void {
    const announced = this.#incoming.get(peer) ?? new Map<string, Incoming>();
    this.#incoming.set(peer, announced);
    const refusal = this.#refusalOf(peer, announced, bytes);
    announced.get(hash)?.sink?.abandon();
    if (announced.size < this.#bounds.announced || announced.has(hash))
      announced.set(hash, { id, bytes, received: 0, dropped: refusal !== undefined });
    if (refusal) peer.fail(id, refusal);
  }

  chunk(peer: BlobPeer, hash: string, offset: number, total: number, data: Uint8Array): void {
    const turn = this.#turns.get(peer) ?? { last: Promise.resolve(), waiting: 0, paused: false };
    this.#turns.set(peer, turn);
    turn.waiting += data.length;
    if (turn.waiting > MAX_WAITING_BYTES && !turn.paused) {
      turn.paused = true;
      peer.socket.pause();
    }
    turn.last = turn.last
      .then(() => this.#take(peer, hash, offset, total, data))
      .catch(() => undefined)
      .then(() => {
        turn.waiting -= data.length;
        if (!turn.paused || turn.waiting > MAX_WAITING_BYTES / 2) return;
        turn.paused = false;
        peer.socket.resume();
      });
  }

  /** The connection has ended: what it has not finished is given up. */
  closed(peer: BlobPeer): void {
    for (const { sink } of this.#incoming.get(peer)?.values() ?? []) sink?.abandon();
    this.#incoming.delete(peer);
    this.#turns.delete(peer);
    this.#holding.letGo(peer.holder);
  }

  /** The blob is no longer kept: it no longer counts against the key that brought it. */
  removed(hash: string): void {
    const owner = this.#owners.get(hash);
    if (!owner) return;
    this.#owners.delete(hash);
    this.#stored.set(owner.key, (this.#stored.get(owner.key) ?? 0) - owner.bytes);
  }

  #refusalOf(peer: BlobPeer, announced: ReadonlyMap<string, Incoming>, bytes: number): BlobRefusal | undefined {
    if (!this.#rights.mayPut(peer, bytes)) return forbidden(peer, 'bring this blob');
    const { blobBytes, storedBytes, announced: most } = this.#bounds;
    if (bytes > blobBytes) return { code: 'mesh/blob', message: 'the blob is too large' };
    if (announced.size >= most) return busy('too many blobs are announced at once');
    if (peer.role === 'operator') return undefined;
    const underWay = [...announced.values()].reduce((sum, b) => sum + (b.dropped ? 0 : b.bytes), 0);
    if ((this.#stored.get(peer.key) ?? 0) + underWay + bytes <= storedBytes) return undefined;
    return {
      code: 'mesh/quota',
      message: 'this key already keeps as many bytes in the mesh as it may',
      repair: 'wait until older snapshots are removed',
    };
  }

  async #take(peer: BlobPeer, hash: string, offset: number, total: number, data: Uint8Array): Promise<void> {
    // What was still to be taken when it closed.
    if (peer.socket.readyState !== peer.socket.OPEN) return;
    const announced = this.#incoming.get(peer);
    const incoming = announced?.get(hash);
    if (!announced || !incoming) return peer.offend('a blob that was not announced');
    const { bytes, received } = incoming;
    if (total !== bytes || offset !== received || received + data.length > bytes || (data.length === 0 && bytes > 0)) {
      incoming.sink?.abandon();
      announced.delete(hash);
      peer.fail(incoming.id, { code: 'mesh/blob', message: 'its chunks do not follow each other' });
      return peer.offend('chunks that do not follow each other');
    }
    incoming.received += data.length;
    const complete = incoming.received === bytes;
    if (complete) announced.delete(hash);
    if (incoming.dropped) return;
    try {
      if (!incoming.sink) {
        const begun = [...announced.values()].filter((b) => b.sink).length;
        if (begun >= this.#bounds.puts) throw Object.assign(new Error('too many blobs at once'), { code: 'mesh/busy' });
        const sink = await this.#backplane.writeBlob(hash, bytes);
        // Its connection has ended, or has announced the blob anew, while the file was made: it is given up only here.
        if (this.#incoming.get(peer) !== announced || (!complete && announced.get(hash) !== incoming)) {
          sink.abandon();
          return;
        }
        incoming.sink = sink;
      }
      incoming.sink.write(data);
      if (complete) await this.#finish(peer, hash, incoming, incoming.sink);
    } catch (error) {
      incoming.sink?.abandon();
      incoming.dropped = true;
      const refusal = refusalFrom(error);
      if (refusal.code === 'disk/full') this.#fullAt = wallNow();
      peer.fail(incoming.id, refusal);
    }
  }

  async #finish(peer: BlobPeer, hash: string, { id, bytes }: Incoming, sink: BlobSink): Promise<void> {
    this.#holding.hold(peer.holder, [hash]);
    if (!(await sink.finish())) {
      this.#holding.letGo(peer.holder, [hash]);
      peer.fail(id, { code: 'mesh/blob', message: 'its bytes do not have its hash' });
      peer.offend('a wrong hash');
      return;
    }
    if (!this.#owners.has(hash) && peer.role !== 'operator') {
      this.#owners.set(hash, { key: peer.key, bytes });
      this.#stored.set(peer.key, (this.#stored.get(peer.key) ?? 0) + bytes);
    }
    peer.answer(id, { stored: hash });
  }
}

function forbidden({ role }: BlobPeer, what: string): BlobRefusal {
  return { code: 'mesh/forbidden', message: `${role === 'operator' ? 'an' : 'a'} ${role} may not ${what}` };
}

function busy(message: string): BlobRefusal {
  return { code: 'mesh/busy', message, repair: 'ask for fewer at a time' };
}

/** Trainers try again more often than that. */
const FULL_MILLISECONDS = 15_000;

/** Paths of the synchronizer's machine stay private. */
function refusalFrom(error: unknown): BlobRefusal {
  const { code = '' } = error as { code?: string };
  if (code === 'disk/full')
    return {
      code,
      message: 'the disk of the mesh is full: it takes no more blobs',
      repair: `free some space there, or remove what no run needs: ${nmc`mesh gc`}`,
    };
  if (code === 'mesh/busy') return busy('too many blobs are brought at once');
  return { code: 'mesh/blob', message: 'the mesh could not store the blob' };
}
