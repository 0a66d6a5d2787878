/**
 * The rate of a value step, moved into the products around it. In z + rate · ((e₊ W) ∘ f′ - e) the error e comes out of
 * one product and goes, but for this step, only into others: kept as rate · e, it and all of them take the factor along
 * for nothing, where a node of its own costs a tenth of a small product.
 */
import type { Op } from '../../../spec/program.ts';
import { scaledBy, times, Uses } from './uses.ts';

/** One step, as rate · (error - feedback ∘ slope), by the names of its operations. */
interface Step {
  /** The product with the rate, and what it multiplies. */
  readonly scaled: Op;
  readonly direction: Op;
  readonly error: Op;
  readonly feedback: Op;
  readonly rate: number;
}

/** A step in one of the first ticks, rate · (feedback ∘ slope): there is no error yet but what comes back. */
interface EarlyStep {
  readonly scaled: Op;
  readonly masked: Op;
  readonly feedback: Op;
  readonly rate: number;
}

/** Products by num / den: a factor and its inverse leave exactly 1. */
interface Factor {
  readonly num: number[];
  readonly den: number[];
}

/**
 * @param kept values that something outside reads
 * @param constants numbers by their names
 * @param rates products that want a factor besides
 * @returns operations that give the same values but for rounding, errors of value steps under another scale
 */
export function scaleErrors(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  constants: ReadonlyMap<string, number>,
  rates: ReadonlyMap<string, number> = new Map(),
): readonly Op[] {
  const uses = new Uses(ops, kept);
  const steps = ops.flatMap((op) => stepAt(op, uses, constants) ?? []);
  const early = ops.flatMap((op) => earlyStepAt(op, uses, constants) ?? []);
  if (steps.length === 0 && early.length === 0 && rates.size === 0) return ops;
  const scales = new Map(steps.map((s) => [s.error.id, s.rate]));
  const endings = new Map(steps.map((s) => [s.scaled.id, s]));
  const gone = new Set(steps.map((s) => s.direction.id));
  const factors = new Map<string, Factor>();
  const factorOf = (id: string): Factor => {
    const found = factors.get(id) ?? { num: [], den: [] };
    factors.set(id, found);
    return found;
  };
  for (const [id, rate] of rates) factorOf(id).num.push(rate);
  for (const { error, feedback, rate } of steps) {
    factorOf(feedback.id).num.push(rate);
    for (const user of uses.users(error.id)) if (user.op === 'matmul') factorOf(user.id).den.push(rate);
  }
  const same = new Map(early.map((s) => [s.scaled.id, s.masked.id]));
  for (const { masked, feedback, rate } of early) {
    factorOf(feedback.id).num.push(rate);
    for (const user of uses.users(masked.id)) if (user.op === 'matmul') factorOf(user.id).den.push(rate);
  }
  return ops.flatMap((given) => {
    if (gone.has(given.id) || same.has(given.id)) return [];
    const op = { ...given, args: given.args.map((arg) => same.get(arg) ?? arg) };
    const step = endings.get(op.id);
    if (step) return [{ ...op, op: 'sub', args: step.direction.args.map((arg) => same.get(arg) ?? arg) }];
    const rate = scales.get(op.id);
    if (rate !== undefined) return times(op, rate);
    const factor = factors.get(op.id);
    const by = factor === undefined ? 1 : quotient(factor);
    return by === 1 ? [op] : times(op, by);
  });
}

function quotient({ num, den }: Factor): number {
  const left = [...num];
  let value = 1;
  for (const by of den) {
    const at = left.indexOf(by);
    if (at >= 0) left.splice(at, 1);
    else value /= by;
  }
  return left.reduce((product, by) => product * by, value);
}

function stepAt(op: Op, uses: Uses, constants: ReadonlyMap<string, number>): Step | undefined {
  const scaled = scaledBy(op, constants);
  const direction = uses.own(scaled?.value, 'sub');
  if (!scaled || !direction) return undefined;
  const error = errorAt(direction.args[0], direction, uses);
  const masked = uses.own(direction.args[1], 'mul');
  const feedback = masked && uses.productIn(masked);
  return error && feedback && { scaled: op, direction, error, feedback, rate: scaled.rate };
}

function earlyStepAt(op: Op, uses: Uses, constants: ReadonlyMap<string, number>): EarlyStep | undefined {
  const scaled = uses.isKept(op.id) ? undefined : scaledBy(op, constants);
  const masked = uses.definition(scaled?.value, 'mul');
  if (!scaled || !masked || uses.isKept(masked.id)) return undefined;
  const feedback = uses.productIn(masked);
  const fits = areProducts(othersThan(op, masked, uses));
  return feedback && fits ? { scaled: op, masked, feedback, rate: scaled.rate } : undefined;
}

function othersThan(op: Op, read: Op, uses: Uses): readonly Op[] {
  return uses.users(read.id).filter((user) => user.id !== op.id);
}

/** Plain products, none of which reads the value twice. */
function areProducts(ops: readonly Op[]): boolean {
  return new Set(ops).size === ops.length && ops.every((op) => op.op === 'matmul' && op.shape.length === 2);
}

/** z - W f, that only this step and products read. */
function errorAt(id: string | undefined, direction: Op, uses: Uses): Op | undefined {
  const error = uses.definition(id, 'sub');
  if (!error || uses.isKept(error.id) || !uses.ownProduct(error.args[1])) return undefined;
  return areProducts(othersThan(direction, error, uses)) ? error : undefined;
}
