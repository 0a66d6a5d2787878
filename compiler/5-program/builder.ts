/** Writes operations down, one block at a time, with shapes worked out by the operator table. */
import type { OpOrigin } from '../../spec/names.ts';
import { type Attributes, type Op, type Scalar, type ScalarExpr, type Shape, sameShape } from '../../spec/program.ts';
import { dependsOn } from '../../spec/scalars.ts';
import type { Emit, Value } from '../operators/operator.ts';
import { isOperator, operators } from '../operators/table.ts';

/** Names are unique over all blocks of one function. */
export interface Names {
  fresh(): string;
}

export function createNames(): Names {
  let count = 0;
  return { fresh: () => `%${count++}` };
}

export class BlockBuilder implements Emit {
  readonly ops: Op[] = [];
  readonly scalars: Scalar[] = [];
  readonly #names: Names;
  readonly #scalarIds = new Map<string, Value>();
  readonly #constants = new Map<number, Value>();
  readonly #shapes = new Map<string, Shape>();
  /** What was written already, by what it is and whom it serves. */
  readonly #written = new Map<string, Value>();
  /** Stands behind every operation written from now on: the node or link that it serves. */
  origin: OpOrigin | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  /**
   * What a node or link computes twice it computes once: a definition that several places read is lowered at each of
   * them, and then differentiated as one, its gradients added before they go on.
   */
  op(name: string, args: readonly Value[], attributes: Attributes = {}): Value {
    const key = `${this.origin ?? ''} ${name}(${args.map((a) => a.id).join(',')})${attributesKey(attributes)}`;
    const known = this.#written.get(key);
    if (known) return known;
    if (!isOperator(name)) throw new Error(`${name} is not an operator`);
    const shape = operators[name].shape(
      args.map((a) => a.shape),
      attributes,
    );
    for (const a of args) if (!this.#shapes.has(a.id)) this.#shapes.set(a.id, a.shape);
    const made = this.#append(name, args, attributes, shape);
    this.#written.set(key, made);
    return made;
  }

  /** Shape of a value that this block makes or reads. */
  shapeOf(id: string): Shape {
    const shape = this.#shapes.get(id);
    if (!shape) throw new Error(`${id} is not used in this block`);
    return shape;
  }

  /** A constant number: one operation for all its uses here. */
  constant(value: number): Value {
    const known = this.#constants.get(value);
    // A map takes both zeros for one.
    if (known && !Object.is(value, -0)) return known;
    const made = this.#append('constant', [], { value }, []);
    if (!Object.is(value, -0)) this.#constants.set(value, made);
    return made;
  }

  /** The value in another shape; itself where it has that shape already. */
  reshape(value: Value, shape: Shape): Value {
    return sameShape(value.shape, shape) ? value : this.op('reshape', [value], { shape: [...shape] });
  }

  /** A number from the host; one that never changes becomes a constant. */
  scalar(expr: ScalarExpr): Value {
    if (typeof expr === 'number') return this.constant(expr);
    const key = JSON.stringify(expr);
    const known = this.#scalarIds.get(key);
    if (known) return known;
    const value = { id: `${this.#names.fresh()}${dependsOn(expr, 'tick') ? 't' : 's'}`, shape: [] };
    this.scalars.push({ id: value.id, expr });
    this.#scalarIds.set(key, value);
    return value;
  }

  #append(op: string, args: readonly Value[], attributes: Attributes, shape: Shape): Value {
    const id = this.#names.fresh();
    const { origin } = this;
    const ids = args.map((a) => a.id);
    const canonical = canonicalAttributes(attributes);
    this.#shapes.set(id, shape);
    this.ops.push(
      origin === undefined
        ? { id, op, args: ids, attributes: canonical, shape }
        : { id, op, args: ids, attributes: canonical, shape, origin },
    );
    return { id, shape };
  }
}

/** Without redundant attributes: a false flag equals a missing one, so that equal operations look equal. */
export function canonicalAttributes(attributes: Attributes): Attributes {
  let says = true;
  for (const name in attributes) if (attributes[name] === false) says = false;
  if (says) return attributes;
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== false));
}

/** Many operations share one object of attributes, above all the empty one. */
const keys = new WeakMap<Attributes, string>();

/** The same for equal attributes. */
export function attributesKey(attributes: Attributes): string {
  const known = keys.get(attributes);
  if (known !== undefined) return known;
  const names = Object.keys(attributes);
  const key = names.length === 0 ? '' : JSON.stringify(attributes, names.sort());
  keys.set(attributes, key);
  return key;
}
