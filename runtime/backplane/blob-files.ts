/** Blobs as files named by their SHA-256: written beside, flushed, renamed; read back only if they still have it. */
import { closeSync, existsSync, fsyncSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, removeLeftovers } from '../support/atomic.ts';
import { boundedCount } from '../support/bounded.ts';
import { wallNow } from '../support/clock.ts';
import { makePrivateFolder, openForReading, openForReadingSoon, removeFile, setTimes } from '../support/safe-files.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { KeptBlob } from './backplane.ts';
import { BlobReader } from './blob-reader.ts';
import { BlobWriter } from './blob-writer.ts';
import type { DiskRoom } from './disk-room.ts';
import { OpenFiles } from './open-files.ts';

const HASH = /^[0-9a-f]{64}$/;

/** Bytes of a blob from a place on. */
export interface BlobRead {
  readonly at: number;
  readonly into: Uint8Array;
}

export class BlobFiles {
  readonly #folder: SafePath;
  readonly #durable: boolean;
  readonly #room: DiskRoom | undefined;
  /** Of which rows are read: of a large data set each batch wants some of nearly every part. */
  readonly #open = new OpenFiles();

  /**
   * @param durable flushed to the disk; a cache needs that not, since what a power cut has torn fails its hash
   * @param room what the disk must have left
   */
  constructor(folder: string, durable = true, room?: DiskRoom) {
    this.#folder = ownPath(folder);
    this.#durable = durable;
    this.#room = room;
    makePrivateFolder(this.#folder);
    removeLeftovers(this.#folder);
    // Of versions that wrote beside the blob itself.
    for (const part of this.#parts()) removeLeftovers(ownPath(folder, part));
  }

  put(bytes: Uint8Array): string {
    const hash = hex(sha256(bytes));
    // One that the disk has damaged since is replaced.
    if (this.get(hash)) this.touch(hash);
    else {
      const writer = this.write(hash, bytes.length);
      writer.write(bytes);
      writer.finishAtOnce(fsyncSync);
    }
    return hash;
  }

  /** @throws EnvironmentError `disk/full` and others of the disk */
  write(hash: string, bytes: number): BlobWriter {
    const beside = ownPath(this.#folder, assertHash(hash));
    this.#open.close(hash);
    return new BlobWriter({ hash, bytes, path: this.#path(hash), beside, durable: this.#durable, room: this.#room });
  }

  /** @param most bytes: a longer one is not read. @throws SizeError */
  get(hash: string, most = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    if (!this.has(hash)) return undefined;
    boundedCount(statSync(this.#path(hash)).size, most, `blob ${hash}`);
    const bytes = readFileSync(this.#path(hash));
    if (hex(sha256(bytes)) === hash) return bytes;
    // A faulty disk: better missing than wrong.
    this.remove(hash);
    return undefined;
  }

  /** In pieces; one that turns out damaged is gone behind its last piece. */
  async read(hash: string, damaged: () => void): Promise<BlobReader | undefined> {
    if (!this.has(hash)) return undefined;
    try {
      const file = await openForReadingSoon(this.#path(hash));
      const { size } = await file.stat();
      return new BlobReader(file, hash, size, () => {
        this.remove(hash);
        damaged();
      });
    } catch (error) {
      // Removed between our look and now.
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Bytes from places of a blob, whose hash is not looked at. @returns whether it has all of them */
  readAt(hash: string, reads: readonly BlobRead[]): boolean {
    if (!this.has(hash)) return false;
    const file = openForReading(this.#path(hash));
    try {
      return hasAll(file, reads);
    } finally {
      closeSync(file);
    }
  }

  /** The same of a blob that is read again and again: its file stays open. */
  readOften(hash: string, reads: readonly BlobRead[]): boolean {
    const file = this.#open.get(hash, () => (this.has(hash) ? openForReading(this.#path(hash)) : undefined));
    return file !== undefined && hasAll(file, reads);
  }

  /** Bytes of a blob that is there. */
  size(hash: string): number {
    return statSync(this.#path(hash)).size;
  }

  has(hash: string): boolean {
    return HASH.test(hash) && existsSync(this.#path(hash));
  }

  /** @returns whether it is there: then it counts as brought just now */
  touch(hash: string): boolean {
    if (!this.has(hash)) return false;
    const seconds = wallNow() / 1000;
    setTimes(this.#path(hash), seconds);
    return true;
  }

  remove(hash: string): void {
    if (!HASH.test(hash)) return;
    this.#open.close(hash);
    removeFile(this.#path(hash));
  }

  list(): KeptBlob[] {
    return this.#parts().flatMap((part) =>
      readdirSync(join(this.#folder, part))
        .filter((name) => HASH.test(name))
        .flatMap((hash) => {
          const found = statSync(this.#path(hash), { throwIfNoEntry: false });
          return found ? [{ hash, bytes: found.size, touched: found.mtimeMs }] : [];
        }),
    );
  }

  #parts(): string[] {
    return readdirSync(this.#folder).filter((name) => /^[0-9a-f]{2}$/.test(name));
  }

  #path(hash: string): SafePath {
    return ownPath(this.#folder, assertHash(hash).slice(0, 2), hash);
  }
}

function hasAll(file: number, reads: readonly BlobRead[]): boolean {
  return reads.every(({ at, into }) => readSync(file, into, 0, into.length, at) === into.length);
}

/** A name from outside becomes a path here, and is no other than this. */
function assertHash(hash: string): string {
  if (!HASH.test(hash)) throw new Error(`not a hash: ${hash.slice(0, 100)}`);
  return hash;
}
