/**
 * Blobs in an object store, by their hash. They pass through a folder of this machine on their way in and out: what comes
 * is checked before it is sent on, what is fetched is checked before its first byte is given away, and is there to be read
 * to its end if it is removed meanwhile.
 */
import { createHash } from 'node:crypto';
import type { ObjectInfo, ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/transport-node';
import { wallNow } from '../support/clock.ts';
import type { BlobSink, BlobSource, KeptBlob } from './backplane.ts';
import type { BlobCache } from './blob-cache.ts';
import type { NatsAccess } from './nats-connection.ts';
import { download } from './nats-download.ts';
import { isWrongRevision } from './nats-errors.ts';
import { inBatches, Undecided, untilAnswered } from './nats-patience.ts';

const HASH = /^[0-9a-f]{64}$/;
/** As long as a message of a server may be by default, halved. */
const CHUNK_BYTES = 512 * 1024;
/** A blob that was asked about so recently is not marked again. */
const TOUCH_AGAIN_MS = 60_000;
/** What others have removed from the store leaves the cache when it was not used for so long. */
const UNUSED_MS = 600_000;
/** Entries asked for at the same time. */
const BATCH = 32;
const BASE64URL_PADDING = 4;

export class NatsBlobs {
  readonly #access: NatsAccess;
  readonly #store: ObjectStore;
  readonly #cache: BlobCache;
  readonly #damaged: (hash: string) => void;
  readonly #removing = new Map<string, Promise<void>>();
  readonly #fetching = new Map<string, Promise<boolean>>();

  /** @param damaged told of each blob that was to be read, and is missing or damaged */
  constructor(access: NatsAccess, store: ObjectStore, cache: BlobCache, damaged: (hash: string) => void) {
    this.#access = access;
    this.#store = store;
    this.#cache = cache;
    this.#damaged = damaged;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    await this.#upload(hash, async () => streamOf([bytes].values()));
    return hash;
  }

  write(hash: string, bytes: number): BlobSink {
    const writer = this.#cache.writePieces(hash, bytes);
    return {
      write: (piece) => writer.write(piece),
      finish: () =>
        this.#holding(hash, async () => {
          if (!(await writer.finish())) return false;
          await this.#upload(hash, async () => {
            const source = await this.#cache.readPieces(hash);
            if (!source) throw new Error(`blob ${hash} has left the cache before it was sent`);
            return streamOfSource(source);
          });
          return true;
        }),
      abandon: () => writer.abandon(),
    };
  }

  get(hash: string): Promise<Uint8Array | undefined> {
    return this.#holding(hash, async () => {
      if (!(await this.#fetch(hash))) return undefined;
      // One that the disk here has damaged leaves the cache, and is fetched again.
      return this.#cache.get(hash) ?? ((await this.#fetch(hash)) ? this.#cache.get(hash) : undefined);
    });
  }

  read(hash: string): Promise<BlobSource | undefined> {
    // Once it is open, it can be read to its end, whatever becomes of its name.
    return this.#holding(hash, async () => ((await this.#fetch(hash)) ? this.#cache.readPieces(hash) : undefined));
  }

  async has(hash: string): Promise<boolean> {
    return (await this.#there(hash)) !== undefined;
  }

  touch(hash: string): Promise<boolean> {
    return untilAnswered(this.#access.patience, `keeping blob ${hash}`, async () => {
      const info = await this.#there(hash);
      if (info) await this.#touch(info);
      return info !== undefined;
    });
  }

  async list(): Promise<readonly KeptBlob[]> {
    const { jsm, names, patience } = this.#access;
    const beginning = `$O.${names.blobs}.M.`;
    const found = await untilAnswered(patience, 'listing blobs', () =>
      jsm.streams.info(names.blobStream, { subjects_filter: `${beginning}>` }),
    );
    const since = wallNow() - UNUSED_MS;
    const hashes = Object.keys(found.state.subjects ?? {}).map((subject) => nameOf(subject.slice(beginning.length)));
    const all = await inBatches(hashes, BATCH, (hash) =>
      untilAnswered(patience, 'listing blobs', () => this.#there(hash)),
    );
    this.#cache.keepOnly(new Set(all.flatMap((info) => info?.name ?? [])), since);
    return all.flatMap((info) => (info ? [{ hash: info.name, bytes: info.size, touched: touchedOf(info) }] : []));
  }

  remove(hash: string): Promise<void> {
    const before = this.#removing.get(hash);
    if (before || !HASH.test(hash)) return before ?? Promise.resolve();
    const removal = this.#remove(hash).finally(() => this.#removing.delete(hash));
    this.#removing.set(hash, removal);
    return removal;
  }

  async #holding<T>(hash: string, work: () => Promise<T>): Promise<T> {
    const letGo = this.#cache.hold(hash);
    try {
      return await work();
    } finally {
      letGo();
    }
  }

  async #remove(hash: string): Promise<void> {
    const { jsm, names, patience } = this.#access;
    await untilAnswered(patience, `removing blob ${hash}`, async () => {
      const info = await this.#store.info(hash);
      if (!info) return;
      if (!info.deleted) await this.#describe(info, { deleted: true, size: 0, chunks: 0, digest: '' });
      await jsm.streams.purge(names.blobStream, { filter: this.#chunkSubject(info) });
    });
    this.#cache.remove(hash);
  }

  async #upload(hash: string, open: () => Promise<ReadableStream<Uint8Array>>): Promise<void> {
    const { patience } = this.#access;
    await this.#removing.get(hash);
    await untilAnswered(patience, `storing blob ${hash}`, async () => {
      let info = await this.#store.info(hash);
      if (info && !info.deleted) {
        // What an upload without an answer has left may have no content.
        if (await this.#isComplete(info)) return this.#touch(info);
        await this.#describe(info, { deleted: true, size: 0, chunks: 0, digest: '' });
        info = await this.#store.info(hash);
      }
      const meta = { name: hash, options: { max_chunk_size: CHUNK_BYTES }, metadata: { touched: String(wallNow()) } };
      await decided(this.#store.put(meta, await open(), { previousRevision: info?.revision ?? 0 }));
    });
  }

  /** @returns whether it lies in the cache now, undamaged */
  async #fetch(hash: string): Promise<boolean> {
    const running = this.#fetching.get(hash) ?? this.#bring(hash).finally(() => this.#fetching.delete(hash));
    this.#fetching.set(hash, running);
    const there = await running;
    if (!there) this.#damaged(hash);
    return there;
  }

  async #bring(hash: string): Promise<boolean> {
    const { patience } = this.#access;
    return untilAnswered(patience, `fetching blob ${hash}`, async (tried) => {
      const info = await this.#there(hash);
      if (!info) return false;
      if (this.#cache.has(hash)) return true;
      const writer = this.#cache.writePieces(hash, info.size);
      const downloaded = await download(this.#store, info, writer, patience.answerMs);
      if (downloaded === 'whole') return true;
      // Another upload may have taken its place while it was read: a second look decides.
      if (tried === 0 || (downloaded === 'interrupted' && (await this.#isComplete(info)))) throw new Undecided();
      await this.remove(hash);
      return false;
    });
  }

  async #there(hash: string): Promise<ObjectInfo | undefined> {
    if (!HASH.test(hash) || this.#removing.has(hash)) return undefined;
    const info = await this.#store.info(hash);
    return info && !info.deleted && !this.#removing.has(hash) ? info : undefined;
  }

  async #isComplete(info: ObjectInfo): Promise<boolean> {
    const { jsm, names } = this.#access;
    const subject = this.#chunkSubject(info);
    const { state } = await jsm.streams.info(names.blobStream, { subjects_filter: subject });
    return (state.subjects?.[subject] ?? 0) === info.chunks;
  }

  async #touch(info: ObjectInfo): Promise<void> {
    const passed = wallNow() - touchedOf(info);
    if (passed >= 0 && passed < TOUCH_AGAIN_MS) return;
    await this.#describe(info, { metadata: { touched: String(wallNow()) } });
  }

  /** Replaces the description of an object, in the revision that was read alone. */
  async #describe(info: ObjectInfo, change: Partial<ObjectInfo>): Promise<void> {
    const { js, names } = this.#access;
    const { name, bucket, nuid, size, chunks, digest, deleted, mtime, options, metadata } = info;
    const told = headers();
    told.set('Nats-Rollup', 'sub');
    const description = { name, bucket, nuid, size, chunks, digest, deleted, mtime, options, metadata, ...change };
    const subject = `$O.${names.blobs}.M.${subjectOf(name)}`;
    const expect = { lastSubjectSequence: info.revision };
    await decided(js.publish(subject, JSON.stringify(description), { headers: told, expect, retries: 0 }));
  }

  #chunkSubject(info: ObjectInfo): string {
    return `$O.${this.#access.names.blobs}.C.${info.nuid}`;
  }
}

async function decided<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isWrongRevision(error) ? new Undecided() : error;
  }
}

function touchedOf(info: ObjectInfo): number {
  const touched = Number(info.metadata?.touched);
  return Number.isFinite(touched) ? touched : Date.parse(info.mtime);
}

/** The object store has names in this form: base64 for URLs, filled up. */
function subjectOf(name: string): string {
  const text = Buffer.from(name).toString('base64url');
  return text.padEnd(Math.ceil(text.length / BASE64URL_PADDING) * BASE64URL_PADDING, '=');
}

function nameOf(token: string): string {
  return Buffer.from(token, 'base64url').toString('utf8');
}

function streamOf(pieces: Iterator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

function streamOfSource(source: BlobSource): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const piece = await source.next();
      // What reads the stream may be behind: the source is asked again before that has used it.
      if (piece) return controller.enqueue(piece.slice());
      controller.close();
      await source.close();
    },
    cancel: () => source.close(),
  });
}
