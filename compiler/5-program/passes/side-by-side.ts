/**
 * A value that is read in parts, as queries, keys and values are, gets its gradient in parts: each with zeros around it,
 * to be added up. Parts that lie side by side are joined instead.
 */
import type { Op } from '../../../spec/program.ts';
import { axisOf } from '../../operators/reduction.ts';
import type { Rewriter, Rule } from './rule.ts';

/** Some places along one axis; zeros at all others. */
interface Part {
  readonly of: string;
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  readonly size: number;
}

function partAt(id: string | undefined, { known }: Rewriter): Part | undefined {
  const op = known.get(id);
  const of = op?.args[0];
  if (op?.op !== 'pad' || of === undefined) return undefined;
  const axis = axisOf(op.attributes, op.shape.length);
  const { before, after } = op.attributes as { before: number; after: number };
  return { of, axis, before, after, size: known.shape(of)[axis] as number };
}

/** Both parts as one value; nothing where they do not touch. */
function joined(a: Part, b: Part, r: Rewriter): string | undefined {
  if (a.axis !== b.axis) return undefined;
  const [first, second] = a.before < b.before ? [a, b] : [b, a];
  if (first.before + first.size !== second.before) return undefined;
  const { axis, before } = first;
  const { after } = second;
  const parts = [first, second].flatMap(({ of }) => piecesOf(r.known.get(of), axis) ?? [of]);
  const whole = r.emit('concatenate', parts, { axis });
  return before + after === 0 ? whole : r.emit('pad', [whole], { axis, before, after });
}

/** What a value was joined from along this axis. */
function piecesOf(op: Op | undefined, axis: number): readonly string[] | undefined {
  return op?.op === 'concatenate' && axisOf(op.attributes, op.shape.length) === axis ? op.args : undefined;
}

/** pad(a) + pad(b), and (x + pad(a)) + pad(b) in any order of x and a. */
export const sideBySide: Rule = (op, r) => {
  if (op.op !== 'add') return undefined;
  for (const [one, other] of [op.args, [...op.args].reverse()]) {
    const part = partAt(other, r);
    if (!part) continue;
    const neighbour = partAt(one, r);
    const both = neighbour && joined(neighbour, part, r);
    if (both !== undefined) return both;
    const sum = r.known.get(one);
    if (sum?.op !== 'add') continue;
    for (const [rest, nearer] of [sum.args, [...sum.args].reverse()]) {
      const touching = partAt(nearer, r);
      const whole = touching && joined(touching, part, r);
      if (whole !== undefined && rest !== undefined) return r.emit('add', [rest, whole]);
    }
  }
  return undefined;
};
