/**
 * The end of a function, which changes the weights once their gradients are there: element-wise chains that on a CPU leave
 * the graph and become vector kernels over the same memory.
 */
import { append } from '../../spec/append.ts';
import { type Op, type ProgramFunction, type ScalarExpr, sizeOf } from '../../spec/program.ts';

/** What kernels do with four numbers at a time. */
const VECTOR_OPERATORS = [
  'add',
  'sub',
  'mul',
  'div',
  'max',
  'min',
  'neg',
  'abs',
  'sqrt',
  'square',
  'select',
  'greater',
  'greater_equal',
  'less',
  'less_equal',
  'equal',
] as const;

export type VectorOperator = (typeof VECTOR_OPERATORS)[number];

function isVectorOperator(op: string): boolean {
  return VECTOR_OPERATORS.some((known) => known === op);
}

/** Shorter chains are better as part of the product that they follow (Gemm with C). */
const MIN_OPERATIONS = 4;
/** Below this many elements a call costs more than it saves. */
const MIN_ELEMENTS = 64;

export interface TailChain {
  readonly ops: readonly Op[];
  /** Elements of every tensor of the chain. */
  readonly size: number;
  /** Values of that size from the graph, and states. */
  readonly tensors: readonly string[];
  readonly scalars: readonly string[];
  readonly updates: readonly { readonly state: string; readonly value: string }[];
}

export interface TailContext {
  readonly elements: (id: string) => number;
  readonly scalars: ReadonlyMap<string, ScalarExpr>;
  readonly constants: ReadonlyMap<string, number>;
}

/** @returns chains whose operations leave the graph; nothing that stays reads any of them */
export function elementwiseTails(ops: readonly Op[], f: ProgramFunction, context: TailContext): TailChain[] {
  // Where everything is element-wise, a weight step on its own, there is no product to join and no graph worth having.
  const alone = ops.every((op) => isVectorOperator(op.op) || op.op === 'constant');
  const tail = tailOps(ops, f, context, alone ? 1 : MIN_ELEMENTS);
  const shortest = alone ? 1 : MIN_OPERATIONS;
  const chains: TailChain[] = [];
  const updates = updatesByValue(f);
  for (const members of components(tail)) {
    const chain = describe(members, updates, context);
    if (members.length >= shortest && chain) chains.push(chain);
  }
  // Kernels run behind the graph and one after the other: a state that something else changes would be read too late.
  const changed = new Set(f.updates.map((u) => u.state));
  return chains.filter((c) => c.tensors.every((t) => !changed.has(t) || c.updates.some((u) => u.state === t)));
}

/** Operations that only each other and updates read. */
function tailOps(ops: readonly Op[], f: ProgramFunction, context: TailContext, smallest: number): Op[] {
  const stays = new Set(f.results.map((r) => r.value));
  const wanted = new Set(f.updates.map((u) => u.value));
  const tail: Op[] = [];
  // From the end: when an operation is looked at, all its readers have been.
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i] as Op;
    const size = sizeOf(op.shape);
    const fits = (a: string): boolean =>
      context.elements(a) === size || context.scalars.has(a) || context.constants.has(a);
    const leaves = wanted.has(op.id) && !stays.has(op.id) && isVectorOperator(op.op) && size >= smallest;
    if (leaves && op.args.every(fits)) {
      tail.push(op);
      for (const arg of op.args) if (context.elements(arg) === size) wanted.add(arg);
    } else for (const arg of op.args) stays.add(arg);
  }
  return tail.reverse();
}

function components(tail: readonly Op[]): Op[][] {
  const root = new Map<string, string>(tail.map((op) => [op.id, op.id]));
  const find = (id: string): string => {
    let current = id;
    for (;;) {
      const above = root.get(current) as string;
      if (above === current) return current;
      // Half of the way is forgotten, so that long chains stay short to climb.
      const further = root.get(above) as string;
      root.set(current, further);
      current = further;
    }
  };
  for (const op of tail) for (const arg of op.args) if (root.has(arg)) root.set(find(arg), find(op.id));
  const groups = new Map<string, Op[]>();
  for (const op of tail) append(groups, find(op.id), op);
  return [...groups.values()];
}

type Update = TailChain['updates'][number];

/** Every value's updates, with their places in the function. */
function updatesByValue(f: ProgramFunction): Map<string, { place: number; update: Update }[]> {
  const found = new Map<string, { place: number; update: Update }[]>();
  for (const [place, update] of f.updates.entries()) append(found, update.value, { place, update });
  return found;
}

function describe(
  ops: readonly Op[],
  updatesOf: ReturnType<typeof updatesByValue>,
  context: TailContext,
): TailChain | undefined {
  const made = new Set(ops.map((op) => op.id));
  const outside = [...new Set(ops.flatMap((op) => op.args))].filter((a) => !made.has(a) && !context.constants.has(a));
  const own = ops.flatMap((op) => updatesOf.get(op.id) ?? []).sort((a, b) => a.place - b.place);
  const updates = own.map(({ update }) => update);
  const first = ops[0];
  if (!first || updates.length === 0) return undefined;
  return {
    ops,
    size: sizeOf(first.shape),
    tensors: outside.filter((a) => !context.scalars.has(a)),
    scalars: outside.filter((a) => context.scalars.has(a)),
    updates,
  };
}
