/**
 * The records that a trainer keeps: one folder a run, one file for each shard, term and stretch. When they take more
 * room than they may, the oldest go.
 */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeBytesOf, HEADROOM_BYTES } from '../../backplane/disk-room.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { removeFile } from '../../support/safe-files.ts';
import { insideFolder, type SafePath } from '../../support/safe-path.ts';
import type { StretchName } from '../../wire/ticket.ts';
import { type RecordFolder, recordName } from './stretch-log.ts';

const COMPLETE = '.rec';
/** Of a record that is being written. */
const OPEN = '.open';

/** With less left on the disk only the newest record is kept. */
const EASE_BYTES = 2 * HEADROOM_BYTES;
/** With less than that nothing is written: a synchronizer on the same disk needs what it leaves free itself. */
const MIN_FREE_BYTES = HEADROOM_BYTES + 50e6;

interface Kept {
  readonly path: SafePath;
  readonly bytes: number;
}

export class RecordStore implements RecordFolder {
  readonly #folder: SafePath;
  readonly port: RecordFolder['port'];
  readonly #freeBytes: () => number;
  readonly #kept: Kept[] = [];
  #bytes = 0;
  /** The most that any run of this trainer asks for. */
  #most = 0;

  /** Removes records that were being written when the process last ended; complete ones stay. */
  constructor(folder: SafePath, freeBytes: () => number = () => freeBytesOf(folder)) {
    this.#folder = folder;
    this.#freeBytes = freeBytes;
    this.port = { assertRoom: (bytes) => this.#assertRoom(bytes), sleep };
    const found = filesIn(folder).flatMap((name) => {
      const path = insideFolder(folder, name);
      if (name.endsWith(OPEN)) removeFile(path);
      return name.endsWith(COMPLETE) ? [{ path, ...sizeAndTime(path) }] : [];
    });
    for (const { path, bytes } of found.sort((a, b) => a.time - b.time)) this.#keep({ path, bytes });
  }

  /** @param bytes of a deployment: what its shards' records may take */
  allow(bytes: number): void {
    this.#most = Math.max(this.#most, bytes);
  }

  readonly pathOf: RecordFolder['pathOf'] = (run, name) => ({
    path: insideFolder(this.#folder, `${run}/${name}${COMPLETE}`),
    beside: insideFolder(this.#folder, `${run}/${name}${OPEN}`),
  });

  readonly complete: RecordFolder['complete'] = (path, bytes) => {
    this.#keep({ path, bytes });
    // The newest stays, whatever its size.
    while (this.#bytes > this.#most && this.#kept.length > 1) this.#dropOldest();
  };

  /** The record of a stretch, where it is complete and still kept. */
  find({ run, shard, term, from }: StretchName): SafePath | undefined {
    const { path } = this.pathOf(run, recordName(shard, term, from));
    return this.#kept.some((kept) => kept.path === path) ? path : undefined;
  }

  /** Of complete records, the oldest first. */
  get paths(): readonly SafePath[] {
    return this.#kept.map(({ path }) => path);
  }

  /** Of records that are complete all but the newest give way. */
  #assertRoom(bytes: number): void {
    let free = this.#freeBytes();
    for (; free < EASE_BYTES && this.#kept.length > 1; free = this.#freeBytes()) this.#dropOldest();
    if (free < MIN_FREE_BYTES + bytes)
      throw new Error(`the disk has ${formatBytes(free)} left, of which ${formatBytes(MIN_FREE_BYTES)} stay free`);
  }

  #keep(record: Kept): void {
    this.#kept.push(record);
    this.#bytes += record.bytes;
  }

  #dropOldest(): void {
    const oldest = this.#kept.shift();
    if (!oldest) return;
    this.#bytes -= oldest.bytes;
    removeFile(oldest.path);
  }
}

/** Names below a folder, of its folders as well; none where it is not there. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  } catch {
    return [];
  }
}

function sizeAndTime(path: SafePath): { readonly bytes: number; readonly time: number } {
  const { size, mtimeMs } = statSync(path);
  return { bytes: size, time: mtimeMs };
}
