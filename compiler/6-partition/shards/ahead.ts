/**
 * Values that every shard makes for itself are made anew by each segment that reads them. Where that is work (the mask
 * of a link without weights of its own), they are made once a batch, in front of the first loop or segment that reads
 * them, and held.
 */
import { append } from '../../../spec/append.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { type DraftSegment, type DraftStage, newSegment } from './stages.ts';
import type { OpValue, Value } from './values.ts';

/** FLOP that are worth a place of their own; what is made of a large mask may itself be small. */
const MIN_WORK = 256;

/** A segment by its place in its stage. */
interface Place {
  readonly stage: DraftStage;
  readonly segment: number;
}

/**
 * Adds operations to the drafts of one shard.
 *
 * @param work of values, known for all shards
 * @param begins values that the carries of a loop, given by its block, begin with
 */
export function makeAhead(
  work: Map<Value, number>,
  stages: readonly DraftStage[],
  begins: (loop: number) => readonly Value[],
): void {
  const readings = new Map<OpValue, number>();
  const first = new Map<OpValue, Place>();
  const reached = new Set<Value>();
  // What is held is read wherever something is made of it: it has to be there before all of that, read by itself or not.
  const reach = (value: Value, place: Place, loop: number | undefined): void => {
    if (reached.has(value) || !isCostly(value, work)) return;
    reached.add(value);
    if (value.block !== loop) first.set(value, place);
    for (const arg of value.args) reach(arg, place, loop);
  };
  stages.forEach((stage, at) => {
    const { loop, repeat } = stage;
    const before = loop === undefined ? undefined : stages[at - 1];
    const ahead = before && { stage: before, segment: before.segments.length - 1 };
    if (ahead && loop !== undefined) for (const value of begins(loop)) reach(value, ahead, loop);
    stage.segments.forEach(({ ops }, segment) => {
      for (const value of costlyArgs(work, ops)) {
        reach(value, ahead ?? { stage, segment }, loop);
        if (value.block !== loop) readings.set(value, (readings.get(value) ?? 0) + repeat);
      }
    });
  });
  const ahead = new Map<DraftStage, Map<number, OpValue[]>>();
  for (const [value, { stage, segment }] of first) {
    if ((readings.get(value) ?? 0) < 2) continue;
    const own = ahead.get(stage) ?? new Map<number, OpValue[]>();
    append(own, segment, value);
    ahead.set(stage, own);
  }
  for (const [stage, own] of ahead)
    for (const [at, ops] of own) {
      const draft: DraftSegment = stage.segments[at] ?? newSegment();
      const sorted = ops.sort((a, b) => a.index - b.index);
      stage.segments[at] = { ...draft, ops: [...sorted, ...draft.ops] };
    }
}

function costlyArgs(work: Map<Value, number>, ops: readonly OpValue[]): Iterable<OpValue> {
  let found: Set<OpValue> | undefined;
  for (const { args } of ops)
    for (const arg of args)
      if (isCostly(arg, work)) {
        found ??= new Set();
        found.add(arg);
      }
  return found ?? [];
}

/** Whether a value is made of constants by work. */
function isCostly(value: Value, work: Map<Value, number>): value is OpValue {
  return value.isCommon && value.kind === 'op' && workOf(value, work) >= MIN_WORK;
}

/** FLOP of making a value and all that it is made of. */
function workOf(value: Value, known: Map<Value, number>): number {
  const { op, args } = value;
  if (!op || !isOperator(op.op)) return 0;
  const before = known.get(value);
  if (before !== undefined) return before;
  const shapes = args.map((a) => a.shape);
  const own = operators[op.op].flops(shapes, op.shape, op.attributes);
  const work = args.reduce((flops, a) => flops + workOf(a, known), own);
  known.set(value, work);
  return work;
}
