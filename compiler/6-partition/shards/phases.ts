/**
 * When each shard makes each value. Within a block, a value of phase p is known to its own shard in phase p and to
 * others in phase p + 1. What others wait for is made as early as it can be; all else waits for the last phase, where
 * the weights move too, so that no operation of a tick reads a weight that has moved already.
 */
import { append } from '../../../spec/append.ts';
import type { Op } from '../../../spec/program.ts';
import type { ShardPart } from './needs.ts';
import type { Homes } from './place.ts';
import type { FunctionValues } from './values.ts';

/** What one shard tells another in one phase of a block. */
export interface Telling {
  readonly block: number;
  readonly from: number;
  readonly to: number;
  /** In which it is sent: behind the sender's operations of this phase. */
  readonly phase: number;
  /** In which the receiver takes it, before its operations of this phase. */
  readonly taken: number;
  /** Known when the block begins: nothing of the phase needs to be done first. */
  readonly early: boolean;
  readonly values: readonly string[];
}

export interface Phases {
  /** By shard and block: the operations of each phase. */
  readonly ops: readonly (readonly (readonly (readonly Op[])[])[])[];
  readonly tellings: readonly Telling[];
}

export function findPhases(values: FunctionValues, homes: Homes, parts: readonly ShardPart[]): Phases {
  const tellings: Telling[] = [];
  const ops: (readonly (readonly Op[])[])[][] = parts.map(() => []);
  const told: string[][][] = values.f.blocks.map(() => parts.map(() => []));
  for (const { shard, needs } of parts)
    for (const id of needs) {
      const block = toldIn(values, id);
      if (block !== undefined) told[block]?.[shard]?.push(id);
    }
  values.f.blocks.forEach((_, block) => {
    const found = phasesOfBlock(values, homes, parts, block, told[block] ?? []);
    found.ops.forEach((phases, shard) => {
      ops[shard]?.push(phases);
    });
    // One at a time: hundreds of thousands of arguments are more than a call takes.
    for (const telling of found.tellings) tellings.push(telling);
  });
  return { ops, tellings };
}

/** The block in which others are told of a value; undefined where no later block is straight code. */
export function toldIn(values: FunctionValues, id: string): number | undefined {
  const origin = values.origin(id);
  if (origin.kind === 'op' || origin.kind === 'carry') return origin.block;
  if (origin.kind !== 'carried') return undefined;
  const next = values.f.blocks[origin.block + 1];
  return next && next.repeat === 1 && next.carries.length === 0 ? origin.block + 1 : undefined;
}

function phasesOfBlock(
  values: FunctionValues,
  homes: Homes,
  parts: readonly ShardPart[],
  block: number,
  told: readonly (readonly string[])[],
): { ops: (readonly Op[])[][]; tellings: Telling[] } {
  const makers = makersOf(parts, block);
  const tellers = tellersOf(homes, told);
  const phase = parts.map(() => new Map<string, number>());
  /** The phase in which a shard knows a value of this block; what is older is always known. */
  const known = (shard: number, id: string): number => {
    const own = phase[shard]?.get(id);
    if (own !== undefined) return own;
    const home = tellers.get(id);
    return home === undefined || home === shard ? 0 : (phase[home]?.get(id) ?? 0) + 1;
  };
  for (const op of values.f.blocks[block]?.ops ?? [])
    for (const shard of makers.get(op.id) ?? []) phase[shard]?.set(op.id, largest(op.args.map((a) => known(shard, a))));
  const last = parts.map(({ shard }) =>
    Math.max(largest(phase[shard]?.values() ?? []), largest((told[shard] ?? []).map((id) => known(shard, id)))),
  );
  const urgent = urgentOps(homes, parts, block, told);
  const final = (shard: number, id: string): number =>
    urgent[shard]?.has(id) ? (phase[shard]?.get(id) ?? 0) : (last[shard] ?? 0);
  const ops = parts.map((part) => {
    const phases: Op[][] = Array.from({ length: (last[part.shard] ?? 0) + 1 }, () => []);
    for (const op of part.ops[block] ?? []) phases[final(part.shard, op.id)]?.push(op);
    return phases;
  });
  return { ops, tellings: tellingsOf(values, homes, block, { told, phase, ops }) };
}

/** The shards that make each value of a block, its own and those that make it again for themselves. */
function makersOf(parts: readonly ShardPart[], block: number): Map<string, number[]> {
  const makers = new Map<string, number[]>();
  for (const { shard, ops } of parts) for (const { id } of ops[block] ?? []) append(makers, id, shard);
  return makers;
}

/** The shard that tells others of each value that any of them has to be told. */
function tellersOf(homes: Homes, told: readonly (readonly string[])[]): Map<string, number> {
  const tellers = new Map<string, number>();
  for (const ids of told)
    for (const id of ids) {
      const home = tellers.has(id) ? undefined : homes.of(id);
      if (home !== undefined) tellers.set(id, home);
    }
  return tellers;
}

function largest(numbers: Iterable<number>): number {
  let most = 0;
  for (const n of numbers) most = Math.max(most, n);
  return most;
}

/** What a shard has to make early, by shard: what others wait for, and all that this is made of. */
function urgentOps(
  homes: Homes,
  parts: readonly ShardPart[],
  block: number,
  told: readonly (readonly string[])[],
): Set<string>[] {
  const urgent = parts.map(() => new Set<string>());
  for (const id of told.flat()) {
    const home = homes.of(id);
    if (home !== undefined) urgent[home]?.add(id);
  }
  for (const part of parts) {
    const own = urgent[part.shard];
    for (const op of [...(part.ops[block] ?? [])].reverse())
      if (own?.has(op.id)) for (const arg of op.args) own.add(arg);
  }
  return urgent;
}

interface BlockPhases {
  readonly told: readonly (readonly string[])[];
  readonly phase: readonly ReadonlyMap<string, number>[];
  readonly ops: readonly (readonly (readonly Op[])[])[];
}

function tellingsOf(values: FunctionValues, homes: Homes, block: number, { told, phase, ops }: BlockPhases): Telling[] {
  return told.flatMap((ids, to) => {
    const groups = new Map<string, { from: number; to: number; phase: number; early: boolean; values: string[] }>();
    for (const id of ids) {
      const from = homes.of(id);
      if (from === undefined) continue;
      const at = phase[from]?.get(id) ?? 0;
      const key = `${from}/${at}`;
      const group = groups.get(key) ?? { from, to, phase: at, early: true, values: [] };
      group.values.push(id);
      if (values.origin(id).kind === 'op') group.early = false;
      groups.set(key, group);
    }
    const phases = ops[to] ?? [];
    const uses = firstUses(phases);
    return [...groups.values()].map((group) => {
      const use = group.values.reduce((first, id) => Math.min(first, uses.get(id) ?? first), phases.length);
      const taken = Math.max(group.phase + 1, Math.min(use, phases.length - 1));
      return { block, ...group, taken };
    });
  });
}

/** The first phase in which a shard reads each value. */
function firstUses(phases: readonly (readonly Op[])[]): Map<string, number> {
  const uses = new Map<string, number>();
  phases.forEach((ops, phase) => {
    for (const { args } of ops) for (const arg of args) if (!uses.has(arg)) uses.set(arg, phase);
  });
  return uses;
}
