/**
 * When each shard makes each value. Within a block, a value of phase p is known to its own shard in phase p and to
 * others in phase p + 1. What others wait for is made as early as it can be; all else waits for the last phase, where
 * the weights move too, so that no operation of a tick reads a weight that has moved already.
 */
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
  values.f.blocks.forEach((_, block) => {
    const found = phasesOfBlock(values, homes, parts, block);
    found.ops.forEach((phases, shard) => {
      ops[shard]?.push(phases);
    });
    tellings.push(...found.tellings);
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
): { ops: (readonly Op[])[][]; tellings: Telling[] } {
  const early = parts.map((part) => new Set((part.ops[block] ?? []).map((op) => op.id)));
  const phase = parts.map(() => new Map<string, number>());
  /** The phase in which a shard knows a value of this block; what is older is always known. */
  const known = (shard: number, id: string): number => {
    if (early[shard]?.has(id)) return phase[shard]?.get(id) ?? 0;
    if (values.isCommon(id) || toldIn(values, id) !== block) return 0;
    const home = homes.of(id);
    if (home === undefined || home === shard) return 0;
    return (phase[home]?.get(id) ?? 0) + 1;
  };
  for (const op of values.f.blocks[block]?.ops ?? [])
    for (const part of parts)
      if (early[part.shard]?.has(op.id))
        phase[part.shard]?.set(op.id, Math.max(0, ...op.args.map((a) => known(part.shard, a))));
  const told = (part: ShardPart): string[] => [...part.needs].filter((id) => toldIn(values, id) === block);
  const last = parts.map((part) =>
    Math.max(0, ...(phase[part.shard]?.values() ?? []), ...told(part).map((id) => known(part.shard, id))),
  );
  const urgent = urgentOps(homes, parts, block, told);
  const final = (shard: number, id: string): number =>
    urgent[shard]?.has(id) ? (phase[shard]?.get(id) ?? 0) : (last[shard] ?? 0);
  const ops = parts.map((part) => {
    const phases: Op[][] = Array.from({ length: (last[part.shard] ?? 0) + 1 }, () => []);
    for (const op of part.ops[block] ?? []) phases[final(part.shard, op.id)]?.push(op);
    return phases;
  });
  return { ops, tellings: tellingsOf(values, homes, parts, block, { told, phase, ops }) };
}

/** What a shard has to make early, by shard: what others wait for, and all that this is made of. */
function urgentOps(
  homes: Homes,
  parts: readonly ShardPart[],
  block: number,
  told: (part: ShardPart) => string[],
): Set<string>[] {
  const urgent = parts.map(() => new Set<string>());
  for (const part of parts)
    for (const id of told(part)) {
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
  readonly told: (part: ShardPart) => string[];
  readonly phase: readonly ReadonlyMap<string, number>[];
  readonly ops: readonly (readonly (readonly Op[])[])[];
}

function tellingsOf(
  values: FunctionValues,
  homes: Homes,
  parts: readonly ShardPart[],
  block: number,
  { told, phase, ops }: BlockPhases,
): Telling[] {
  const groups = new Map<string, { from: number; to: number; phase: number; early: boolean; values: string[] }>();
  for (const part of parts)
    for (const id of told(part)) {
      const from = homes.of(id);
      if (from === undefined) continue;
      const at = phase[from]?.get(id) ?? 0;
      const key = `${from}/${part.shard}/${at}`;
      const group = groups.get(key) ?? { from, to: part.shard, phase: at, early: true, values: [] };
      group.values.push(id);
      if (values.origin(id).kind === 'op') group.early = false;
      groups.set(key, group);
    }
  return [...groups.values()].map((group) => {
    const wanted = new Set(group.values);
    const phases = ops[group.to] ?? [];
    const use = phases.findIndex((list) => list.some((op) => op.args.some((a) => wanted.has(a))));
    const taken = Math.max(group.phase + 1, use < 0 ? phases.length - 1 : use);
    return { block, ...group, taken };
  });
}
