/**
 * What no other shard waits for is made in the last phase of a block, unless it is work that has all it needs: then
 * it is made while the frames of others are on their way. Values of a weight's size keep their place: where the weights
 * move, after all that reads the old ones.
 */
import { servesWeight } from '../../../spec/names.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { ValueMap } from './value-map.ts';
import type { OpValue, Value } from './values.ts';

/** FLOP that are worth a call of the device of their own: some 30 microseconds of one thread. */
export const EARLY_WORK = 1_000_000;

/** The operations of each phase of a shard. */
export interface PhaseOps {
  /** In front of what it sends. */
  readonly before: readonly (readonly OpValue[])[];
  /** Behind what it sends. */
  readonly after: readonly (readonly OpValue[])[];
}

export interface OwnOps {
  /** In the order of the program. */
  readonly ops: readonly OpValue[];
  /** Whether others wait for it. */
  readonly isUrgent: (op: OpValue) => boolean;
  /** The earliest phase in which it can be made. */
  readonly phaseOf: (op: OpValue) => number;
  readonly last: number;
  /** Whether something is sent in a phase. */
  readonly sends: (phase: number) => boolean;
}

/** Without early work. */
export function inLastPhase({ ops, isUrgent, phaseOf, last }: OwnOps): PhaseOps {
  const before = lists(last);
  for (const op of ops) before[isUrgent(op) ? phaseOf(op) : last]?.push(op);
  return { before, after: lists(last) };
}

/**
 * @param least FLOP that are done early
 * @param count of all values, for maps of them
 */
export function withEarlyWork({ ops, isUrgent, phaseOf, last, sends }: OwnOps, least: number, count: number): PhaseOps {
  const [before, after] = [lists(last), lists(last)];
  const placed = new ValueMap<number>(count);
  for (const op of ops) {
    if (isUrgent(op)) {
      before[phaseOf(op)]?.push(op);
      continue;
    }
    const phase = keepsPlace(op) ? last : latest(op.args, placed, phaseOf(op));
    placed.set(op, phase);
    after[phase]?.push(op);
  }
  for (let phase = 0; phase < last; phase++) {
    const own = after[phase] ?? [];
    if (workOf(own) >= least) continue;
    after[phase + 1]?.push(...own);
    after[phase] = [];
  }
  for (let phase = 0; phase <= last; phase++) {
    const own = after[phase] ?? [];
    if (sends(phase) && own.length > 0 && workOf(own) >= least) continue;
    before[phase]?.push(...own);
    after[phase] = [];
  }
  for (const list of [...before, ...after]) list.sort((a, b) => a.index - b.index);
  return { before, after };
}

const lists = (last: number): OpValue[][] => Array.from({ length: last + 1 }, () => []);

function keepsPlace({ op, isOfStates }: OpValue): boolean {
  return isOfStates || servesWeight(op.origin);
}

/** Not before what it is made of. */
function latest(args: readonly Value[], placed: ValueMap<number>, phase: number): number {
  return args.reduce((most, arg) => Math.max(most, placed.get(arg) ?? 0), phase);
}

function workOf(ops: readonly OpValue[]): number {
  return ops.reduce((flops, { op, args }) => {
    const shapes = args.map((a) => a.shape);
    return flops + (isOperator(op.op) ? operators[op.op].flops(shapes, op.shape, op.attributes) : 0);
  }, 0);
}
