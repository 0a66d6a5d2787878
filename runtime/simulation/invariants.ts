/** What must hold of a simulated mesh at every moment, whatever dies: said in words where it does not. */
import { heldByTrainer } from '../roles/sharing.ts';
import type { StoredRun, SynchronizerState } from '../roles/synchronizer-state.ts';
import { isActive } from '../roles/work.ts';

/** A trainer's process of now. */
export interface Living {
  readonly key: string;
  readonly life: number;
  readonly connected: boolean;
  readonly shards: readonly { readonly run: string; readonly term: number; readonly shard: number }[];
}

/** Milliseconds that a shard may be without an owner while a trainer is free. */
export const MAX_WITHOUT_OWNER_MS = 30_000;

export class Invariants {
  readonly violations: string[] = [];
  /** Longest milliseconds in which a shard had no owner while a trainer was free. */
  longestWithoutOwner = 0;
  /** Who has held which shard of a run in which term: never two. */
  readonly #holders = new Map<string, string>();
  /** By shard of a run, since when it has no owner. */
  readonly #orphans = new Map<string, number>();

  holds({ key, life, shards }: Living): void {
    for (const { run, term, shard } of shards) {
      const name = `${run}/${term}/${shard}`;
      const holder = `${key}#${life}`;
      const before = this.#holders.get(name);
      if (before !== undefined && before !== holder)
        this.violations.push(`${name} has two owners: ${before} and ${holder}`);
      this.#holders.set(name, holder);
    }
  }

  /** No trainer is given more than it lends, by all runs together. */
  gives(state: SynchronizerState): void {
    for (const [key, { memory, runs }] of heldByTrainer(state)) {
      const member = state.members[key];
      // After a restart it is not known yet what an owner lends.
      if (!member || member.name === '' || memory <= member.capability.memory) continue;
      this.violations.push(`${key} lends ${member.capability.memory} bytes and has ${memory} of ${runs.join(', ')}`);
    }
  }

  /**
   * How long each shard is without a living owner of the newest term. A run that waits while another is there may lack
   * memory: that is not counted.
   */
  owns(runs: readonly StoredRun[], now: number, living: readonly Living[]): void {
    const active = runs.filter(isActive);
    const free = living.some((node) => node.connected);
    const byKey = new Map(living.map((node) => [node.key, node]));
    for (const run of runs) {
      const counts = free && isActive(run) && (run.phase !== 'waiting' || active.length === 1);
      for (let shard = 0; shard < run.deployment.shards; shard++)
        this.#owned(`${run.deployment.run}/${shard}`, now, !counts || isHeld(run, shard, byKey));
    }
  }

  #owned(name: string, now: number, isOwned: boolean): void {
    if (isOwned) {
      this.#orphans.delete(name);
      return;
    }
    const since = this.#orphans.get(name) ?? now;
    this.#orphans.set(name, since);
    this.longestWithoutOwner = Math.max(this.longestWithoutOwner, now - since);
  }
}

function isHeld({ deployment, owners, term }: StoredRun, shard: number, living: ReadonlyMap<string, Living>): boolean {
  const owner = living.get(owners[shard] ?? '');
  return owner?.shards.some((s) => s.run === deployment.run && s.shard === shard && s.term === term) ?? false;
}
