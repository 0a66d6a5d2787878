/** Where the time of a shard goes in its thread; nothing is read where that is not asked for. */
import type { Spent } from './messages.ts';

type Row = Exclude<keyof Spent, 'runs'>;

export class Stopwatch {
  readonly #isOn: boolean;
  #spent: Spent = { waiting: 0, copying: 0, device: 0, runs: 0 };
  #row: Row | undefined;
  #since = 0;

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** From now on time stands in this row. */
  turn(row: Row | undefined): void {
    if (!this.#isOn || row === this.#row) return;
    const now = performance.now();
    if (this.#row !== undefined) this.#spent[this.#row] += now - this.#since;
    this.#row = row;
    this.#since = now;
  }

  /** A run of the device has ended. */
  ran(): void {
    this.#spent.runs++;
    this.turn(undefined);
  }

  /** Time spent since this was last asked. */
  taken(): Spent | undefined {
    if (!this.#isOn) return undefined;
    this.turn(undefined);
    const spent = this.#spent;
    this.#spent = { waiting: 0, copying: 0, device: 0, runs: 0 };
    return spent;
  }
}
