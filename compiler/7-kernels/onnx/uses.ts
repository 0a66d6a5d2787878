/** The readers of every value in a straight list of operations, for rewriting it. */
import { append } from '../../../spec/append.ts';
import type { Op } from '../../../spec/program.ts';

/** Both operands of an operation whose order does not matter, each as the first one once. */
export function bothOrders({ args: [a = '', b = ''] }: Op): readonly (readonly [string, string])[] {
  return [
    [a, b],
    [b, a],
  ];
}

export class Uses {
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

  /** Read once, and not from outside. */
  isOwn(id: string): boolean {
    return !this.#kept.has(id) && this.users(id).length === 1;
  }

  isKept(id: string): boolean {
    return this.#kept.has(id);
  }

  /** The operation that gives this value, if nothing else reads it. */
  own(id: string | undefined, name: string): Op | undefined {
    const op = this.definition(id, name);
    return op && this.isOwn(op.id) ? op : undefined;
  }

  /** As `own`: a product of two matrices. */
  ownProduct(id: string | undefined): Op | undefined {
    const product = this.own(id, 'matmul');
    return product?.shape.length === 2 ? product : undefined;
  }

  /** The product in (e₊ W) ∘ f′. */
  productIn(masked: Op): Op | undefined {
    return masked.args.flatMap((arg) => this.ownProduct(arg) ?? [])[0];
  }
}

/** A value times a number that is not zero. */
export function scaledBy(
  op: Op,
  constants: ReadonlyMap<string, number>,
): { readonly rate: number; readonly value: string } | undefined {
  if (op.op !== 'mul') return undefined;
  const [a = '', b = ''] = op.args;
  const [factor, value] = constants.has(a) ? [a, b] : [b, a];
  const rate = constants.get(factor);
  return rate === undefined || rate === 0 ? undefined : { rate, value };
}

/** The operation under another name, and its product with a number under its own. */
export function times(op: Op, by: number): Op[] {
  const plain = { ...op, id: `${op.id}.plain` };
  const factor: Op = { id: `${op.id}.by`, op: 'constant', args: [], attributes: { value: by }, shape: [] };
  return [plain, factor, { ...op, op: 'mul', args: [plain.id, factor.id], attributes: {} }];
}
