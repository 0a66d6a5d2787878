/**
 * The rate of a value step, moved into the products around it. In z + rate · ((e₊ W) ∘ f′ - e) the error e comes out of
 * one product and goes, but for this step, only into others: kept as rate · e, it and all of them take the factor along
 * for nothing, where a node of its own costs a tenth of a small product.
 */
import { append } from '../../../spec/append.ts';
import type { Op } from '../../../spec/program.ts';

/** One step, as rate · (error - feedback ∘ slope), by the names of its operations. */
interface Step {
  /** The product with the rate, and what it multiplies. */
  readonly scaled: Op;
  readonly direction: Op;
  readonly error: Op;
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
 * @returns operations that give the same values but for rounding, errors of value steps under another scale
 */
export function scaleErrors(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  constants: ReadonlyMap<string, number>,
): readonly Op[] {
  const graph = new Graph(ops, kept);
  const steps = ops.flatMap((op) => stepAt(op, graph, constants) ?? []);
  if (steps.length === 0) return ops;
  const rates = new Map(steps.map((s) => [s.error.id, s.rate]));
  const endings = new Map(steps.map((s) => [s.scaled.id, s]));
  const gone = new Set(steps.map((s) => s.direction.id));
  const factors = new Map<string, Factor>();
  const factorOf = (id: string): Factor => {
    const found = factors.get(id) ?? { num: [], den: [] };
    factors.set(id, found);
    return found;
  };
  for (const { error, feedback, rate } of steps) {
    factorOf(feedback.id).num.push(rate);
    for (const user of graph.users(error.id)) if (user.op === 'matmul') factorOf(user.id).den.push(rate);
  }
  return ops.flatMap((op) => {
    if (gone.has(op.id)) return [];
    const step = endings.get(op.id);
    if (step) return [{ ...op, op: 'sub', args: step.direction.args }];
    const rate = rates.get(op.id);
    if (rate !== undefined) return times(op, rate);
    const factor = factors.get(op.id);
    const by = factor === undefined ? 1 : quotient(factor);
    return by === 1 ? [op] : times(op, by);
  });
}

/** The operation under another name, and its product with a number under its own. */
function times(op: Op, by: number): Op[] {
  const plain = { ...op, id: `${op.id}.plain` };
  const factor: Op = { id: `${op.id}.by`, op: 'constant', args: [], attributes: { value: by }, shape: [] };
  return [plain, factor, { ...op, op: 'mul', args: [plain.id, factor.id], attributes: {} }];
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

class Graph {
  readonly #definitions: ReadonlyMap<string, Op>;
  readonly #users = new Map<string, Op[]>();
  readonly #kept: ReadonlySet<string>;

  constructor(ops: readonly Op[], kept: ReadonlySet<string>) {
    this.#definitions = new Map(ops.map((op) => [op.id, op]));
    this.#kept = kept;
    for (const op of ops) for (const arg of op.args) append(this.#users, arg, op);
  }

  definition(id: string | undefined, name: string): Op | undefined {
    const op = id === undefined ? undefined : this.#definitions.get(id);
    return op?.op === name ? op : undefined;
  }

  /** Where a name stands twice in one operation, that operation comes twice. */
  users(id: string): readonly Op[] {
    return this.#users.get(id) ?? [];
  }

  /** Read once, and by nobody outside. */
  isOwn(id: string): boolean {
    return !this.#kept.has(id) && this.users(id).length === 1;
  }

  isKept(id: string): boolean {
    return this.#kept.has(id);
  }
}

function stepAt(op: Op, graph: Graph, constants: ReadonlyMap<string, number>): Step | undefined {
  if (op.op !== 'mul') return undefined;
  const [a = '', b = ''] = op.args;
  const [factor, scaled] = constants.has(a) ? [a, b] : [b, a];
  const rate = constants.get(factor);
  const direction = graph.definition(scaled, 'sub');
  if (rate === undefined || rate === 0 || !direction || !graph.isOwn(direction.id)) return undefined;
  const error = errorAt(direction.args[0], direction, graph);
  const feedback = feedbackAt(direction.args[1], graph);
  return error && feedback && { scaled: op, direction, error, feedback, rate };
}

/** z - W f, that only this step and products read. */
function errorAt(id: string | undefined, direction: Op, graph: Graph): Op | undefined {
  const error = graph.definition(id, 'sub');
  if (!error || graph.isKept(error.id) || !isProduct(error.args[1], graph)) return undefined;
  const others = graph.users(error.id).filter((user) => user.id !== direction.id);
  const fits = others.every((user) => user.op === 'matmul' && user.shape.length === 2);
  return fits && new Set(others).size === others.length ? error : undefined;
}

/** The product in (e₊ W) ∘ f′. */
function feedbackAt(id: string | undefined, graph: Graph): Op | undefined {
  const masked = graph.definition(id, 'mul');
  if (!masked || !graph.isOwn(masked.id)) return undefined;
  const found = masked.args.find((arg) => isProduct(arg, graph));
  return graph.definition(found, 'matmul');
}

function isProduct(id: string | undefined, graph: Graph): boolean {
  const product = graph.definition(id, 'matmul');
  return product !== undefined && product.shape.length === 2 && graph.isOwn(product.id);
}
