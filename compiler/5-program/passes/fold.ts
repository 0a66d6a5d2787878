/**
 * Constant folding and algebra. Signs and constant factors are moved outwards, so that a weight step ends as one
 * product with one factor, and what is zero after the forward sweep vanishes: `z - mu` where z = mu, and all products
 * with it. Every rule is a few lines in `rules.ts`.
 */
import type { Attributes, Op, ProgramFunction, Shape } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { canonicalAttributes } from '../builder.ts';
import { Definitions, freshNames, withArguments } from './definitions.ts';
import type { Rewriter } from './rule.ts';
import { rulesOf } from './rules.ts';

const MAX_ROUNDS = 8;
/** How far rules look: at definitions of arguments, and at theirs. A chain of broadcasts and reshapes counts as one. */
const SIGHT = 2;

/**
 * Operations that no rule could simplify, with everything that rules see from there: not asked again until something in
 * their sight changes. Operations are never changed in place, so the same object is the same operation.
 */
export type Settled = WeakSet<Op>;

/** @param settled of earlier rounds over this function, where there were some */
export function fold(
  f: ProgramFunction,
  stateShapes: ReadonlyMap<string, Shape>,
  settled: Settled = new WeakSet(),
): ProgramFunction {
  const folding: Folding = { known: new Definitions(f, stateShapes), fresh: freshNames(f), settled };
  let current = f;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { result, changed } = foldOnce(current, folding, round === 0);
    current = result;
    if (!changed) break;
  }
  return current;
}

interface Folding {
  readonly known: Definitions;
  readonly fresh: () => string;
  readonly settled: Settled;
}

function foldOnce(
  f: ProgramFunction,
  { known, fresh, settled }: Folding,
  first: boolean,
): { result: ProgramFunction; changed: boolean } {
  const replace = new Map<string, string>();
  const final = (id: string): string => replace.get(id) ?? id;
  const news = new News(settled);
  let changed = false;
  const blocks = f.blocks.map((block) => {
    const ops: Op[] = [];
    const emit = (op: Op, distance: number): void => {
      news.see(op, distance);
      known.add(op);
      ops.push(op);
    };
    const writer = new Writer(known, fresh, (op) => emit(op, news.distance(op)));
    for (const old of block.ops) {
      const op = changed ? withArguments(old, final) : old;
      const distance = news.distance(op);
      if (distance > SIGHT) {
        if (first) known.add(op);
        ops.push(op);
        continue;
      }
      writer.at = op;
      const simpler = simplify(op, writer);
      if (simpler === undefined) {
        emit(op, distance);
        settled.add(op);
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

/** How far from every operation the next one is that has not been looked at yet. */
class News {
  readonly #settled: Settled;
  readonly #distances = new Map<string, number>();

  constructor(settled: Settled) {
    this.#settled = settled;
  }

  see(op: Op, distance: number): void {
    if (distance <= SIGHT) this.#distances.set(op.id, distance);
  }

  /** Above `SIGHT` where nothing that rules see from here is new. */
  distance(op: Op): number {
    if (!this.#settled.has(op)) return 0;
    let nearest = Number.POSITIVE_INFINITY;
    for (const arg of op.args) nearest = Math.min(nearest, this.#distances.get(arg) ?? nearest);
    return op.op === 'broadcast' || op.op === 'reshape' ? nearest : nearest + 1;
  }
}

function simplify(op: Op, rewriter: Rewriter): string | undefined {
  for (const rule of rulesOf(op.op)) {
    const simpler = rule(op, rewriter);
    if (simpler !== undefined) return simpler;
  }
  return undefined;
}

/** Keeps the operations that a rule writes in place of `at`. */
class Writer implements Rewriter {
  readonly known: Definitions;
  readonly #fresh: () => string;
  readonly #write: (op: Op) => void;
  at: Op | undefined;

  constructor(known: Definitions, fresh: () => string, write: (op: Op) => void) {
    this.known = known;
    this.#fresh = fresh;
    this.#write = write;
  }

  emit(op: string, args: readonly string[], attributes: Attributes = NO_ATTRIBUTES): string {
    if (!isOperator(op)) throw new Error(`${op} is not an operator`);
    const shapes = args.map((a) => this.known.shape(a));
    return this.#append(op, args, attributes, operators[op].shape(shapes, attributes));
  }

  constant(value: number): string {
    return this.#append('constant', [], { value }, []);
  }

  filled(value: number, shape: Shape): string {
    if (shape.length === 0) return this.constant(value);
    return this.#append('broadcast', [this.constant(value)], { shape: [...shape] }, shape);
  }

  #append(op: string, args: readonly string[], attributes: Attributes, shape: Shape): string {
    const id = this.#fresh();
    const plain: Op = { id, op, args, attributes: canonicalAttributes(attributes), shape };
    this.#write(this.at?.origin === undefined ? plain : { ...plain, origin: this.at.origin });
    return id;
  }
}

const NO_ATTRIBUTES: Attributes = {};
