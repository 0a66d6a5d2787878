/** The backplane of several synchronizers: NATS with JetStream, whose servers others keep. See `nats-stores.ts`. */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Backplane } from './backplane.ts';
import { BlobCache, MAX_CACHE_BYTES } from './blob-cache.ts';
import { NatsBlobs } from './nats-blobs.ts';
import { connectNats, type NatsOptions } from './nats-connection.ts';
import { NatsEntries } from './nats-entries.ts';
import { NatsMessages } from './nats-messages.ts';
import { NatsRecords } from './nats-records.ts';
import { assertVersion } from './nats-servers.ts';
import { assertStores, openBlobStore } from './nats-stores.ts';

export interface NatsBackplaneOptions extends NatsOptions {
  /** Of this machine: blobs pass through it, and those used last stay there. */
  readonly folder: string;
  readonly maxCacheBytes?: number;
  /** A version that a mesh should not rely on is taken. */
  readonly acceptOlder?: boolean;
}

const DAMAGED = 'damaged blob';

/**
 * @throws UserError `mesh/address`, `mesh/insecure`, `mesh/name`
 * @throws EnvironmentError `nats/…`
 */
export async function natsBackplane(options: NatsBackplaneOptions): Promise<Backplane> {
  const access = await connectNats(options);
  try {
    assertVersion(access.connection.info?.version ?? '', options.acceptOlder ?? false);
    await assertStores(access);
    const damaged = new EventEmitter().setMaxListeners(0);
    const cache = new BlobCache(join(options.folder, 'blobs'), options.maxCacheBytes ?? MAX_CACHE_BYTES);
    const blobs = new NatsBlobs(access, await openBlobStore(access), cache, (hash) => damaged.emit(DAMAGED, hash));
    const entries = new NatsEntries(access);
    const records = new NatsRecords(access);
    const messages = new NatsMessages(access);
    return {
      get: (key) => entries.get(key),
      put: (key, value, expected) => entries.put(key, value, expected),
      remove: (key, expected) => entries.remove(key, expected),
      list: (prefix) => entries.list(prefix),
      putBlob: (bytes) => blobs.put(bytes),
      getBlob: (hash) => blobs.get(hash),
      hasBlob: (hash) => blobs.has(hash),
      writeBlob: async (hash, bytes) => blobs.write(hash, bytes),
      readBlob: (hash) => blobs.read(hash),
      touchBlob: (hash) => blobs.touch(hash),
      listBlobs: () => blobs.list(),
      removeBlob: (hash) => blobs.remove(hash),
      onDamagedBlob: (listener) => {
        damaged.on(DAMAGED, listener);
        return () => damaged.off(DAMAGED, listener);
      },
      append: (stream, value) => records.append(stream, value),
      read: (stream, from, limit) => records.read(stream, from, limit),
      trim: (stream, before) => records.trim(stream, before),
      chain: (stream, from, limit) => records.chain(stream, from, limit),
      streams: () => records.streams(),
      restore: (stream, kept) => records.restore(stream, kept),
      publish: (subject, message) => messages.publish(subject, message),
      subscribe: (subject, listener) => messages.subscribe(subject, listener),
      close: async () => {
        damaged.removeAllListeners();
        await access.connection.close();
      },
    };
  } catch (error) {
    await access.connection.close();
    throw error;
  }
}
