/**
 * Values that every shard makes for itself are made anew by each segment that reads them. Where that is work (the mask
 * of a link without weights of its own), they are made once a batch, in front of the first loop or segment that reads
 * them, and held.
 */
import { append } from '../../../spec/append.ts';
import type { Op } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { type DraftSegment, type DraftStage, newSegment } from './stages.ts';
import type { FunctionValues } from './values.ts';

/** FLOP that are worth a place of their own; what is made of a large mask may itself be small. */
const MIN_WORK = 256;

/** Adds operations to the drafts of one shard. */
export function makeAhead(values: FunctionValues, stages: readonly DraftStage[]): void {
  const readings = new Map<string, number>();
  const first = new Map<string, { stage: DraftStage; segment: number }>();
  stages.forEach((stage, at) => {
    stage.segments.forEach(({ ops }, segment) => {
      for (const id of costlyArgs(values, ops, stage)) {
        const before = stage.loop === undefined ? undefined : stages[at - 1];
        if (!first.has(id))
          first.set(id, before ? { stage: before, segment: before.segments.length - 1 } : { stage, segment });
        readings.set(id, (readings.get(id) ?? 0) + stage.repeat);
      }
    });
  });
  const ahead = new Map<DraftStage, Map<number, Op[]>>();
  for (const [id, { stage, segment }] of first) {
    const origin = values.origin(id);
    if (origin.kind !== 'op' || (readings.get(id) ?? 0) < 2) continue;
    const own = ahead.get(stage) ?? new Map<number, Op[]>();
    append(own, segment, origin.op);
    ahead.set(stage, own);
  }
  for (const [stage, own] of ahead)
    for (const [at, ops] of own) {
      const draft: DraftSegment = stage.segments[at] ?? newSegment();
      const sorted = ops.sort((a, b) => values.place(a) - values.place(b));
      stage.segments[at] = { ...draft, ops: [...sorted, ...draft.ops] };
    }
}

/** Values made of constants by work, outside of the loop that reads them. */
function costlyArgs(values: FunctionValues, ops: readonly Op[], { loop }: DraftStage): Set<string> {
  const found = new Set<string>();
  for (const { args } of ops)
    for (const id of args) {
      if (!values.isCommon(id)) continue;
      const origin = values.origin(id);
      if (origin.kind === 'op' && origin.block !== loop && workOf(values, id) >= MIN_WORK) found.add(id);
    }
  return found;
}

/** FLOP of making a value and all that it is made of. */
function workOf(values: FunctionValues, id: string): number {
  const origin = values.origin(id);
  if (origin.kind !== 'op' || !isOperator(origin.op.op)) return 0;
  const { op, args, shape, attributes } = origin.op;
  const shapes = args.map((a) => values.shape(a));
  const own = operators[op].flops(shapes, shape, attributes);
  return args.reduce((flops, a) => flops + workOf(values, a), own);
}
