/**
 * What comes out of a stretch: what its trainer has signed of it, or what another one has computed from the same state and
 * the same frames. An auditor is not told the one before it has said the other. Pure.
 */
import type { Totals } from '../training/totals.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { hex, sha256 } from '../wire/hash.ts';

/** Frames of one call to one neighbour. */
export interface OutputWindow {
  readonly peer: number;
  readonly call: number;
  readonly packets: number;
  /** Over header and payload of each packet, in order; empty where other frames came out than went. */
  readonly root: string;
}

export interface ShardOutputs {
  readonly shard: number;
  readonly windows: readonly OutputWindow[];
  /** Of the state at its end. */
  readonly hash: string;
  readonly totals: Totals;
  /** The first call of which an energy is not a finite number: nothing behind it was computed. */
  readonly unsound?: number;
}

/** `frame`: another one than was sent; `state`, `sums`: another end. */
export interface Difference {
  readonly shard: number;
  readonly what: 'frame' | 'state' | 'sums';
  /** The first one that is wrong; of an end, the calls behind it. */
  readonly call: number;
  /** What comes out here, as a hash. */
  readonly here?: string;
}

/** All that comes out of the shards of one trainer, as one hash: an auditor binds itself to it, and learns nothing by it. */
export function outputsHash(all: readonly ShardOutputs[]): string {
  const texts = [...all]
    .sort((a, b) => a.shard - b.shard)
    .map(({ shard, windows, hash, totals, unsound }) => [
      ...[shard, hash, unsound ?? -1],
      Object.entries(totals).sort(([a], [b]) => (a < b ? -1 : 1)),
      windows
        .map(({ peer, call, packets, root }) => [peer, call, packets, root] as const)
        .sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    ]);
  return hex(sha256(canonicalBytes(['nmc/outputs/1', texts])));
}

/**
 * @param signed of each shard of a stretch, @param found of the same shards
 * @param calls behind the stretch
 * @returns the first difference: nothing where all is the same
 */
export function differenceOf(
  signed: readonly ShardOutputs[],
  found: readonly ShardOutputs[],
  calls: number,
): Difference | undefined {
  const pairs = signed.map((s) => ({ signed: s, found: found.find((f) => f.shard === s.shard) }));
  const wrong = pairs.flatMap((pair) => wrongCalls(pair.signed, pair.found)).sort((a, b) => a.call - b.call);
  if (wrong[0]) return wrong[0];
  for (const { signed: expected, found: here } of pairs) {
    const { shard } = expected;
    if (here?.hash !== expected.hash)
      return { shard, what: 'state', call: calls, ...(here ? { here: here.hash } : {}) };
    if (!sameTotals(expected.totals, here.totals)) return { shard, what: 'sums', call: calls };
  }
  return undefined;
}

function wrongCalls(signed: ShardOutputs, found: ShardOutputs | undefined): Difference[] {
  const { shard } = signed;
  const there = new Map(found?.windows.map((w) => [nameOf(w), w]));
  const here = new Map(signed.windows.map((w) => [nameOf(w), w]));
  const all = new Map([...there, ...here]);
  const frames = [...all].flatMap(([name, { call }]): Difference[] => {
    const [a, b] = [here.get(name), there.get(name)];
    return a && b && a.packets === b.packets && a.root === b.root ? [] : [{ shard, what: 'frame', call }];
  });
  return found?.unsound === undefined ? frames : [{ shard, what: 'sums', call: found.unsound }, ...frames];
}

function sameTotals(a: Totals, b: Totals): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => a[name] === b[name]);
}

function nameOf({ peer, call }: OutputWindow): string {
  return `${peer}/${call}`;
}
