/**
 * A node that only a clamped sense predicts: its prediction c is the same in every tick, so its error e = z - c need not
 * be taken anew. Instead of z' = z - rate · ((z - c) - feedback ∘ slope), four operations on elements, three do:
 * e' = (1 - rate) e + (rate · feedback) ∘ slope and z' = c + e', the rate in the product that gives the feedback. An error
 * of exactly zero stays exactly zero, which z' = (1 - rate) z + rate · c would not give.
 */
import { type Op, sameShape } from '../../../spec/program.ts';
import { scaledBy, Uses } from './uses.ts';

interface Step {
  /** z', and the prediction that it is compared with before and after. */
  readonly next: Op;
  readonly prediction: string;
  readonly error: Op;
  /** The operations between, which go. */
  readonly between: readonly Op[];
  readonly masked: string;
  readonly feedback: Op;
  readonly rate: number;
}

/**
 * @param kept values that something outside reads
 * @param constants numbers by their names
 * @returns operations that give the same values but for rounding, once each product in `rates` is taken times its rate
 */
export function carryErrors(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  constants: ReadonlyMap<string, number>,
): { readonly ops: readonly Op[]; readonly rates: ReadonlyMap<string, number> } {
  const uses = new Uses(ops, kept);
  const steps = ops.flatMap((op) => stepAt(op, uses, constants) ?? []);
  const rates = new Map(steps.map((step) => [step.feedback.id, step.rate]));
  if (steps.length === 0) return { ops, rates };
  const gone = new Set(steps.flatMap((step) => step.between.map((op) => op.id)));
  const ends = new Map(steps.map((step) => [step.next.id, step]));
  /** Names of errors that are known already, and what values are sums of: `VALUE PREDICTION` to error. */
  const same = new Map<string, string>();
  const known = new Map<string, string>();
  const nameOf = (id: string): string => same.get(id) ?? id;
  const shapes = new Map(ops.map((op) => [op.id, op.shape]));
  const rewritten = ops.flatMap((given): Op[] => {
    if (gone.has(given.id)) return [];
    const op = { ...given, args: given.args.map(nameOf) };
    const [a = '', b = ''] = op.args;
    const step = ends.get(op.id);
    if (step) {
      const { made, error } = carried(step, nameOf(step.error.id));
      known.set(`${op.id} ${step.prediction}`, error);
      return made;
    }
    if (op.op === 'add' && sameShape(shapes.get(b) ?? [], op.shape)) known.set(`${op.id} ${a}`, b);
    const error = op.op === 'sub' && !kept.has(op.id) ? known.get(`${a} ${b}`) : undefined;
    if (error === undefined) return [op];
    same.set(op.id, error);
    return [];
  });
  return { ops: rewritten, rates };
}

function carried({ next, prediction, masked, rate }: Step, error: string): { made: Op[]; error: string } {
  const rest: Op = { id: `${next.id}.rest`, op: 'constant', args: [], attributes: { value: 1 - rate }, shape: [] };
  const less: Op = { ...next, id: `${next.id}.less`, op: 'mul', args: [error, rest.id], attributes: {} };
  const after: Op = { ...less, id: `${next.id}.error`, op: 'add', args: [less.id, masked] };
  const value: Op = { ...next, op: 'add', args: [prediction, after.id], attributes: {} };
  return { made: [rest, less, after, value], error: after.id };
}

/** @param op z - rate · ((z - c) - feedback ∘ slope), whose next error is against the same c */
function stepAt(op: Op, uses: Uses, constants: ReadonlyMap<string, number>): Step | undefined {
  const [z = '', change] = op.args;
  const product = op.op === 'sub' ? uses.own(change, 'mul') : undefined;
  const scaled = product && scaledBy(product, constants);
  const direction = uses.own(scaled?.value, 'sub');
  const error = uses.definition(direction?.args[0], 'sub');
  const masked = uses.own(direction?.args[1], 'mul');
  if (!scaled || !direction || !masked || error?.args[0] !== z) return undefined;
  const prediction = error.args[1] ?? '';
  const isComparedAgain = uses.users(op.id).some((user) => user.op === 'sub' && user.args[1] === prediction);
  const feedback = uses.productIn(masked);
  if (!isComparedAgain || !feedback) return undefined;
  const between = [product, direction];
  return { next: op, prediction, error, between, masked: masked.id, feedback, rate: scaled.rate };
}
