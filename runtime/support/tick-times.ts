/**
 * Where the time of a shard's ticks goes, for `NMC_DEBUG=6`. A shard's own work stands in one row at a time: entering a
 * row leaves the one before it. What others do for it (its device, its neighbours) is added where it has been waited for.
 * Nothing is read and nothing kept where it is not asked for.
 */

/** In the order of the table. */
export const TICK_ROWS = [
  'waiting for a border',
  'crossing threads',
  'device',
  'opening',
  'decoding',
  'copying',
  'encoding',
  'hashing',
  'signing',
  'sealing',
  'socket',
  'other work',
  'garbage collection',
  'processor, all threads',
] as const;
export type TickRow = (typeof TICK_ROWS)[number];

/** Times of the whole process since it began, in milliseconds. */
export interface ProcessTimes {
  readonly now: number;
  /** Of the thread that asks: its event loop was not idle. */
  readonly active: number;
  readonly collecting: number;
  /** Processor time of all its threads. */
  readonly processor: number;
}

const EVERY_MS = 10_000;
const OUTSIDE = -1;
const ROWS: ReadonlyMap<TickRow, number> = new Map(TICK_ROWS.map((row, i) => [row, i]));

export class TickTimes {
  readonly on: boolean;
  readonly #name: string;
  readonly #write: (line: string) => void;
  readonly #process: () => ProcessTimes;
  readonly #spent = new Float64Array(TICK_ROWS.length);
  #row = OUTSIDE;
  #since = 0;
  /** Work of this thread that stands in a row. */
  #own = 0;
  #ticks = 0;
  #calls = 0;
  #runs = 0;
  #before: ProcessTimes;

  /** @param name of the shard, for people */
  constructor(on: boolean, name: string, write: (line: string) => void, process: () => ProcessTimes) {
    this.on = on;
    this.#name = name;
    this.#write = write;
    this.#process = process;
    this.#before = on ? process() : { now: 0, active: 0, collecting: 0, processor: 0 };
  }

  /** From now on this thread's work stands in this row. @returns what `leave` needs */
  enter(row: TickRow): number {
    if (!this.on) return OUTSIDE;
    const before = this.#row;
    this.#turn(ROWS.get(row) ?? OUTSIDE);
    return before;
  }

  /** Back to the row before. */
  leave(before: number): void {
    if (this.on) this.#turn(before);
  }

  /** Milliseconds that went by elsewhere. */
  add(row: TickRow, milliseconds: number): void {
    if (this.on) this.#count(ROWS.get(row) ?? OUTSIDE, milliseconds);
  }

  /** The device has run something, or so many things. */
  ran(runs = 1): void {
    this.#runs += runs;
  }

  /** A call is over. @param ticks repetitions of its stages; from time to time the table is written */
  called(ticks: number): void {
    if (!this.on) return;
    this.#calls++;
    this.#ticks += ticks;
    if (this.#process().now - this.#before.now >= EVERY_MS) this.write();
  }

  /** Writes the table since it was last written. */
  write(): void {
    if (!this.on || this.#ticks === 0) return;
    const now = this.#process();
    const { active, collecting, processor } = this.#before;
    this.#count(ROWS.get('other work') ?? OUTSIDE, Math.max(0, now.active - active - this.#own));
    this.#count(ROWS.get('garbage collection') ?? OUTSIDE, now.collecting - collecting);
    this.#count(ROWS.get('processor, all threads') ?? OUTSIDE, now.processor - processor);
    const ticks = this.#ticks;
    const each = (milliseconds: number): string => ((1000 * milliseconds) / ticks).toFixed(1).padStart(10);
    this.#write(
      `${this.#name}: ${this.#calls} calls, ${ticks} ticks, ${(this.#runs / ticks).toFixed(2)} runs of the device a tick, of a tick:`,
    );
    this.#write(`${'all'.padEnd(24)} ${each(now.now - this.#before.now)} us`);
    for (const [i, row] of TICK_ROWS.entries()) this.#write(`${row.padEnd(24)} ${each(this.#spent[i] ?? 0)} us`);
    this.#spent.fill(0);
    [this.#own, this.#ticks, this.#calls, this.#runs] = [0, 0, 0, 0];
    this.#before = now;
  }

  #turn(row: number): void {
    const now = performance.now();
    if (this.#row !== OUTSIDE) {
      this.#count(this.#row, now - this.#since);
      this.#own += now - this.#since;
    }
    this.#row = row;
    this.#since = now;
  }

  #count(row: number, milliseconds: number): void {
    if (row !== OUTSIDE) this.#spent[row] = (this.#spent[row] ?? 0) + milliseconds;
  }
}

/** A stopwatch that measures nothing. */
export const NO_TICK_TIMES = new TickTimes(
  false,
  '',
  () => undefined,
  () => ({ now: 0, active: 0, collecting: 0, processor: 0 }),
);
