/**
 * Nodes cut so that every machine gets its share of the work: coarse units first, as many whole ones as a share has
 * room for, and finer ones fill what is left; then what two machines have is dealt anew where that is more even. One
 * machine's units of a node are one tile.
 */

import { repack } from './repack.ts';

/** A unit that is handed out: the units of a node, or a node (or nodes that stay together) as one unit. */
export interface Portion {
  /** Units that may be apart, at least 1. */
  readonly units: number;
  /** FLOP of all units. */
  readonly work: number;
  /** FLOP beside them where its first unit is. */
  readonly once: number;
  /** Where all of it has to be; -1: anywhere. */
  readonly machine: number;
}

export interface HandedOut {
  /** For each portion, its units on each machine. */
  readonly counts: readonly Int32Array[];
  /** For each portion, a machine that has units of it: its first ones. */
  readonly first: Int32Array;
}

/**
 * @param capacity work that each machine should get, in any unit; negative ones get only what is left over
 * @returns every machine has a unit where there are enough of them
 */
export function handOut(portions: readonly Portion[], capacity: Float64Array): HandedOut {
  const counts = portions.map(() => new Int32Array(capacity.length));
  const first = new Int32Array(portions.length);
  const room = roomOf(portions, capacity);
  const shares = Float64Array.from(room);
  const order = lotsOf(portions);
  for (const { portion, units, each, begins, machine } of order) {
    const own = counts[portion] as Int32Array;
    const hand = (p: number, n: number): void => {
      if (begins) first[portion] = p;
      give(own, room, p, n, each);
    };
    if (machine >= 0) {
      hand(machine, units);
      continue;
    }
    let left = units;
    for (let p = 0; p < room.length && left > 0; p++) {
      const fits = each > 0 ? Math.floor((room[p] as number) / each + ROUNDING) : 0;
      const taken = Math.min(left, fits);
      if (taken <= 0) continue;
      left -= taken;
      hand(p, taken);
    }
    for (; left > 0; left--) hand(roomiest(room), 1);
  }
  fillEmpty(order, counts, room);
  repack({
    counts,
    each: portions.map(({ units, work }) => work / units),
    stays: (portion, machine) => {
      if ((portions[portion]?.machine ?? -1) >= 0) return counts[portion]?.[machine] ?? 0;
      return first[portion] === machine ? 1 : 0;
    },
    room,
    capacity: shares,
  });
  return { counts, first };
}

/** Units alike: the first of a portion, which does more, or all others. */
interface Lot {
  readonly portion: number;
  readonly units: number;
  readonly each: number;
  readonly begins: boolean;
  readonly machine: number;
}

/** The order of handing out: pieces with a fixed place first, then from coarse to fine. */
function lotsOf(portions: readonly Portion[]): Lot[] {
  const lots = portions.flatMap(({ units, work, once, machine }, portion): Lot[] => {
    const each = work / units;
    const lot = { portion, units: 1, each: each + once, begins: true, machine };
    return units > 1 ? [lot, { ...lot, units: units - 1, each, begins: false }] : [lot];
  });
  return lots.sort((a, b) => Number(b.machine >= 0) - Number(a.machine >= 0) || b.each - a.each);
}

/** A unit fits where less than so much of it would stand out. */
const ROUNDING = 1e-9;

/** Shares of all the work; what is one unit and larger than a share takes a machine, and the others share the rest. */
function roomOf(portions: readonly Portion[], capacity: Float64Array): Float64Array {
  const total = portions.reduce((sum, { work, once }) => sum + work + once, 0);
  const given = capacity.reduce((sum, c) => sum + c, 0);
  const room = capacity.map((c) => (given > 0 ? (c / given) * total : total / capacity.length));
  const large = portions.filter((p) => p.units === 1).map((p) => p.work + p.once);
  large.sort((a, b) => b - a);
  const open = new Set(room.keys());
  for (const work of large) {
    const p = [...open].reduce((most, q) => ((room[q] as number) > (room[most] as number) ? q : most));
    const share = room[p] as number;
    if (work <= share || open.size === 1) break;
    open.delete(p);
    const others = [...open].reduce((sum, q) => sum + (room[q] as number), 0);
    for (const q of open) room[q] = (room[q] as number) * (1 - (work - share) / others);
    room[p] = work;
  }
  return room;
}

function give(own: Int32Array, room: Float64Array, machine: number, units: number, each: number): void {
  own[machine] = (own[machine] as number) + units;
  room[machine] = (room[machine] as number) - units * each;
}

function roomiest(room: Float64Array): number {
  let most = 0;
  for (let p = 1; p < room.length; p++) if ((room[p] as number) > (room[most] as number)) most = p;
  return most;
}

/** A machine without a unit takes the finest that another can spare. */
function fillEmpty(lots: readonly Lot[], counts: readonly Int32Array[], room: Float64Array): void {
  const held = new Int32Array(room.length);
  for (const own of counts) for (let p = 0; p < held.length; p++) held[p] = (held[p] as number) + (own[p] as number);
  const finest = lots.filter(({ machine }) => machine < 0).reverse();
  for (let empty = held.indexOf(0); empty >= 0; empty = held.indexOf(0)) {
    const spare = (own: Int32Array): number => own.findIndex((n, p) => n > 0 && (held[p] as number) > 1);
    const lot = finest.find(({ portion }) => spare(counts[portion] as Int32Array) >= 0);
    if (!lot) return;
    const own = counts[lot.portion] as Int32Array;
    const from = spare(own);
    give(own, room, from, -1, lot.each);
    give(own, room, empty, 1, lot.each);
    held[from] = (held[from] as number) - 1;
    held[empty] = 1;
  }
}
