/**
 * Constant folding and algebra. Signs and constant factors are moved outwards, so that a weight step ends as one
 * product with one factor, and what is zero after the forward sweep vanishes: `z - mu` where z = mu, and all products
 * with it. Every rule is a few lines in `rules.ts`.
 */
import type { Attributes, Op, ProgramFunction, Shape } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { canonicalAttributes } from '../builder.ts';
import { Definitions, freshNames } from './definitions.ts';
import { rules } from './rules.ts';

/** What a rule may do: look up definitions, and write new operations in front of the one it looks at. */
export interface Rewriter {
  readonly known: Definitions;
  emit(op: string, args: readonly string[], attributes?: Attributes): string;
  constant(value: number): string;
  /** Every element the same number. */
  filled(value: number, shape: Shape): string;
}

/** Gives the name of an equal, simpler value, or nothing. */
export type Rule = (op: Op, rewriter: Rewriter) => string | undefined;

const MOST_ROUNDS = 8;

export function fold(f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>): ProgramFunction {
  let current = f;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { result, changed } = foldOnce(current, stateShapes);
    current = result;
    if (!changed) break;
  }
  return current;
}

function foldOnce(
  f: ProgramFunction,
  stateShapes: ReadonlyMap<string, Shape>,
): { result: ProgramFunction; changed: boolean } {
  const known = new Definitions(f, stateShapes);
  const fresh = freshNames(f);
  const replace = new Map<string, string>();
  const final = (id: string): string => replace.get(id) ?? id;
  let changed = false;
  const blocks = f.blocks.map((block) => {
    const ops: Op[] = [];
    for (const old of block.ops) {
      const op = { ...old, args: old.args.map(final) };
      const rewriter = rewriterFor(op, known, ops, fresh);
      const simpler = simplify(op, rewriter);
      if (simpler === undefined) {
        known.add(op);
        ops.push(op);
      } else {
        changed = true;
        replace.set(op.id, simpler);
      }
    }
    const carries = block.carries.map((c) => ({ ...c, init: final(c.init), next: final(c.next) }));
    return { ...block, ops, carries };
  });
  const updates = f.updates.map((u) => ({ ...u, value: final(u.value) }));
  const results = f.results.map((r) => ({ ...r, value: final(r.value) }));
  return { result: { ...f, blocks, updates, results }, changed };
}

function simplify(op: Op, rewriter: Rewriter): string | undefined {
  for (const rule of rules) {
    const simpler = rule(op, rewriter);
    if (simpler !== undefined) return simpler;
  }
  return undefined;
}

function rewriterFor(at: Op, known: Definitions, ops: Op[], fresh: () => string): Rewriter {
  const append = (op: string, args: readonly string[], attributes: Attributes, shape: Shape): string => {
    const id = fresh();
    const plain: Op = { id, op, args, attributes: canonicalAttributes(attributes), shape };
    const made = at.origin === undefined ? plain : { ...plain, origin: at.origin };
    known.add(made);
    ops.push(made);
    return id;
  };
  const constant = (value: number): string => append('constant', [], { value }, []);
  return {
    known,
    constant,
    emit: (op, args, attributes = {}) => {
      if (!isOperator(op)) throw new Error(`${op} is no operator`);
      const shapes = args.map((a) => known.shape(a));
      return append(op, args, attributes, operators[op].shape(shapes, attributes));
    },
    filled: (value, shape) =>
      shape.length === 0 ? constant(value) : append('broadcast', [constant(value)], { shape: [...shape] }, shape),
  };
}
