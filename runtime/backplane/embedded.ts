/** The backplane of one synchronizer without any server: SQLite (each commit flushed) and files. */
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import type { Backplane, Entry, StreamRecord } from './backplane.ts';
import { BlobFiles } from './blob-files.ts';

const TABLES = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS record (
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (stream, sequence)
  ) WITHOUT ROWID;
`;

/** @param folder made where it is not there */
export function embeddedBackplane(folder: string): Backplane {
  mkdirSync(folder, { recursive: true });
  const blobs = new BlobFiles(join(folder, 'blobs'));
  const database = new Database(join(folder, 'state.db'));
  database.exec(TABLES);
  const subjects = new EventEmitter().setMaxListeners(0);
  const sql = {
    get: database.prepare('SELECT key, value, revision FROM entry WHERE key = ?'),
    insert: database.prepare('INSERT INTO entry VALUES (?, ?, 1) ON CONFLICT DO NOTHING'),
    replace: database.prepare('UPDATE entry SET value = ?, revision = revision + 1 WHERE key = ? AND revision = ?'),
    remove: database.prepare('DELETE FROM entry WHERE key = ? AND revision = ?'),
    list: database.prepare('SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key'),
    append: database.prepare(
      'INSERT INTO record SELECT ?, COALESCE(MAX(sequence), 0) + 1, ? FROM record WHERE stream = ? RETURNING sequence',
    ),
    read: database.prepare(
      'SELECT sequence, value FROM record WHERE stream = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
    ),
    // The last one stays in any case: the next number follows from it.
    trim: database.prepare(
      'DELETE FROM record WHERE stream = ? AND sequence < min(?, (SELECT MAX(sequence) FROM record WHERE stream = ?))',
    ),
  };
  return {
    get: async (key) => entryOf(sql.get.get(key)),
    put: async (key, value, expected) => {
      const { changes } = expected === 0 ? sql.insert.run(key, value) : sql.replace.run(value, key, expected);
      return changes === 1 ? expected + 1 : undefined;
    },
    remove: async (key, expected) => sql.remove.run(key, expected).changes === 1,
    list: async (prefix) =>
      (sql.list.all(prefix, `${prefix}\u{10ffff}`) as unknown[]).flatMap((row) => entryOf(row) ?? []),
    putBlob: async (bytes) => blobs.put(bytes),
    getBlob: async (hash) => blobs.get(hash),
    hasBlob: async (hash) => blobs.has(hash),
    append: async (stream, value) => (sql.append.get(stream, value, stream) as { sequence: number }).sequence,
    read: async (stream, from, limit) =>
      (sql.read.all(stream, from, limit) as StreamRecord[]).map(({ sequence, value }) => ({ sequence, value })),
    trim: async (stream, before) => {
      sql.trim.run(stream, before, stream);
    },
    publish: async (subject, message) => {
      subjects.emit(subject, message);
    },
    subscribe: (subject, listener) => {
      subjects.on(subject, listener);
      return () => subjects.off(subject, listener);
    },
    close: async () => {
      subjects.removeAllListeners();
      database.close();
    },
  };
}

function entryOf(row: unknown): Entry | undefined {
  if (typeof row !== 'object' || row === null) return undefined;
  const { key, value, revision } = row as Entry;
  return { key, value, revision };
}
