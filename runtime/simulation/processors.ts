/**
 * The processors of the machines of a model: work waits for a core, and for the thread that it belongs to. Cores that
 * share what they have (two threads of one core, their memory) slow each other down.
 */

export interface Cores {
  readonly cores: number;
  /** How many times as fast all cores together are as one that works alone; absent: each is as fast as if alone. */
  readonly speedup?: number;
}

export interface Job {
  readonly machine: number;
  /** Jobs of one thread go one after the other. */
  readonly thread?: number;
  /** Where nothing else runs on the machine. */
  readonly seconds: number;
  /** @param took seconds from its start */
  readonly done: (took: number) => void;
}

export class Processors {
  readonly #machines: readonly Cores[];
  readonly #after: (seconds: number, what: () => void) => void;
  readonly #running: number[];
  readonly #waiting: Job[][];
  readonly #threads = new Set<number>();

  /** @param after something that happens so many seconds from now */
  constructor(machines: readonly Cores[], after: (seconds: number, what: () => void) => void) {
    this.#machines = machines;
    this.#after = after;
    this.#running = machines.map(() => 0);
    this.#waiting = machines.map(() => []);
  }

  do(job: Job): void {
    this.#waiting[job.machine]?.push(job);
    this.#startSome(job.machine);
  }

  /** In the order in which they were asked for, but no job waits behind one whose thread is busy. */
  #startSome(machine: number): void {
    const waiting = this.#waiting[machine] ?? [];
    while ((this.#running[machine] ?? 0) < (this.#machines[machine]?.cores ?? 1)) {
      const at = waiting.findIndex(({ thread }) => thread === undefined || !this.#threads.has(thread));
      const [job] = at < 0 ? [] : waiting.splice(at, 1);
      if (!job) return;
      this.#start(job);
    }
  }

  #start({ machine, thread, seconds, done }: Job): void {
    const running = (this.#running[machine] ?? 0) + 1;
    this.#running[machine] = running;
    const { speedup = running } = this.#machines[machine] ?? {};
    if (thread !== undefined) this.#threads.add(thread);
    const took = seconds * Math.max(1, running / speedup);
    this.#after(took, () => {
      this.#running[machine] = (this.#running[machine] ?? 0) - 1;
      if (thread !== undefined) this.#threads.delete(thread);
      this.#startSome(machine);
      done(took);
    });
  }
}
