/** How far the weights of shards move from one part of a snapshot to the next, as the synchronizer reads them. */
import { randomInt } from 'node:crypto';
import type { MovedSince } from '../validation/standing.ts';
import { movesBetween, PartSketch, type TensorSketch } from '../validation/weight-sketch.ts';
import type { Part } from '../wire/messages.ts';

type PartPlace = Pick<Part, 'run' | 'shard' | 'calls'>;

interface Sketched {
  readonly calls: number;
  readonly tensors: readonly TensorSketch[];
}

/** Of each shard: a run may go back to the one before the last. */
const MAX_KEPT = 3;
const MAX_SHARDS = 4096;

export class WeightMoves {
  /** By run and shard, the newest last. */
  readonly #kept = new Map<string, readonly Sketched[]>();
  /** No trainer knows it: a change in which its projection is the same cannot be looked for. */
  readonly #secret = randomInt(2 ** 31);

  sketch(): PartSketch {
    return new PartSketch(this.#secret);
  }

  keep(part: PartPlace, tensors: readonly TensorSketch[]): void {
    const name = nameOf(part);
    const before = (this.#kept.get(name) ?? []).filter(({ calls }) => calls < part.calls);
    this.#kept.delete(name);
    this.#kept.set(name, [...before, { calls: part.calls, tensors }].slice(-MAX_KEPT));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_SHARDS && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Of a part that is kept. @returns nothing where there is none before it */
  of(part: PartPlace): MovedSince | undefined {
    const kept = this.#kept.get(nameOf(part)) ?? [];
    const at = kept.findIndex(({ calls }) => calls === part.calls);
    const [before, now] = [kept[at - 1], kept[at]];
    if (!before || !now) return undefined;
    return { since: before.calls, tensors: movesBetween(before.tensors, now.tensors) };
  }
}

function nameOf({ run, shard }: PartPlace): string {
  return `${run}/${shard}`;
}
