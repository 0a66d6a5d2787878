/**
 * Shares made more even two machines at a time: what the busiest and another hold together is dealt out anew, in the
 * best of all ways. Handing out from coarse to fine alone leaves fine units over that fit nowhere.
 */

export interface Packed {
  /** For each kind of unit, how many each machine has. */
  readonly counts: readonly Int32Array[];
  /** FLOP of a unit of each kind. */
  readonly each: readonly number[];
  /** Units of a kind that may not leave a machine. */
  readonly stays: (kind: number, machine: number) => number;
  /** FLOP that each machine has room for; below zero where it has too many. */
  readonly room: Float64Array;
  /** FLOP that a machine should have. */
  readonly capacity: Float64Array;
}

/** More ways than this to deal two machines' units are not tried. */
const MAX_WAYS = 4096;
/** Smaller gains do not count. */
const WORTH = 1e-6;

/** Changes counts and room. */
export function repack(packed: Packed): void {
  const { room, capacity } = packed;
  const machines = [...room.keys()].filter((p) => (capacity[p] as number) > 0);
  const over = (p: number): number => -(room[p] as number) / (capacity[p] as number);
  const open = new Set(machines);
  for (let turn = 0; turn < 4 * machines.length && open.size > 1; turn++) {
    const busiest = [...open].reduce((top, p) => (over(p) > over(top) ? p : top));
    const best = bestDeal(packed, busiest, machines, over(busiest));
    if (best) deal(packed, busiest, best);
    else open.delete(busiest);
  }
}

interface Deal {
  readonly other: number;
  /** Units of each kind that the busiest keeps or gets. */
  readonly kept: readonly number[];
  readonly worst: number;
}

function bestDeal(packed: Packed, busiest: number, machines: readonly number[], now: number): Deal | undefined {
  let best: Deal | undefined;
  const tried = new Set<string>();
  for (const other of machines) {
    if (other === busiest) continue;
    // Machines that hold the same, and can give the same, are the same.
    const held = packed.counts.map((own, kind) => `${own[other]}-${packed.stays(kind, other)}`);
    const key = `${held.join()}/${packed.capacity[other]}`;
    if (tried.has(key)) continue;
    tried.add(key);
    const found = dealOf(packed, busiest, other);
    if (found && found.worst < (best?.worst ?? now - WORTH)) best = found;
  }
  return best;
}

/** The best way to deal what two machines hold. */
function dealOf({ counts, each, stays, capacity, room }: Packed, p: number, q: number): Deal | undefined {
  const both = counts.map((own) => (own[p] as number) + (own[q] as number));
  const kinds = [...both.keys()].filter((kind) => (both[kind] as number) > 0 && (each[kind] as number) > 0);
  if (kinds.reduce((ways, kind) => ways * ((both[kind] as number) + 1), 1) > MAX_WAYS) return undefined;
  const worth = (machine: number): number =>
    kinds.reduce((sum, kind) => sum + (counts[kind]?.[machine] as number) * (each[kind] as number), 0);
  // What a machine does beside these units stays with it.
  const beside = (machine: number): number =>
    (capacity[machine] as number) - (room[machine] as number) - worth(machine);
  const [besideP, besideQ, all] = [beside(p), beside(q), worth(p) + worth(q)];
  const units = kinds.reduce((n, kind) => n + (both[kind] as number), 0);
  const kept = counts.map((own) => own[p] as number);
  let best: Deal | undefined;
  const visit = (at: number, load: number, own: number): void => {
    const kind = kinds[at];
    if (kind === undefined) {
      const worst =
        Math.max((besideP + load) / (capacity[p] as number), (besideQ + all - load) / (capacity[q] as number)) - 1;
      if (own > 0 && own < units && worst < (best?.worst ?? Number.POSITIVE_INFINITY))
        best = { other: q, kept: [...kept], worst };
      return;
    }
    const most = (both[kind] as number) - stays(kind, q);
    for (let n = stays(kind, p); n <= most; n++) {
      kept[kind] = n;
      visit(at + 1, load + n * (each[kind] as number), own + n);
    }
  };
  visit(0, 0, 0);
  return best;
}

function deal({ counts, each, room }: Packed, p: number, { other, kept }: Deal): void {
  counts.forEach((own, kind) => {
    const moved = (own[p] as number) - (kept[kind] as number);
    own[p] = (own[p] as number) - moved;
    own[other] = (own[other] as number) + moved;
    room[p] = (room[p] as number) + moved * (each[kind] as number);
    room[other] = (room[other] as number) - moved * (each[kind] as number);
  });
}
