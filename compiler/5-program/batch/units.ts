/** Units as operations: one for all elements, with values gathered by index where elements read one another. */

import { append } from '../../../spec/append.ts';
import { isOrigin, type OpOrigin } from '../../../spec/names.ts';
import type { Op } from '../../../spec/program.ts';
import type { Unit } from './classes.ts';
import { alignsArguments, liftAttributes } from './lift.ts';
import { patternOf } from './pattern.ts';
import type { Stack } from './stack.ts';

export function emitUnit(found: Unit, s: Stack): void {
  const unit = found.members.length === 1 ? found : inPageOrder(found, s);
  const first = unit.members[0] as Op;
  s.origin = unit.members.length === 1 ? first.origin : originOf(first);
  if (unit.members.length === 1) emitSingle(unit, first, s);
  else {
    const pack = unit.terms ? emitSum(unit, unit.terms, s) : emitLifted(unit, first, s);
    unit.members.forEach((op, page) => {
      s.put(op.id, { pack, page });
    });
  }
  s.origin = undefined;
}

/** The members in the order of the pages that they read, where one argument says it: then nothing has to be picked. */
function inPageOrder(unit: Unit, s: Stack): Unit {
  const count = unit.members.length;
  const reads = unit.members.map((op, i) => unit.terms?.[i] ?? [...op.args].reverse());
  let best: { readonly pages: readonly number[]; readonly whole: boolean } | undefined;
  for (let at = 0; at < (reads[0]?.length ?? 0) && !best?.whole; at++) {
    const places = reads.map((ids) => {
      const id = ids[at];
      return id === undefined ? undefined : s.placeOf(id);
    });
    const pages = places.flatMap((p) => (p && 'pack' in p ? [p.page] : []));
    const packs = new Set(places.map((p) => (p && 'pack' in p ? p.pack : undefined)));
    const [pack] = packs;
    if (packs.size !== 1 || pack === undefined || new Set(pages).size !== count) continue;
    const whole = unit.terms !== undefined || s.shapeOf(pack)[0] === count;
    if (whole || !best) best = { pages, whole };
  }
  if (!best) return unit;
  const { pages } = best;
  const order = unit.members.map((_, i) => i).sort((a, b) => (pages[a] as number) - (pages[b] as number));
  const sorted = <T>(items: readonly T[]): T[] => order.map((i) => items[i] as T);
  return { ...unit, members: sorted(unit.members), ...(unit.terms ? { terms: sorted(unit.terms) } : {}) };
}

function originOf({ origin }: Op): OpOrigin | undefined {
  if (origin === undefined) return undefined;
  const pattern = patternOf(origin);
  return pattern !== undefined && isOrigin(pattern) ? pattern : origin;
}

function emitSingle(unit: Unit, op: Op, s: Stack): void {
  s.put(op.id, { id: op.id });
  const terms = unit.terms?.[0];
  if (!terms) {
    s.ops.push({ ...op, args: op.args.map((a) => s.plain(a)) });
    return;
  }
  // Terms that are pages of one pack are added at once.
  const packs = new Map<string, string[]>();
  const parts: string[] = [];
  for (const term of terms) {
    const place = s.placeOf(term);
    if ('id' in place) parts.push(place.id);
    else append(packs, place.pack, term);
  }
  for (const ids of packs.values())
    if (ids.length < 3) parts.push(...ids.map((id) => s.plain(id)));
    else parts.push(s.emit('sum', [s.stack(ids)], { axes: [0] }));
  if (parts.length === 1) s.put(op.id, { id: parts[0] as string });
  else addAll(parts, s, op.id);
}

function addAll(parts: readonly string[], s: Stack, id?: string): string {
  return parts
    .slice(1)
    .reduce(
      (sum, part, i) => s.emit('add', [sum, part], {}, i === parts.length - 2 ? id : undefined),
      parts[0] as string,
    );
}

function emitLifted({ members, shares }: Unit, first: Op, s: Stack): string {
  const pages = members.length;
  if (shares) return emitShares(members, s);
  const aligned = alignsArguments(first);
  const ranks = first.args.map((a) => s.shapeOf(a).length);
  const rank = Math.max(first.shape.length, ...(first.op === 'matmul' ? ranks : []));
  const args = first.args.map((_, i) => {
    const ids = members.map((op) => op.args[i] as string);
    if (aligned && ids.every((id) => id === ids[0])) return s.plain(ids[0] as string);
    const stacked = s.stack(ids);
    if (!aligned) return stacked;
    const shape = s.shapeOf(ids[0] as string);
    return s.reshape(stacked, [pages, ...new Array<number>(rank - shape.length).fill(1), ...shape]);
  });
  return s.emit(first.op, args, liftAttributes(first, ranks[0] ?? 0, pages));
}

/** Equal shares of a batch, in their order, are the batch in another shape. */
function emitShares(members: readonly Op[], s: Stack): string {
  const first = members[0] as Op;
  const source = s.plain(first.args[0] as string);
  const size = first.attributes.size as number;
  const whole = members.every((op, i) => op.args[0] === first.args[0] && op.attributes.from === i * size);
  if (whole && s.shapeOf(source)[0] === members.length * size)
    return s.reshape(source, [members.length, ...first.shape]);
  const parts = members.map((op) =>
    s.reshape(s.emit('slice', [s.plain(op.args[0] as string)], op.attributes), [1, ...op.shape]),
  );
  return s.emit('concatenate', parts, { axis: 0 });
}

/** Sums of every member: for each pack that any of them reads, its pages go where they belong. */
function emitSum({ members }: Unit, terms: readonly (readonly string[])[], s: Stack): string {
  const packs = new Map<string, { ids: string[]; to: number[] }>();
  terms.forEach((ids, member) => {
    for (const id of ids) {
      const place = s.placeOf(id);
      const source = 'id' in place ? `id ${place.id}` : place.pack;
      const found = packs.get(source) ?? { ids: [], to: [] };
      packs.set(source, found);
      found.ids.push(id);
      found.to.push(member);
    }
  });
  const count = members.length;
  const shape = (members[0] as Op).shape;
  const parts = [...packs.values()].map(({ ids, to }) => {
    const each = to.length === count && to.every((member, i) => member === i);
    if (each && ids.every((id) => id === ids[0]) && 'id' in s.placeOf(ids[0] as string))
      return s.plain(ids[0] as string);
    return each ? s.stack(ids) : addPages(ids, to, count, s);
  });
  // What all members add alike is one value without pages: never the only part, for then they would be one value.
  parts.sort((a, b) => s.shapeOf(b).length - s.shapeOf(a).length);
  const sum = addAll(parts, s);
  return s.shapeOf(sum).length > shape.length ? sum : s.emit('broadcast', [sum], { shape: [count, ...shape] });
}

function addPages(ids: readonly string[], to: readonly number[], count: number, s: Stack): string {
  const places = ids.map((id) => s.placeOf(id));
  const [first] = places;
  const pages = first && 'pack' in first ? (s.shapeOf(first.pack)[0] as number) : 0;
  if (first && 'pack' in first && places.length === pages) {
    // Every page of one pack, each once: nothing has to be picked first.
    const index = new Map<number, number>();
    places.forEach((place, i) => {
      if ('pack' in place && place.pack === first.pack) index.set(place.page, to[i] as number);
    });
    if (index.size === pages) {
      const whole = Array.from({ length: pages }, (_, page) => index.get(page) as number);
      return s.emit('pages_sum', [first.pack], { index: whole, pages: count });
    }
  }
  return s.emit('pages_sum', [s.stack(ids)], { index: [...to], pages: count });
}
