/** The backplane of one synchronizer without any server: SQLite (each commit flushed) and files. */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { makePrivateFolder } from '../support/safe-files.ts';
import { ownPath } from '../support/safe-path.ts';
import type { Backplane, Entry } from './backplane.ts';
import { BlobFiles } from './blob-files.ts';
import { diskRoom } from './disk-room.ts';
import { EmbeddedRecords } from './embedded-records.ts';
import { openDatabase } from './open-database.ts';

export interface EmbeddedOptions {
  /** Bytes that stay free for the database. */
  readonly headroom?: number;
  /** Free bytes of the disk; asked of the system unless given. */
  readonly freeBytes?: () => number;
  /** A database that has stepped back is no reason to stop. */
  readonly acceptOlder?: boolean;
  /** It has, and that is accepted. */
  readonly onOlder?: (message: string) => void;
}

/** Beside the subjects of messages, which begin otherwise. */
const DAMAGED = 'damaged blob';

/**
 * @param folder made where it is not there
 * @throws EnvironmentError `mesh/state-damaged`, `mesh/state-older`
 */
export function embeddedBackplane(folder: string, options: EmbeddedOptions = {}): Backplane {
  makePrivateFolder(ownPath(folder));
  const blobs = new BlobFiles(join(folder, 'blobs'), true, diskRoom(folder, options.headroom, options.freeBytes));
  const opened = openDatabase(folder, options.acceptOlder ?? false, options.onOlder ?? (() => undefined));
  const { database } = opened;
  const records = new EmbeddedRecords(database);
  const subjects = new EventEmitter().setMaxListeners(0);
  const listen = (name: string, listener: (message: string) => void): (() => void) => {
    subjects.on(name, listener);
    return () => subjects.off(name, listener);
  };
  const sql = {
    get: database.prepare('SELECT key, value, revision FROM entry WHERE key = ?'),
    insert: database.prepare('INSERT INTO entry VALUES (?, ?, 1) ON CONFLICT DO NOTHING'),
    replace: database.prepare('UPDATE entry SET value = ?, revision = revision + 1 WHERE key = ? AND revision = ?'),
    remove: database.prepare('DELETE FROM entry WHERE key = ? AND revision = ?'),
    list: database.prepare('SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key'),
  };
  return {
    get: async (key) => entryOf(sql.get.get(key)),
    put: async (key, value, expected) => {
      const { changes } = expected === 0 ? sql.insert.run(key, value) : sql.replace.run(value, key, expected);
      if (changes !== 1) return undefined;
      opened.confirm();
      return expected + 1;
    },
    remove: async (key, expected) => {
      const removed = sql.remove.run(key, expected).changes === 1;
      if (removed) opened.confirm();
      return removed;
    },
    list: async (prefix) =>
      (sql.list.all(prefix, `${prefix}\u{10ffff}`) as unknown[]).flatMap((row) => entryOf(row) ?? []),
    putBlob: async (bytes) => blobs.put(bytes),
    getBlob: async (hash) => {
      const bytes = blobs.get(hash);
      if (!bytes) subjects.emit(DAMAGED, hash);
      return bytes;
    },
    hasBlob: async (hash) => blobs.has(hash),
    writeBlob: async (hash, bytes) => blobs.write(hash, bytes),
    readBlob: async (hash) => {
      const source = await blobs.read(hash, () => subjects.emit(DAMAGED, hash));
      if (!source) subjects.emit(DAMAGED, hash);
      return source;
    },
    touchBlob: async (hash) => blobs.touch(hash),
    listBlobs: async () => blobs.list(),
    removeBlob: async (hash) => blobs.remove(hash),
    onDamagedBlob: (listener) => listen(DAMAGED, listener),
    append: async (stream, value) => records.append(stream, value),
    read: async (stream, from, limit) => records.read(stream, from, limit),
    trim: async (stream, before) => records.trim(stream, before),
    chain: async (stream, from, limit) => records.chain(stream, from, limit),
    streams: async () => records.streams(),
    restore: async (stream, kept) => records.restore(stream, kept),
    publish: async (subject, message) => {
      subjects.emit(`subject ${subject}`, message);
    },
    subscribe: (subject, listener) => listen(`subject ${subject}`, listener),
    close: async () => {
      subjects.removeAllListeners();
      opened.close();
    },
  };
}

function entryOf(row: unknown): Entry | undefined {
  if (typeof row !== 'object' || row === null) return undefined;
  const { key, value, revision } = row as Entry;
  return { key, value, revision };
}
