/** A backplane in memory that several may share, for tests that want it wrong, slow or both. */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Backplane, ChainedRecord, Entry } from '../../runtime/backplane/backplane.ts';
import { chained, chainProblem, EMPTY } from '../../runtime/backplane/chain.ts';
import { differs } from '../../runtime/backplane/chain-errors.ts';

export interface MemoryBackplane extends Backplane {
  /** What lies there: to be changed past the mesh. */
  readonly kept: Map<string, ChainedRecord[]>;
  readonly entries: Map<string, Entry>;
}

export function memoryBackplane(): MemoryBackplane {
  const kept = new Map<string, ChainedRecord[]>();
  const entries = new Map<string, Entry>();
  const blobs = new Map<string, Uint8Array>();
  const subjects = new EventEmitter().setMaxListeners(0);
  const of = (stream: string): ChainedRecord[] => kept.get(stream) ?? [];
  const none = (): never => {
    throw new Error('it is not there in memory');
  };
  const put = (bytes: Uint8Array): string => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    blobs.set(hash, bytes);
    return hash;
  };
  const change = (key: string, value: string | undefined, expected: number): number | undefined => {
    if ((entries.get(key)?.revision ?? 0) !== expected) return undefined;
    if (value === undefined) entries.delete(key);
    else entries.set(key, { key, value, revision: expected + 1 });
    return expected + 1;
  };
  const restore = (stream: string, records: readonly ChainedRecord[]): void => {
    for (const record of records) {
      const problem = chainProblem(stream, record, of(stream).at(-1));
      if (problem !== undefined) throw differs(stream, problem);
      kept.set(stream, [...of(stream), record]);
    }
  };
  return {
    kept,
    entries,
    get: async (key) => entries.get(key),
    put: async (key, value, expected) => change(key, value, expected),
    remove: async (key, expected) => change(key, undefined, expected) !== undefined,
    list: async (prefix) =>
      [...entries.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1)),
    putBlob: async (bytes) => put(bytes),
    getBlob: async (hash) => blobs.get(hash),
    hasBlob: async (hash) => blobs.has(hash),
    writeBlob: none,
    readBlob: none,
    touchBlob: async (hash) => blobs.has(hash),
    listBlobs: async () => [...blobs].map(([hash, { length }]) => ({ hash, bytes: length, touched: 0 })),
    removeBlob: async (hash) => void blobs.delete(hash),
    onDamagedBlob: () => () => undefined,
    append: async (stream, value) => {
      const record = chained(stream, of(stream).at(-1) ?? EMPTY, value);
      kept.set(stream, [...of(stream), record]);
      return record.sequence;
    },
    read: async (stream, from, limit) =>
      of(stream)
        .filter((r) => r.sequence >= from)
        .slice(0, limit)
        .map(({ sequence, value }) => ({ sequence, value })),
    trim: async (stream, before) => {
      const last = of(stream).at(-1)?.sequence ?? 0;
      kept.set(
        stream,
        of(stream).filter((r) => r.sequence >= Math.min(before, last)),
      );
    },
    chain: async (stream, from, limit) =>
      of(stream)
        .filter((r) => r.sequence >= from)
        .slice(0, limit),
    streams: async () => [...kept].flatMap(([name, records]) => (records.length > 0 ? [name] : [])).sort(),
    restore: async (stream, records) => restore(stream, records),
    publish: async (subject, message) => void subjects.emit(subject, message),
    subscribe: (subject, listener) => {
      subjects.on(subject, listener);
      return () => subjects.off(subject, listener);
    },
    close: async () => undefined,
  };
}
