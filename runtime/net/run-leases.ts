/** Leases of runs: one for each that is not over, each with its own reign. Runs spread by load; what is free goes to the least. */
import type { Backplane } from '../backplane/backplane.ts';
import { Lease } from './lease.ts';

export interface RunLeasesOptions {
  readonly backplane: Pick<Backplane, 'get' | 'put'>;
  readonly self: string;
  readonly lapseMs: number;
  /** So many of those that are there come before this one, by their load. */
  readonly rank: () => number;
  readonly begins: (run: string, reign: number) => void;
  readonly ends: (run: string, reign: number) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

/** Before the name of a run: the key of its lease. */
const LEADER = 'leader/';
/** Milliseconds for which a run that is free is left to each that leads less. */
const RANK_MS = 250;

export class RunLeases {
  readonly #options: RunLeasesOptions;
  readonly #leases = new Map<string, Lease>();

  constructor(options: RunLeasesOptions) {
    this.#options = options;
  }

  has(run: string): boolean {
    return this.#leases.has(run);
  }

  runs(): string[] {
    return [...this.#leases.keys()];
  }

  /** Tries to lead the run from now on, whenever it has no leader. @param first it was chosen to: it does not wait */
  open(run: string, first = false): void {
    if (this.#leases.has(run)) return;
    const { backplane, self, lapseMs, rank, begins, ends, log } = this.#options;
    const lease = new Lease({
      ...{ backplane, key: LEADER + run, self, lapseMs, log: (event) => log({ ...event, run }) },
      now: () => performance.now(),
      waitMs: () => (first ? 0 : RANK_MS * rank()),
      begins: (reign) => begins(run, reign),
      ends: (reign) => ends(run, reign),
    });
    this.#leases.set(run, lease);
  }

  /** In which reign it leads the run, by its own clock. */
  reign(run: string): number | undefined {
    return this.#leases.get(run)?.reign;
  }

  leads(run: string, reign: number): boolean {
    return this.#leases.get(run)?.leads(reign) ?? false;
  }

  /** Another one may lead it at once; it goes on trying. */
  async resign(run: string): Promise<void> {
    await this.#leases.get(run)?.resign();
  }

  /** It needs no leader, or has another one from now on. @returns when that is written down, or could not be */
  async close(run: string): Promise<void> {
    const lease = this.#leases.get(run);
    this.#leases.delete(run);
    await lease?.resign();
    lease?.close();
  }
}
