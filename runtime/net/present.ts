/** Synchronizers that are there, as they say again and again: what each leads, and how much that is. */
import type { Word } from './backbone.ts';

type Here = Extract<Word, { readonly kind: 'here' }>;

export interface There {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  /** Shards of the runs that it leads. */
  readonly load: number;
  readonly runs: readonly string[];
  readonly presides: boolean;
}

/** Milliseconds: one that has not been heard for so long is not counted on, and gets no new run after this. */
const SILENT_MS = 5000;
const FRESH_MS = 1500;

export class Present {
  readonly #now: () => number;
  readonly #there = new Map<string, There & { readonly at: number }>();

  /** @param now milliseconds since any moment, by a clock that is never set */
  constructor(now: () => number) {
    this.#now = now;
  }

  get all(): readonly There[] {
    return [...this.#there.values()];
  }

  has(name: string): boolean {
    return this.#there.has(name);
  }

  /** @returns whether it leads something else than before */
  here(name: string, { address, pid, load, runs, reign }: Omit<Here, 'kind'>): boolean {
    const before = this.#there.get(name);
    const led = runs.map(([run]) => run);
    const presides = reign !== undefined;
    // Of two who say so the later one counts: the one before may be gone.
    for (const other of this.#there.values())
      if (other.runs.some((run) => led.includes(run)) || (presides && other.presides))
        this.#without(other, led, presides);
    this.#there.set(name, { name, address, pid, load, runs: led, presides, at: this.#now() });
    return before?.presides !== presides || String(before.runs) !== String(led);
  }

  #without(other: There & { readonly at: number }, led: readonly string[], presides: boolean): void {
    const runs = other.runs.filter((run) => !led.includes(run));
    this.#there.set(other.name, { ...other, runs, presides: other.presides && !presides });
  }

  gone(name: string): void {
    this.#there.delete(name);
  }

  /** Those that have been silent for too long. */
  silent(): string[] {
    const now = this.#now();
    return [...this.#there.values()].filter(({ at }) => now - at > SILENT_MS).map(({ name }) => name);
  }

  leaderOf(run: string): string | undefined {
    return this.all.find(({ runs }) => runs.includes(run))?.name;
  }

  get presider(): string | undefined {
    return this.all.find(({ presides }) => presides)?.name;
  }

  /** So many come before this one: those that lead less, of equals those with a smaller name. */
  rank(self: Pick<There, 'name' | 'load'>): number {
    return this.all.filter((other) => isBefore(other, self)).length;
  }

  /** The one that leads least, this one included: a new run goes there. */
  least(self: Pick<There, 'name' | 'load'>): string {
    const now = this.#now();
    const fresh = [...this.#there.values()].filter(({ at }) => now - at < FRESH_MS);
    return [self, ...fresh].reduce((best, other) => (isBefore(other, best) ? other : best)).name;
  }
}

function isBefore(a: Pick<There, 'name' | 'load'>, b: Pick<There, 'name' | 'load'>): boolean {
  return a.load < b.load || (a.load === b.load && a.name < b.name);
}
