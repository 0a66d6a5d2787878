/**
 * The status in pages, each far below the length of a message, however many runs, shards and trainers there are. Its
 * order is fixed: each run with its shards, in the order in which the runs were deployed, then the trainers. A run
 * whose shards go on behind a page begins the next one again, with the others of them.
 */
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import {
  type MeshStatus,
  type RunStatus,
  runHeader,
  type ShardStatus,
  shardStatus,
  trainersStatus,
} from './mesh-status.ts';
import type { Counted } from './told-status.ts';

/** Bytes of its JSON, about. */
const MAX_PAGE_BYTES = 512 * 1024;

/** @param from runs, shards and trainers that were on pages before */
export function statusPage(state: SynchronizerState, counters: Counted, from = 0): MeshStatus {
  const page = new Page(from);
  for (const run of Object.values(state.runs)) {
    const count = run.deployment.needs.length;
    if (page.skips(1 + count)) continue;
    const shards: ShardStatus[] = [];
    const header = runHeader(state, run);
    const told = page.add(header);
    for (let shard = 0; shard < count; shard++) page.put(() => shardStatus(state, run, shard), shards);
    if (told || shards.length > 0) page.runs.push({ ...header, shards });
  }
  const trainers = trainersStatus(state);
  if (!page.skips(trainers.length)) for (const trainer of trainers) page.put(() => trainer, page.trainers);
  return {
    runs: page.runs,
    trainers: page.trainers,
    refused: counters.refused,
    relayedBytes: counters.relayedBytes,
    more: page.more,
    ...(page.more > 0 ? { next: page.next } : {}),
  };
}

class Page {
  readonly runs: RunStatus[] = [];
  readonly trainers: MeshStatus['trainers'][number][] = [];
  /** Where the next page begins. */
  next: number;
  more = 0;
  readonly #from: number;
  #at = 0;
  #bytes = 0;

  constructor(from: number) {
    this.#from = from;
    this.next = from;
  }

  /** @returns whether all of these `count` are on pages before this one, or behind it */
  skips(count: number): boolean {
    if (this.more > 0) {
      this.more += count;
      return true;
    }
    if (this.#at + count > this.#from) return false;
    this.#at += count;
    return true;
  }

  /** A run, without its shards. @returns whether it is told here for the first time */
  add(header: object): boolean {
    const size = sizeOf(header);
    // Again on each page that has shards of it.
    if (this.#at++ < this.#from) {
      this.#bytes += size;
      return false;
    }
    return this.#take(size);
  }

  put<T extends object>(make: () => T, into: T[]): void {
    if (this.#at++ < this.#from) return;
    if (this.more > 0) {
      this.more++;
      return;
    }
    const made = make();
    if (this.#take(sizeOf(made))) into.push(made);
  }

  /** The first of a page always fits. */
  #take(size: number): boolean {
    const first = this.next === this.#from;
    if (this.more === 0 && (first || this.#bytes + size <= MAX_PAGE_BYTES)) {
      this.#bytes += size;
      this.next = this.#at;
      return true;
    }
    this.more++;
    return false;
  }
}

function sizeOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1;
}
