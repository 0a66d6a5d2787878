/** Who reads what in a straight list of operations, for rewriting it. */
import { append } from '../../../spec/append.ts';
import type { Op } from '../../../spec/program.ts';

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

  /** Read once, and by nobody outside. */
  isOwn(id: string): boolean {
    return !this.#kept.has(id) && this.users(id).length === 1;
  }

  isKept(id: string): boolean {
    return this.#kept.has(id);
  }
}

/** The operation under another name, and its product with a number under its own. */
export function times(op: Op, by: number): Op[] {
  const plain = { ...op, id: `${op.id}.plain` };
  const factor: Op = { id: `${op.id}.by`, op: 'constant', args: [], attributes: { value: by }, shape: [] };
  return [plain, factor, { ...op, op: 'mul', args: [plain.id, factor.id], attributes: {} }];
}
