/** Pieces that must stay together become one vertex of the search; what cannot be met is found here. */
import { contractHypergraph, type Hypergraph, hypergraph } from './hypergraph.ts';
import type { Impossible, Problem } from './problem.ts';

export type Atoms =
  | { readonly kind: 'atoms'; readonly h: Hypergraph; readonly into: Int32Array }
  | ({ readonly kind: 'impossible' } & Impossible);

/** @param into vertex of each piece; two pieces of one vertex never part */
export function atomsOf(problem: Problem, useAll: boolean): Atoms {
  const { pieces, nets, machines } = problem;
  const { into, count } = grouped(pieces.keepTogether, pieces.count);
  const fixed = new Int32Array(count).fill(-1);
  const pinned = new Int32Array(pieces.count).fill(-1);
  for (let v = 0; v < pieces.count; v++) {
    const machine = pieces.pinned?.[v] ?? -1;
    if (machine < 0) continue;
    const atom = into[v] as number;
    const other = fixed[atom] as number;
    if (other >= 0 && other !== machine)
      return { kind: 'impossible', reason: 'pins', piece: v, machines: [other, machine] };
    fixed[atom] = machine;
    pinned[v] = machine;
  }
  const whole = hypergraph({ count: pieces.count, work: pieces.work, memory: pieces.memory, fixed: pinned }, nets);
  const h = count === pieces.count ? whole : contractHypergraph(whole, into, count);
  const wrong = impossible(
    h,
    into,
    machines.list.map((machine) => machine.memory),
    useAll,
  );
  return wrong ? { kind: 'impossible', ...wrong } : { kind: 'atoms', h, into };
}

function impossible(
  h: Hypergraph,
  into: Int32Array,
  memories: readonly number[],
  useAll: boolean,
): Impossible | undefined {
  if (useAll && h.count < memories.length) return { reason: 'too-few', most: h.count };
  const largest = Math.max(...memories);
  let needed = 0;
  for (let a = 0; a < h.count; a++) {
    const bytes = h.memory[a] as number;
    const place = h.fixed[a] as number;
    const room = place >= 0 ? (memories[place] as number) : largest;
    if (bytes > room) return { reason: 'atom-memory', piece: into.indexOf(a), needed: bytes, largest: room };
    needed += bytes;
  }
  const available = memories.reduce((all, bytes) => all + bytes, 0);
  return needed > available ? { reason: 'memory', needed, available } : undefined;
}

/** Vertices 0 … count - 1 from groups by any number; -1 is alone. */
function grouped(groups: Int32Array | undefined, pieces: number): { into: Int32Array; count: number } {
  const into = new Int32Array(pieces);
  const names = new Map<number, number>();
  let count = 0;
  for (let v = 0; v < pieces; v++) {
    const group = groups?.[v] ?? -1;
    const known = group < 0 ? undefined : names.get(group);
    into[v] = known ?? count;
    if (known !== undefined) continue;
    if (group >= 0) names.set(group, count);
    count++;
  }
  return { into, count };
}

/**
 * Clusters as vertices, where they fit one machine's share of work and its memory; the pieces of others, and those that
 * belong to none, stay as they are. An atom that belongs to several clusters joins that of its first piece.
 */
export function clustersOf(
  h: Hypergraph,
  cluster: Int32Array,
  into: Int32Array,
  mostWork: number,
  mostMemory: number,
): { into: Int32Array; count: number } {
  const label = new Int32Array(h.count).fill(-2);
  for (let v = 0; v < into.length; v++) {
    const atom = into[v] as number;
    if (label[atom] === -2) label[atom] = cluster[v] as number;
  }
  const work = new Map<number, number>();
  const memory = new Map<number, number>();
  const place = new Map<number, number>();
  const torn = new Set<number>();
  for (let a = 0; a < h.count; a++) {
    const c = label[a] as number;
    if (c < 0) continue;
    work.set(c, (work.get(c) ?? 0) + (h.work[a] as number));
    memory.set(c, (memory.get(c) ?? 0) + (h.memory[a] as number));
    const fixed = h.fixed[a] as number;
    if (fixed < 0) continue;
    const other = place.get(c);
    if (other !== undefined && other !== fixed) torn.add(c);
    place.set(c, fixed);
  }
  const whole = (c: number): boolean =>
    !torn.has(c) && (work.get(c) ?? 0) <= mostWork && (memory.get(c) ?? 0) <= mostMemory;
  return grouped(
    label.map((c) => (c >= 0 && whole(c) ? c : -1)),
    h.count,
  );
}
