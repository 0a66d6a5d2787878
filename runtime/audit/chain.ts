/**
 * The states that a stretch goes through, one behind each of its batches, each bound to by a hash: where an auditor's device
 * gives other bits, the trainer does its own stretch again, binds itself to all of them, and shows two that follow each
 * other, which are drawn then. The first state and the last are those that it had signed before, so that a stretch that was
 * not computed has a wrong step somewhere, and one that was not computed at all has nothing but wrong ones. Pure.
 */
import { allCalls, endOfBatch, type RunLengths } from '../training/calls.ts';
import type { Totals } from '../training/totals.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { hex, sha256 } from '../wire/hash.ts';

/** Of one shard: what it binds itself to behind each step, in their order. */
export interface ShardChain {
  readonly shard: number;
  readonly links: readonly string[];
}

/** Steps of one stretch, at most: a longer one is not compared. */
export const MAX_LINKS = 4096;

/** @param hash of the state, @param totals sums behind it */
export function linkOf(hash: string, totals: Totals): string {
  const sums = Object.entries(totals).sort(([a], [b]) => (a < b ? -1 : 1));
  return hex(sha256(canonicalBytes(['nmc/link/1', hash, sums])));
}

/**
 * Calls behind which a stretch can be cut into steps: batches, whole sequences, whole rankings.
 * @returns the first and the last one as well, rising
 */
export function stepsOf(run: RunLengths, from: number, to: number): number[] {
  const ends = [from];
  for (let calls = from; calls < to; ) {
    calls = Math.min(to, Math.max(calls + 1, endOfBatch(run, Math.min(calls + 1, allCalls(run)))));
    ends.push(calls);
  }
  return ends;
}

/**
 * Which step is shown: it follows from the draw, which its trainer could not know, and from what it has bound itself to.
 * @param seed of the draw, @returns its number, from 0
 */
export function drawnStep(seed: string, chains: readonly ShardChain[], steps: number): number {
  const all = [...chains].sort((a, b) => a.shard - b.shard).map(({ shard, links }) => [shard, links]);
  const bytes = sha256(canonicalBytes(['nmc/step/1', seed, all]));
  return Buffer.from(bytes).readUIntBE(0, 6) % steps;
}

/**
 * Why these cannot be the states of a stretch; nothing where they can.
 * @param ends of each shard, as it was signed: the link of the last state
 */
export function chainProblem(
  chains: readonly ShardChain[],
  ends: readonly { readonly shard: number; readonly link: string }[],
  steps: number,
): string | undefined {
  for (const { shard, link } of ends) {
    const links = chains.find((chain) => chain.shard === shard)?.links;
    if (links?.length !== steps) return `it shows no state behind each of the ${steps} steps of shard ${shard}`;
    if (links.at(-1) !== link) return `done again, shard ${shard} does not end where its trainer had signed`;
  }
  return undefined;
}
