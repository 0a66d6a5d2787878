/**
 * One batch on its way through one shard, all its microbatches side by side: pure, it only says what comes next. The
 * one that is furthest behind goes first, so every shard works tick by tick; gradients are added up in the order of
 * the microbatches whatever arrives when, so results do not depend on the network.
 */
import type { Holder, Tensor } from '../device/device.ts';
import type { FrameKey } from '../training/frame.ts';
import { type Part, sharesOf } from './part.ts';
import type { BatchRoute } from './route.ts';
import { type Room, Walk, type WalkStep } from './walk.ts';

export type BatchStep =
  /** All of these frames are there: answer with `received` of the walk. */
  | { readonly kind: 'receive'; readonly walk: Walk; readonly frames: readonly FrameKey[] }
  /** Answer with `ran` of the walk. */
  | (Extract<WalkStep, { readonly kind: 'run' }> & { readonly walk: Walk })
  /** Needs no answer. */
  | Extract<WalkStep, { readonly kind: 'send' }>
  /** Nothing can go on before one of these is there. */
  | { readonly kind: 'needs'; readonly frames: readonly FrameKey[] }
  | { readonly kind: 'done'; readonly results: Readonly<Record<string, Tensor>> };

export class BatchWalk {
  readonly part: Part;
  readonly #route: BatchRoute;
  #walks: readonly Walk[];
  /** Gradients of so many microbatches have been added by each segment. */
  readonly #added = new Map<string, number>();
  /** Of all microbatches, when they have settled. */
  #results: Readonly<Record<string, Tensor>> | undefined;

  readonly #holder: Holder | undefined;

  constructor(route: BatchRoute, part: Part, holder?: Holder) {
    this.#route = route;
    this.part = part;
    this.#holder = holder;
    const { last } = route;
    const { batch, microbatches = 1 } = route.shardFunction;
    const sizes = Array.from({ length: microbatches }, () => batch);
    if (last) sizes[microbatches - 1] = last.shardFunction.batch;
    // Where memory of values is kept for calls, their inputs are theirs, too.
    this.#walks = sharesOf(part.inputs, sizes, holder === undefined).map(
      (inputs, microbatch) =>
        new Walk(last && microbatch === microbatches - 1 ? last : route, { ...part, inputs, microbatch }, holder),
    );
  }

  /**
   * @param has whether a frame is there
   * @param room whether there is room for a frame
   * @param mayMove whether the weights may move: else it needs something that no frame brings when all has settled
   */
  next(has: (key: FrameKey) => boolean, mayMove = true, room?: Room): BatchStep {
    const needs: FrameKey[] = [];
    let chosen: Extract<BatchStep, { readonly walk: Walk }> | undefined;
    for (const walk of this.#walks) {
      if (walk.finished) continue;
      const step = walk.next(room);
      if (step.kind === 'full') continue;
      if (step.kind === 'send') return step;
      if (step.kind === 'done') {
        walk.finished = step.results;
        walk.end();
        continue;
      }
      if (step.kind === 'receive') {
        const missing = step.frames.filter((key) => !has(key));
        needs.push(...missing);
        if (missing.length > 0) continue;
      }
      if (step.kind === 'run' && !this.#mayRun(walk, step.name)) continue;
      if (!chosen || walk.isBehind(chosen.walk)) chosen = { ...step, walk };
    }
    if (chosen) {
      if (chosen.kind === 'run' && this.#route.adds.has(chosen.name))
        this.#added.set(chosen.name, this.#count(chosen.name) + 1);
      return chosen;
    }
    if (this.#walks.some((w) => !w.finished) || !mayMove) return { kind: 'needs', frames: needs };
    if (this.#results) return { kind: 'done', results: this.#results };
    this.#results = summed(this.#walks.map((w) => w.finished ?? {}));
    // The weight step: a separate walk, which waits for no frame.
    const { after } = this.#route;
    this.#walks = after ? [new Walk(after, { ...this.part, inputs: {}, microbatch: 0 }, this.#holder)] : [];
    return this.next(has, true, room);
  }

  /** It is given up: it holds nothing from now on. */
  end(): void {
    for (const walk of this.#walks) walk.end();
  }

  #mayRun(walk: Walk, segment: string): boolean {
    const { adds, segments, last } = this.#route;
    if (!adds.has(segment)) return true;
    const { microbatch } = walk.part;
    // Segments of the last one are others: it adds when all before it have.
    if (last?.segments.has(segment))
      return [...segments.keys()].every((name) => !adds.has(name) || this.#count(name) === microbatch);
    return this.#count(segment) === microbatch;
  }

  #count(segment: string): number {
    return this.#added.get(segment) ?? 0;
  }
}

/** Results are sums over samples, in shares of the whole batch: those of microbatches add up, in their order. */
function summed(all: readonly Readonly<Record<string, Tensor>>[]): Readonly<Record<string, Tensor>> {
  const [first = {}, ...others] = all;
  if (others.length === 0) return first;
  return Object.fromEntries(
    Object.entries(first).map(([name, values]) => [
      name,
      values.map((v, i) => others.reduce((sum, other) => sum + (other[name]?.[i] ?? 0), v)),
    ]),
  );
}
