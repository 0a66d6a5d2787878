/** The stages of one shard as drafts: which operations, messages and moves each segment has, without their functions. */
import { append } from '../../../spec/append.ts';
import type { PhaseOps } from './early-work.ts';
import { type Phases, type Telling, toldIn } from './phases.ts';
import { type Homes, NOWHERE } from './place.ts';
import { isLoop } from './straight.ts';
import type { FunctionValues, OpValue, Value } from './values.ts';

export interface DraftSegment {
  readonly ops: readonly OpValue[];
  readonly receive: readonly number[];
  readonly send: readonly number[];
  /** Values that it makes locals of, though no operation of its own makes them. */
  readonly given: Value[];
  /** States that take over a value when it has run. */
  readonly updates: { readonly state: string; readonly value: Value }[];
}

/** The local `to` takes over the value of the local `from`. */
export interface DraftMove {
  readonly from: Value;
  readonly to: Value;
}

export interface DraftStage {
  readonly name: string;
  readonly repeat: number;
  readonly firstTick: number;
  /** The loop that it is, by its block. */
  readonly loop?: number;
  readonly begin: DraftMove[];
  readonly next: DraftMove[];
  readonly end: DraftMove[];
  readonly segments: DraftSegment[];
}

const NOTHING: readonly never[] = [];

export function newSegment({
  ops = NOTHING,
  receive = NOTHING,
  send = NOTHING,
}: Partial<DraftSegment> = {}): DraftSegment {
  return { ops, receive, send, given: [], updates: [] };
}

function straightStage(name: string, segments: DraftSegment[]): DraftStage {
  return { name, repeat: 1, firstTick: 0, begin: [], next: [], end: [], segments };
}

/**
 * @param tellings those that this shard sends or receives
 * @param behind messages of this shard about what loops leave, where no straight code follows that could tell it
 * @returns for every loop a straight stage in front, where what it begins with is made ready; and a last one
 */
export function draftStages(
  values: FunctionValues,
  shard: number,
  phases: Phases,
  tellings: readonly Telling[],
  behind: readonly Telling[],
): DraftStage[] {
  const stages: DraftStage[] = [];
  const byBlock = new Map<number, Telling[]>();
  for (const telling of tellings) append(byBlock, telling.block, telling);
  values.f.blocks.forEach((block, index) => {
    const segments = segmentsOf(
      phases.ops[shard]?.[index] ?? { before: [], after: [] },
      byBlock.get(index) ?? [],
      shard,
    );
    if (!isLoop(block)) {
      stages.push({ ...straightStage(block.name, segments), firstTick: block.firstTick });
      return;
    }
    stages.push(straightStage(`${block.name}.begin`, [newSegment()]));
    const { name, repeat, firstTick } = block;
    stages.push({ name, repeat, firstTick, loop: index, begin: [], next: [], end: [], segments });
    const after = behind.filter((t) => t.block === index);
    const send = after.filter((t) => t.from === shard).map((t) => t.id);
    const receive = after.filter((t) => t.to === shard).map((t) => t.id);
    if (send.length > 0 || receive.length > 0)
      stages.push(straightStage(`${name}.after`, [newSegment({ send }), newSegment({ receive })]));
  });
  stages.push(straightStage('finish', [newSegment()]));
  return stages;
}

function segmentsOf({ before, after }: PhaseOps, tellings: readonly Telling[], shard: number): DraftSegment[] {
  const early: number[] = [];
  const receive = new Map<number, number[]>();
  const send = new Map<number, number[]>();
  for (const t of tellings) {
    if (t.to === shard) append(receive, t.taken, t.id);
    if (t.from !== shard) continue;
    if (t.early) early.push(t.id);
    else append(send, t.phase, t.id);
  }
  const segments = early.length > 0 ? [newSegment({ send: early })] : [];
  before.forEach((ops, phase) => {
    segments.push(newSegment({ ops, receive: receive.get(phase), send: send.get(phase) }));
    const late = after[phase] ?? [];
    if (late.length > 0) segments.push(newSegment({ ops: late }));
  });
  return segments;
}

/** Results of loops that other shards need and no block tells, grouped like other messages. */
export function tellingsBehind(
  values: FunctionValues,
  homes: Homes,
  needs: readonly { readonly shard: number; readonly needs: readonly Value[] }[],
  nextId: () => number,
): Telling[] {
  const groups = new Map<string, Telling & { readonly values: Value[] }>();
  for (const part of needs)
    for (const value of part.needs) {
      const { kind, block } = value;
      const from = homes.of(value);
      if (kind !== 'carried' || toldIn(values, value) !== undefined || from === NOWHERE) continue;
      const key = `${block}/${from}/${part.shard}`;
      let group = groups.get(key);
      if (!group) {
        group = { id: nextId(), block, from, to: part.shard, phase: 0, taken: 1, early: true, values: [] };
        groups.set(key, group);
      }
      group.values.push(value);
    }
  return [...groups.values()];
}
