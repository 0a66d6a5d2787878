/**
 * Peeling: the first ticks are written out as straight code, where folding can see that after the forward sweep all
 * errors but the outputs' are zero (semantics.md, equation 13). It goes on while a peeled tick comes out clearly
 * smaller than the loop's body.
 */
import type { Block, Op, ProgramFunction, Shape } from '../../../spec/program.ts';
import { dependsOn, evaluateScalar } from '../../../spec/scalars.ts';
import { arrivalTick } from '../arrivals.ts';
import { commonSubexpressions } from './cse.ts';
import { removeDeadCode } from './dead-code.ts';
import { freshNames, substitute, withArguments } from './definitions.ts';
import { fold, type Settled } from './fold.ts';

/** A peeled tick has to save a tenth of the body's operations. */
const WORTH = 0.9;
/** Larger bodies are left alone: the code would grow more than its speed. */
export const MAX_BODY_OPERATIONS = 500;

/** @param settled what is known to be simple from an earlier run over this function */
export function simplify(
  f: ProgramFunction,
  stateShapes: ReadonlyMap<string, Shape>,
  settled: Settled = new WeakSet(),
): ProgramFunction {
  let current = f;
  for (let round = 0; round < 6; round++) {
    const next = removeDeadCode(commonSubexpressions(fold(current, stateShapes, settled)));
    if (countOps(next) === countOps(current) && round > 0) return next;
    current = next;
  }
  return current;
}

export function peel(f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>): ProgramFunction {
  const fresh = freshNames(f);
  let current: ProgramFunction = {
    ...f,
    blocks: f.blocks.map((block) => ({ ...block, ...withoutArrived(block, fresh) })),
  };
  let last = Number.POSITIVE_INFINITY;
  const settled: Settled = new WeakSet();
  for (;;) {
    const index = current.blocks.findIndex((b) => b.repeat > 1 && b.ops.length <= MAX_BODY_OPERATIONS);
    const block = current.blocks[index];
    if (!block) return current;
    const candidate = simplify(peelOnce(current, index), stateShapes, settled);
    const grown = countOps(candidate) - countOps(current);
    // Two ticks of the same length: the errors have arrived everywhere, and further ticks would look alike.
    if (grown > block.ops.length * WORTH || grown === last) return current;
    last = grown;
    current = candidate;
  }
}

/** All ticks written out, for devices that run straight code. */
export function unroll(f: ProgramFunction): ProgramFunction {
  let current = f;
  // Looked for once: searching all of the code again for each tick would take quadratic time.
  const fresh = freshNames(f);
  let index = 0;
  for (;;) {
    const block = current.blocks[index];
    if (!block) return { ...current, blocks: current.blocks.map(withTick) };
    if (block.repeat > 1 || block.carries.length > 0) current = peelOnce(current, index, fresh);
    else index++;
  }
}

/** Straight code that comes behind ticks reads how many there were; a shard's segment, which tick it is called for. */
function withTick(block: Block): Block {
  if (block.firstTick === 0 || !block.scalars.some(({ expr }) => dependsOn(expr, 'tick'))) return block;
  return { ...block, scalars: block.scalars.map((s) => ({ ...s, expr: atTick(s.expr, block.firstTick) })) };
}

/** The first iteration of block `index` as straight code in front of the rest of the loop. */
export function peelOnce(f: ProgramFunction, index: number, fresh = freshNames(f)): ProgramFunction {
  const block = f.blocks[index] as Block;
  const rename = new Map<string, string>(block.carries.map((c) => [c.id, c.init]));
  for (const op of block.ops) rename.set(op.id, fresh());
  const known: Op[] = [];
  const scalars = block.scalars.flatMap((s) => {
    const arrival = arrivalTick(s.expr);
    const id = arrival === undefined ? `${fresh()}s` : fresh();
    rename.set(s.id, id);
    if (arrival === undefined) return [{ id, expr: atTick(s.expr, block.firstTick) }];
    known.push(constant(id, block.firstTick >= arrival ? 1 : 0));
    return [];
  });
  const name = (id: string): string => rename.get(id) ?? id;
  const ops: Op[] = [...known, ...block.ops.map((op) => ({ ...op, id: name(op.id), args: op.args.map(name) }))];
  const first: Block = {
    name: `${block.name}-${block.firstTick}`,
    repeat: 1,
    firstTick: block.firstTick,
    scalars,
    carries: [],
    ops,
  };
  const rest: Block = {
    ...block,
    repeat: block.repeat - 1,
    firstTick: block.firstTick + 1,
    ...withoutArrived(block, fresh, block.firstTick + 1),
    carries: block.carries.map((c) => ({ ...c, init: name(c.next) })),
  };
  if (rest.repeat > 0) return { ...f, blocks: f.blocks.toSpliced(index, 1, first, rest) };
  const results = new Map(block.carries.map((c) => [c.result, name(c.next)]));
  return substitute({ ...f, blocks: f.blocks.toSpliced(index, 1, first) }, results);
}

function constant(id: string, value: number): Op {
  return { id, op: 'constant', args: [], attributes: { value }, shape: [] };
}

/** Errors that have come by a tick are no longer asked for; where it is the only one, those that have not either. */
function withoutArrived(
  block: Block,
  fresh: () => string,
  firstTick = block.firstTick,
): Pick<Block, 'scalars' | 'ops'> {
  const { scalars, ops, repeat } = block;
  const straight = repeat === 1;
  const known = new Map<string, Op>();
  for (const { id, expr } of scalars) {
    const arrival = arrivalTick(expr);
    if (arrival !== undefined && (straight || arrival <= firstTick))
      known.set(id, constant(fresh(), firstTick >= arrival ? 1 : 0));
  }
  if (known.size === 0) return { scalars, ops };
  const renamed = ops.map((op) => withArguments(op, (id) => known.get(id)?.id ?? id));
  return { scalars: scalars.filter((s) => !known.has(s.id)), ops: [...known.values(), ...renamed] };
}

type ScalarExpr = Block['scalars'][number]['expr'];

/** What it is in this tick. */
export function atTick(expr: ScalarExpr, tick: number): ScalarExpr {
  if (expr === 'tick') return tick;
  if (typeof expr !== 'object') return expr;
  const args = expr.args.map((a) => atTick(a, tick));
  if (args.every((a) => typeof a === 'number'))
    return evaluateScalar({ op: expr.op, args }, { batch: 0, batches: 0, tick: 0 });
  return { op: expr.op, args };
}

export function countOps(f: ProgramFunction): number {
  return f.blocks.reduce((sum, b) => sum + b.ops.length, 0);
}
