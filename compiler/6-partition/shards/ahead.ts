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

/** Adds operations to the drafts of one shard. @param work of values, known for all shards */
export function makeAhead(work: Map<Value, number>, stages: readonly DraftStage[]): void {
  const readings = new Map<OpValue, number>();
  const first = new Map<OpValue, { stage: DraftStage; segment: number }>();
  stages.forEach((stage, at) => {
    stage.segments.forEach(({ ops }, segment) => {
      for (const value of costlyArgs(work, ops, stage)) {
        const before = stage.loop === undefined ? undefined : stages[at - 1];
        if (!first.has(value))
          first.set(value, before ? { stage: before, segment: before.segments.length - 1 } : { stage, segment });
        readings.set(value, (readings.get(value) ?? 0) + stage.repeat);
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

/** Values made of constants by work, outside of the loop that reads them. */
function costlyArgs(work: Map<Value, number>, ops: readonly OpValue[], { loop }: DraftStage): Iterable<OpValue> {
  let found: Set<OpValue> | undefined;
  for (const { args } of ops)
    for (const arg of args)
      if (arg.isCommon && arg.kind === 'op' && arg.block !== loop && workOf(arg, work) >= MIN_WORK) {
        found ??= new Set();
        found.add(arg as OpValue);
      }
  return found ?? [];
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
