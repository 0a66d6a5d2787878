/** Look-ups of passes in a function: the definition of a value, its shape, its uniform number. */
import type { Op, ProgramFunction, Shape } from '../../../spec/program.ts';

export class Definitions {
  readonly #ops = new Map<string, Op>();
  readonly #shapes = new Map<string, Shape>();

  constructor(f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>) {
    for (const [id, shape] of stateShapes) this.#shapes.set(id, shape);
    for (const input of f.inputs) this.#shapes.set(input.id, input.shape);
    for (const block of f.blocks) {
      for (const scalar of block.scalars) this.#shapes.set(scalar.id, []);
      for (const carry of block.carries) {
        this.#shapes.set(carry.id, carry.shape);
        this.#shapes.set(carry.result, carry.shape);
      }
    }
  }

  add(op: Op): void {
    this.#ops.set(op.id, op);
  }

  get(id: string | undefined): Op | undefined {
    return id === undefined ? undefined : this.#ops.get(id);
  }

  shape(id: string): Shape {
    const shape = this.#ops.get(id)?.shape ?? this.#shapes.get(id);
    if (!shape) throw new Error(`${id} is not defined`);
    return shape;
  }

  /** The number that every element of the value is, where that is known. */
  uniform(id: string | undefined): number | undefined {
    const op = this.get(id);
    if (!op) return undefined;
    if (op.op === 'constant') return op.attributes.value as number;
    if (op.op === 'broadcast' || op.op === 'reshape') return this.uniform(op.args[0]);
    return undefined;
  }
}

/** The same operation, as the same object where none of its arguments has another name. */
export function withArguments(op: Op, final: (id: string) => string): Op {
  for (const arg of op.args) if (final(arg) !== arg) return { ...op, args: op.args.map(final) };
  return op;
}

/** Every name that the function uses, so that a pass can make new ones. */
export function freshNames(f: ProgramFunction): () => string {
  let highest = -1;
  const see = (id: string): void => {
    if (!id.startsWith('%')) return;
    const number = Number.parseInt(id.slice(1), 10);
    if (number > highest) highest = number;
  };
  for (const block of f.blocks) {
    for (const op of block.ops) see(op.id);
    for (const scalar of block.scalars) see(scalar.id);
    for (const carry of block.carries) {
      see(carry.id);
      see(carry.result);
    }
  }
  return () => `%${++highest}`;
}

/** The function with names exchanged wherever they are read. */
export function substitute(f: ProgramFunction, replace: ReadonlyMap<string, string>): ProgramFunction {
  if (replace.size === 0) return f;
  const final = (id: string): string => {
    let current = id;
    for (;;) {
      const next = replace.get(current);
      if (next === undefined) return current;
      current = next;
    }
  };
  return {
    ...f,
    blocks: f.blocks.map((block) => ({
      ...block,
      carries: block.carries.map((c) => ({ ...c, init: final(c.init), next: final(c.next) })),
      ops: block.ops.map((op) => withArguments(op, final)),
    })),
    updates: f.updates.map((u) => ({ ...u, value: final(u.value) })),
    results: f.results.map((r) => ({ ...r, value: final(r.value) })),
  };
}
