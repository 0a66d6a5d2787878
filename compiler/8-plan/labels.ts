/** Which numbers a field may hold, because `one_hot` has a place for each of them and for no other. */
import { parseFieldLeaf } from '../../spec/names.ts';
import type { Expr } from '../operators/expr.ts';
import { operators } from '../operators/table.ts';

/** A clamp or a read, which uses fields; with a condition it says itself which samples it is about. */
interface Reader {
  readonly value: Expr;
  readonly when?: Expr;
}

/** First and last. */
export type Labels = readonly [number, number];

/** By field; of one that several `one_hot` read, the numbers for which all of them have a place. */
export function labelsOf(readers: readonly Reader[]): ReadonlyMap<string, Labels> {
  const found = new Map<string, Labels>();
  for (const { value, when } of readers) if (!when) collect(value, found);
  return found;
}

/** Goes where every sample's value comes from: not below a choice between values, or a factor that may be a mask. */
function collect(expr: Expr, found: Map<string, Labels>): void {
  if (expr.kind !== 'apply' || expr.op === 'select') return;
  if (expr.op === 'one_hot') {
    const [of] = expr.args;
    const field = of && fieldBehind(of);
    if (!field || typeof expr.attributes.depth !== 'number') return;
    const [first, last] = found.get(field.name) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const labels = [0 - field.shift, expr.attributes.depth - 1 - field.shift] as const;
    found.set(field.name, [Math.max(first, labels[0]), Math.min(last, labels[1])]);
    return;
  }
  const masks = operators[expr.op].elementwise && expr.args.filter(readsSample).length > 1;
  if (!masks) for (const arg of expr.args) collect(arg, found);
}

/** `sample.digit`, or `sample.digit - 1`. */
function fieldBehind(expr: Expr): { readonly name: string; readonly shift: number } | undefined {
  if (expr.kind === 'leaf') {
    const name = parseFieldLeaf(expr.name)?.field;
    return name === undefined ? undefined : { name, shift: 0 };
  }
  if (expr.kind !== 'apply') return undefined;
  const [left, right] = expr.args;
  if (expr.op === 'reshape') return left && fieldBehind(left);
  const sign = expr.op === 'add' ? 1 : -1;
  if ((expr.op !== 'add' && expr.op !== 'sub') || right?.kind !== 'constant') return undefined;
  const field = left && fieldBehind(left);
  return field && { name: field.name, shift: field.shift + sign * right.value };
}

function readsSample(expr: Expr): boolean {
  return expr.kind === 'leaf'
    ? parseFieldLeaf(expr.name) !== undefined
    : expr.kind === 'apply' && expr.args.some(readsSample);
}
