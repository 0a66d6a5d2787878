/**
 * Carries all that a mesh keeps from one backplane to another: entries, streams with their chain, blobs. What is there
 * already stays, so that it can be begun again after it was ended anywhere; what belongs to no mesh goes.
 */
import { createHash } from 'node:crypto';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Backplane, ChainedRecord, Entry } from './backplane.ts';
import { chainProblem, EMPTY } from './chain.ts';
import { differs } from './chain-errors.ts';
import { type ChainReader, recordsOf } from './compare-streams.ts';
import { FORGOTTEN, MOVE_KEY } from './own-keys.ts';

/** Records put at a time. */
const PAGE = 64;

/** What a move comes to: an entry, a page of records of a stream, a blob. */
export type Moved = (what: string) => void;

/** @param moved told of each that was put there now */
export async function copyMesh(from: Backplane, to: Backplane, moved: Moved): Promise<void> {
  await copyEntries(from, to, moved);
  for (const stream of await from.streams()) await copyStream(from, to, stream, moved);
  const there = new Set((await to.listBlobs()).map(({ hash }) => hash));
  for (const { hash, bytes } of await from.listBlobs()) {
    if (there.has(hash)) continue;
    await copyBlob(from, to, hash, bytes);
    moved(`blob ${hash.slice(0, 12)}, ${bytes} bytes`);
  }
}

async function copyEntries(from: Backplane, to: Backplane, moved: Moved): Promise<void> {
  const wanted = new Map((await from.list('')).filter(isCarried).map((entry) => [entry.key, entry]));
  const there = new Map((await to.list('')).filter(isCarried).map((entry) => [entry.key, entry]));
  for (const { key, value } of wanted.values()) {
    const before = there.get(key);
    if (before && (before.value === value || saysMore(before, value))) continue;
    await to.put(key, value, before?.revision ?? 0);
    moved(`entry ${key}`);
  }
  for (const { key, revision } of there.values())
    if (!wanted.has(key) && !key.startsWith(FORGOTTEN)) await to.remove(key, revision);
}

/** Of a copy that was begun before: what it has said of streams that begin later counts, whatever the source says. */
function saysMore({ key, value }: Entry, than: string): boolean {
  return key.startsWith(FORGOTTEN) && Number(value) >= Number(than);
}

async function copyStream(from: Backplane, to: Backplane, stream: string, moved: Moved): Promise<void> {
  const there = recordsOf(to, stream);
  let known: ChainedRecord | undefined = (await there.next()).value ?? undefined;
  let page: ChainedRecord[] = [];
  const put = async (): Promise<void> => {
    if (page.length === 0) return;
    await to.restore(stream, page);
    moved(`record ${page.at(-1)?.sequence} of ${stream}`);
    page = [];
  };
  for await (const record of recordsOf(from, stream)) {
    if (known) {
      if (known.hash !== record.hash)
        throw differs(stream, `record ${record.sequence} is another one where it goes to`);
      known = (await there.next()).value ?? undefined;
      continue;
    }
    if (page.length === 0 && record.sequence > 1) await sayForgotten(to, stream, record.sequence);
    page.push(record);
    if (page.length === PAGE) await put();
  }
  await put();
}

/** A copy that begins later finds why the first records are missing. */
async function sayForgotten(to: Backplane, stream: string, first: number): Promise<void> {
  const [before] = await to.chain(stream, 1, 1);
  if (before) return;
  const entry = await to.get(FORGOTTEN + stream);
  if (Number(entry?.value ?? 0) < first) await to.put(FORGOTTEN + stream, String(first), entry?.revision ?? 0);
}

async function copyBlob(from: Backplane, to: Backplane, hash: string, bytes: number): Promise<void> {
  const source = await from.readBlob(hash);
  // Damaged before: its runs know that, and what is read next will say so.
  if (!source) return;
  const sink = await to.writeBlob(hash, bytes);
  try {
    for (let piece = await source.next(); piece; piece = await source.next()) sink.write(piece);
    await sink.finish();
  } finally {
    sink.abandon();
    await source.close();
  }
}

/** What a mesh keeps. */
export interface Digest {
  readonly entries: number;
  readonly streams: number;
  readonly records: number;
  readonly blobs: number;
  /** Of the blobs. */
  readonly bytes: number;
  /** SHA-256 of all of it: equal where nothing was lost, added or changed. */
  readonly sha256: string;
}

/** Reads everything: each record is held against its chain, each blob against its hash. @throws EnvironmentError `chain/differs` */
export async function digestOf(backplane: Backplane): Promise<Digest> {
  const all = createHash('sha256');
  const entries = (await backplane.list('')).filter(isCarried).filter(({ key }) => !key.startsWith(FORGOTTEN));
  for (const { key, value } of entries) all.update(canonicalBytes(['entry', key, value]));
  let records = 0;
  const streams = await backplane.streams();
  for (const stream of streams) {
    const read = await readStream(backplane, stream);
    records += read.records;
    all.update(canonicalBytes(['stream', stream, read.records, read.sequence, read.hash]));
  }
  const blobs = [...(await backplane.listBlobs())].sort((a, b) => (a.hash < b.hash ? -1 : 1));
  let [whole, bytes] = [0, 0];
  for (const blob of blobs) {
    if (!(await isWhole(backplane, blob.hash))) continue;
    all.update(canonicalBytes(['blob', blob.hash, blob.bytes]));
    whole++;
    bytes += blob.bytes;
  }
  return { entries: entries.length, streams: streams.length, records, blobs: whole, bytes, sha256: all.digest('hex') };
}

async function readStream(
  reader: ChainReader,
  stream: string,
): Promise<{ readonly records: number; readonly sequence: number; readonly hash: string }> {
  let [records, head] = [0, EMPTY];
  for await (const record of recordsOf(reader, stream)) {
    const problem = chainProblem(stream, record, records > 0 || record.sequence === 1 ? head : undefined);
    if (problem !== undefined) throw differs(stream, problem);
    head = { sequence: record.sequence, hash: record.hash };
    records++;
  }
  return { records, ...head };
}

async function isWhole(backplane: Backplane, hash: string): Promise<boolean> {
  const source = await backplane.readBlob(hash);
  if (!source) return false;
  const read = createHash('sha256');
  try {
    for (let piece = await source.next(); piece; piece = await source.next()) read.update(piece);
  } finally {
    await source.close();
  }
  return read.digest('hex') === hash;
}

function isCarried({ key }: Entry): boolean {
  return key !== MOVE_KEY;
}
