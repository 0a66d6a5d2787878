/** Whether an optimiser leaves a weight at zero where no connection is: what it adds up is zero there by itself. */
import type { OptimizerInstance, WeightStep } from '../3-check/checked.ts';
import type { Expr } from '../operators/expr.ts';

/** Functions that are zero where their first argument is. */
const ZERO_AT_ZERO = new Set(
  'neg abs sign sqrt square sin tanh relu leaky_relu gelu silu step div reshape broadcast'.split(' '),
);
/** Functions that are zero where all arguments are. */
const ZERO_AT_ZEROS = new Set(['add', 'sub', 'max', 'min']);

/** A gradient of zero at a weight of zero; states are followed from what they begin at. */
export function staysZero(
  { states }: Pick<OptimizerInstance, 'states'>,
  { nextStates, nextWeight }: WeightStep,
): boolean {
  const zero = new Set(['weight', 'gradient', ...states.filter((s) => s.init === 0).map((s) => s.name)]);
  // A state that leaves zero may take others along.
  for (let changed = true; changed; ) {
    const moved = nextStates.filter(({ name, value }) => zero.has(name) && !isZero(value, zero));
    for (const { name } of moved) zero.delete(name);
    changed = moved.length > 0;
  }
  return isZero(nextWeight, zero);
}

/** A reduction goes over the connections that exist, too: nothing is known to be zero behind it. */
function isZero(expr: Expr, zero: ReadonlySet<string>): boolean {
  if (expr.kind === 'constant') return expr.value === 0;
  if (expr.kind === 'leaf') return zero.has(expr.name);
  const { op, args } = expr;
  const [first, second, third] = args;
  const is = (arg: Expr | undefined): boolean => arg !== undefined && isZero(arg, zero);
  if (op === 'mul') return args.some(is);
  if (op === 'select') return is(second) && is(third);
  if (op === 'pow') return is(first) && second?.kind === 'constant' && second.value > 0;
  return ZERO_AT_ZERO.has(op) ? is(first) : ZERO_AT_ZEROS.has(op) && args.every(is);
}
