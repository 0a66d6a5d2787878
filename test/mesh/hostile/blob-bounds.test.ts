/** One key has so many transfers, announcements and bytes; what it does beyond that is refused to it alone. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type BlobBounds, type BlobPeer, type BlobRefusal, BlobTransfers } from '../../../runtime/net/blob-transfer.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { removeFolder } from '../../support/remove-folder.ts';

let folder = '';
let backplane: Backplane;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-bounds-'));
  backplane = embeddedBackplane(folder, { freeBytes: () => 1e12 });
});
afterEach(async () => {
  await backplane.close();
  removeFolder(folder);
});

const OPEN = 1;

/** A connection that takes nothing until it is told to, and writes down what it is told. */
class Peer implements BlobPeer {
  readonly holder = {};
  readonly key: string;
  readonly role = 'trainer' as const;
  readonly answers: unknown[] = [];
  readonly refusals: BlobRefusal[] = [];
  readonly offences: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #closed: (() => void)[] = [];
  readonly state = { readyState: OPEN, sent: 0 };

  constructor(key: string) {
    this.key = key;
  }

  get socket(): WebSocket {
    const { state } = this;
    return {
      OPEN,
      get readyState() {
        return state.readyState;
      },
      send: (_data: Uint8Array, done: () => void) => {
        state.sent++;
        this.#waiting.push(done);
      },
      once: (_event: string, listener: () => void) => this.#closed.push(listener),
      off: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      terminate: () => undefined,
    } as unknown as WebSocket;
  }

  /** The socket has taken all that it was given. */
  drain(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  close(): void {
    this.state.readyState = 3;
    for (const listener of this.#closed.splice(0)) listener();
  }

  answer(_id: number, answer: unknown): void {
    this.answers.push(answer);
  }
  fail(_id: number, error: BlobRefusal): void {
    this.refusals.push(error);
  }
  offend(reason: string): void {
    this.offences.push(reason);
  }
}

function transfers(bounds: Partial<BlobBounds>): BlobTransfers {
  const holding = { hold: () => undefined, letGo: () => undefined };
  return new BlobTransfers(backplane, { mayGet: () => true, mayPut: () => true }, holding, bounds);
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 30));

test('gets of one key wait for each other, and gets of others do not wait for them', async () => {
  const hash = await backplane.putBlob(new Uint8Array(600_000).fill(1));
  const blobs = transfers({ gets: 2, allGets: 3, waitingGets: 5 });
  const [greedy, other] = [new Peer('greedy'), new Peer('other')];
  const asked = Array.from({ length: 10 }, (_, id) => blobs.get(greedy, id, hash));
  await expect.poll(() => greedy.state.sent).toBe(2);
  await settled();
  // A piece of each of the two, no more: it has not taken them yet.
  expect([greedy.answers.length, greedy.state.sent]).toEqual([2, 2]);
  expect(greedy.refusals.map((r) => r.code)).toEqual(['mesh/busy', 'mesh/busy', 'mesh/busy']);
  const got = blobs.get(other, 1, hash);
  await expect.poll(() => other.state.sent).toBe(1);
  greedy.close();
  await Promise.all(asked);
  for (let i = 0; i < 3; i++) {
    other.drain();
    await settled();
  }
  await got;
  expect(other.state.sent).toBe(3);
});

test('a key may store a bounded number of bytes, and gets the room back when they are removed', async () => {
  const blobs = transfers({ storedBytes: 1000 });
  const [greedy, other] = [new Peer('greedy'), new Peer('other')];
  const bring = async (peer: Peer, fill: number, size: number): Promise<string> => {
    const bytes = new Uint8Array(size).fill(fill);
    const hash = hex(sha256(bytes));
    const told = (): number => peer.answers.length + peer.refusals.length;
    const before = told();
    blobs.put(peer, fill, hash, size);
    blobs.chunk(peer, hash, 0, size, bytes);
    await expect.poll(told).toBe(before + 1);
    return hash;
  };
  const first = await bring(greedy, 1, 600);
  await bring(greedy, 2, 600);
  expect(greedy.answers).toEqual([{ stored: first }]);
  expect(greedy.refusals.map((r) => r.code)).toEqual(['mesh/quota']);
  // What was on its way when it was refused is dropped, and is not an offence.
  expect(greedy.offences).toEqual([]);
  await bring(other, 3, 600);
  expect(other.answers).toHaveLength(1);
  blobs.removed(first);
  await bring(greedy, 4, 600);
  expect(greedy.answers).toHaveLength(2);
});

test('announcements take no memory and are bounded, and a blob that was not finished leaves nothing', async () => {
  const blobs = transfers({ announced: 3, blobBytes: 1e9, storedBytes: 1e12 });
  const peer = new Peer('greedy');
  for (let i = 0; i < 5; i++) blobs.put(peer, i, String(i).repeat(64), 1e9);
  expect(peer.refusals.map((r) => r.code)).toEqual(['mesh/busy', 'mesh/busy']);
  blobs.put(peer, 6, '0'.repeat(64), 1e9 + 1);
  expect(peer.refusals.at(-1)?.code).toBe('mesh/blob');
  blobs.chunk(peer, '1'.repeat(64), 0, 1e9, new Uint8Array(1000));
  blobs.chunk(peer, '1'.repeat(64), 5, 1e9, new Uint8Array(1000));
  blobs.chunk(peer, 'f'.repeat(64), 0, 10, new Uint8Array(10));
  blobs.chunk(peer, '2'.repeat(64), 0, 1e9, new Uint8Array(1000));
  await settled();
  expect(peer.offences).toEqual(['chunks that do not follow each other', 'a blob that was not announced']);
  blobs.closed(peer);
  expect(await backplane.listBlobs()).toEqual([]);
});

test('a file for a connection that has ended or started again is given up', async () => {
  const slow: Backplane = {
    ...backplane,
    writeBlob: async (hash, bytes) => {
      await settled();
      return backplane.writeBlob(hash, bytes);
    },
  };
  const held = new Set<object>();
  const holding = {
    hold: (holder: object) => void held.add(holder),
    letGo: (holder: object) => void held.delete(holder),
  };
  const blobs = new BlobTransfers(slow, { mayGet: () => true, mayPut: () => true }, holding);
  const files = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
      (f) => f.isFile() && /^[0-9a-f]{64}/.test(f.name),
    );
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const hash = hex(sha256(bytes));

  const gone = new Peer('gone');
  blobs.put(gone, 1, hash, 4);
  blobs.chunk(gone, hash, 0, 4, bytes);
  await Promise.resolve();
  gone.close();
  blobs.closed(gone);
  await settled();
  await settled();
  expect([files().length, held.size]).toEqual([0, 0]);

  const anew = new Peer('anew');
  blobs.put(anew, 1, hash, 4);
  blobs.chunk(anew, hash, 0, 4, bytes.subarray(0, 2));
  await Promise.resolve();
  await Promise.resolve();
  blobs.put(anew, 2, hash, 4);
  blobs.chunk(anew, hash, 0, 4, bytes);
  await expect.poll(() => anew.answers).toEqual([{ stored: hash }]);
  expect(files().map((f) => f.name)).toEqual([hash]);
});
