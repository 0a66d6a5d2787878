/**
 * What no other shard waits for is made in the last phase of a block, unless it is work that has all it needs: then
 * it is made while the frames of others are on their way. In a loop, values of a weight's size keep their place: where
 * the weights move, after all that reads the old ones. In straight code a weight moves as soon as its gradient is known
 * and nothing reads the old one any more.
 */
import { servesWeight, weightServed } from '../../../spec/names.ts';
import { isOperator, operators } from '../../operators/table.ts';
import type { ValueMap } from './value-map.ts';
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
  /** No loop: each weight moves once. */
  readonly isStraight: boolean;
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
 * @param maps to work with, of all values: to make one takes as long as to go through them, so all shards share them
 */
export function withEarlyWork(own: OwnOps, least: number, maps: PlacedMaps): PhaseOps {
  const { ops, isUrgent, last, sends } = own;
  const [before, after] = [lists(last), lists(last)];
  const placed = own.isStraight && last > 0 ? placedInStraightCode(own, maps) : placedInLoop(own, maps);
  for (const op of ops) (isUrgent(op) ? before : after)[placed.get(op) ?? last]?.push(op);
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

/** Phases in which operations stand, and in which states are read last. */
export interface PlacedMaps {
  readonly placed: ValueMap<number>;
  readonly read: ValueMap<number>;
}

/** The phase of each operation. */
function placedInLoop({ ops, isUrgent, phaseOf, last }: OwnOps, { placed }: PlacedMaps): ValueMap<number> {
  placed.clear();
  for (const op of ops)
    placed.set(op, isUrgent(op) ? phaseOf(op) : keepsPlace(op) ? last : latest(op.args, placed, phaseOf(op)));
  return placed;
}

/** The same, with weights that move together with their gradients. */
function placedInStraightCode(own: OwnOps, maps: PlacedMaps): ValueMap<number> {
  const placed = placedInLoop(own, maps);
  const steps = stepsOf(own);
  const found = new Map<string, number>();
  const { read } = maps;
  read.clear();
  for (const op of own.ops)
    for (const arg of op.args)
      if (arg.kind === 'state' && steps.of(op) === undefined)
        read.set(arg, Math.max(read.get(arg) ?? 0, placed.get(op) ?? 0));
  for (const op of own.ops) {
    const step = steps.of(op);
    if (step === undefined) continue;
    const phase = op.args.reduce(
      (most, arg) => Math.max(most, read.get(arg) ?? 0, steps.of(arg) === step ? 0 : (placed.get(arg) ?? 0)),
      own.phaseOf(op),
    );
    found.set(step, Math.max(found.get(step) ?? 0, phase));
  }
  for (const op of own.ops) {
    const phase = found.get(steps.of(op) ?? '');
    if (phase !== undefined) placed.set(op, phase);
  }
  sink(own, placed);
  return placed;
}

interface Steps {
  /** The weight whose step an operation is part of; nothing of one that has to keep its place. */
  of(value: Value): string | undefined;
}

/** Steps of weights that read no value of another step, and that nothing but themselves reads. */
function stepsOf({ ops, isUrgent }: OwnOps): Steps {
  const name = ({ op, args }: Value): string | undefined =>
    args.length > 0 && op !== undefined ? weightServed(op.origin) : undefined;
  const bound = new Set<string>();
  for (const op of ops) {
    const own = name(op);
    if (own !== undefined && isUrgent(op)) bound.add(own);
    for (const arg of op.args) {
      const other = name(arg);
      if (other !== undefined && other !== own) bound.add(other);
    }
  }
  return {
    of: (value) => {
      const own = name(value);
      return own === undefined || bound.has(own) ? undefined : own;
    },
  };
}

/** What only weights wait for is made with them: a gradient is as large as its weight, and need not be kept. */
function sink({ ops, isUrgent }: OwnOps, placed: ValueMap<number>): void {
  const own = new Set(ops);
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i] as OpValue;
    const readers = op.readers.filter((reader) => own.has(reader));
    if (isUrgent(op) || readers.length === 0 || !readers.every((reader) => servesWeight(reader.op.origin))) continue;
    const first = readers.reduce((least, reader) => Math.min(least, placed.get(reader) ?? 0), Infinity);
    placed.set(op, Math.max(placed.get(op) ?? 0, first));
  }
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
