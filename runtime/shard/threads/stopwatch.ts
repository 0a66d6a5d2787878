/** Where the time of a shard goes in its thread; nothing is read where that is not asked for. */

/** Milliseconds, and runs of the device. */
export interface Spent {
  waiting: number;
  copying: number;
  device: number;
  runs: number;
}

const ROWS = ['waiting', 'copying', 'device', 'runs'] as const satisfies readonly (keyof Spent)[];

/** @returns nothing where nothing was measured */
export function sumOf(all: readonly (Spent | undefined)[]): Spent | undefined {
  const measured = all.filter((spent) => spent !== undefined);
  if (measured.length === 0) return undefined;
  const sum = { waiting: 0, copying: 0, device: 0, runs: 0 };
  for (const spent of measured) for (const row of ROWS) sum[row] += spent[row];
  return sum;
}

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
