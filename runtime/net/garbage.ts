/**
 * The end of blobs that are no longer named. A part that newer manifests have superseded is removed after the next
 * manifest, when that is durable; any other blob an hour after it was last brought or asked about, so that clients that
 * were told of it can rely on it. Blobs that a connection has brought or is fetching are held for it.
 *
 * Each removal is one step, behind a look at everything that names blobs, durable or not yet: a process that is killed
 * between two of them has removed what nothing names, and no more.
 */
import { setImmediate } from 'node:timers/promises';
import type { Backplane } from '../backplane/backplane.ts';
import { blobsOfRun, partsOfRun } from '../roles/named-blobs.ts';
import type { RunState, StoredRun } from '../roles/synchronizer-state.ts';

/** Milliseconds. */
export const GRACE_MS = 3_600_000;

/** Removed between two turns of everything else. */
const BATCH = 64;
/** Of one run, between two manifests; what is beyond goes with the hour. */
const MAX_KNOWN = 65_536;
const BROUGHT = '';

export interface GarbageReport {
  readonly removed: Amount;
  /** Named by nothing; it goes when it is old enough. */
  readonly waiting: Amount;
  readonly kept: Amount;
}

export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export interface GarbageOptions {
  readonly backplane: Backplane;
  /** As they are now, which may not be durable yet. */
  readonly runs: () => readonly RunState[];
  readonly now: () => number;
  /** The blob is gone. */
  readonly removed: (hash: string) => void;
  /** Whether what this run names no more can go at once; absent: always. What cannot goes with the hour. */
  readonly atOnce?: (run: StoredRun) => boolean;
  readonly grace?: number;
}

export class Garbage {
  readonly #options: GarbageOptions;
  /** As they are on the disk. */
  readonly #durable = new Map<string, StoredRun>();
  /** Parts that a run has named since they were last looked at, and whatever is left of those before. */
  readonly #parts = new Map<string, Set<string>>();
  /** By their holders, and what for. */
  readonly #held = new Map<object, Map<string, Set<string>>>();

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /** These stay while their holder does, or until they are let go. */
  hold(holder: object, hashes: Iterable<string>): void {
    const held = this.#holdings(holder).get(BROUGHT) ?? new Set();
    this.#holdings(holder).set(BROUGHT, held);
    for (const hash of hashes) held.add(hash);
  }

  /** The holder is about to fetch this run: no longer what it has asked for before. */
  holdRun(holder: object, run: StoredRun): void {
    this.#holdings(holder).set(run.deployment.run, new Set(blobsOfRun(run)));
  }

  /** @param hashes that it has brought; all where none are named */
  letGo(holder: object, hashes?: Iterable<string>): void {
    if (!hashes) this.#held.delete(holder);
    else for (const hash of hashes) this.#held.get(holder)?.get(BROUGHT)?.delete(hash);
  }

  #holdings(holder: object): Map<string, Set<string>> {
    const holdings = this.#held.get(holder) ?? new Map<string, Set<string>>();
    this.#held.set(holder, holdings);
    return holdings;
  }

  /** A shard has said that this is its part. */
  part(run: string, hash: string): void {
    const known = this.#parts.get(run) ?? new Set();
    this.#parts.set(run, known);
    if (known.size < MAX_KNOWN) known.add(hash);
  }

  /** The run is as durable as this: parts that it named before and does not now go. */
  async persisted(run: StoredRun): Promise<void> {
    const id = run.deployment.run;
    for (const hash of partsOfRun(this.#durable.get(id) ?? run)) this.part(id, hash);
    this.#durable.set(id, run);
    const known = this.#parts.get(id) ?? new Set();
    const superseded = this.#withoutNamed(known);
    for (const hash of superseded) known.delete(hash);
    if (this.#options.atOnce?.(run) ?? true) await this.#remove(superseded);
  }

  /** What was brought for one use goes when that is over, unless a run names it, or another one holds it. */
  async drop(hashes: Iterable<string>): Promise<void> {
    await this.#remove(this.#withoutNamed(hashes));
  }

  /** @param dryRun only says what would go */
  async collect(dryRun = false): Promise<GarbageReport> {
    const { backplane, now, grace = GRACE_MS } = this.#options;
    const report = { removed: none(), waiting: none(), kept: none() };
    const blobs = await backplane.listBlobs();
    const unnamed = this.#withoutNamed(blobs.map((b) => b.hash));
    const due: string[] = [];
    for (const { hash, bytes, touched } of blobs) {
      const old = now() - touched >= grace;
      count(!unnamed.has(hash) ? report.kept : old ? report.removed : report.waiting, bytes);
      if (!unnamed.has(hash) || dryRun) continue;
      if (old) due.push(hash);
      // A time that is long to come is of a clock that was set back since: it counts from now.
      else if (touched > now() + grace) await backplane.touchBlob(hash);
    }
    for (let at = 0; at < due.length; at += BATCH) {
      // Others went on meanwhile, and may name what nothing has named before.
      await this.#remove(this.#withoutNamed(due.slice(at, at + BATCH)));
      await setImmediate();
    }
    return report;
  }

  /** All at once, before any other task has a turn. */
  async #remove(hashes: Iterable<string>): Promise<void> {
    const { backplane, removed } = this.#options;
    await Promise.all(
      [...hashes].map((hash) => {
        removed(hash);
        return backplane.removeBlob(hash);
      }),
    );
  }

  /** Those that no run names, as it is durable or as it is now, and that are not held. */
  #withoutNamed(hashes: Iterable<string>): Set<string> {
    const left = new Set(hashes);
    if (left.size === 0) return left;
    for (const run of [...this.#durable.values(), ...this.#options.runs()])
      for (const hash of blobsOfRun(run)) left.delete(hash);
    for (const holdings of this.#held.values())
      for (const held of holdings.values()) for (const hash of held) left.delete(hash);
    return left;
  }
}

interface Counted {
  blobs: number;
  bytes: number;
}

function none(): Counted {
  return { blobs: 0, bytes: 0 };
}

function count(amount: Counted, bytes: number): void {
  amount.blobs++;
  amount.bytes += bytes;
}
