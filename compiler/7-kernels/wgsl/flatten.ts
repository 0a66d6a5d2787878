/**
 * From a function to flat code: all ticks written out, operators that are several kernels taken apart, views resolved,
 * and a copy wherever something outside is a result or a state's new value as it is.
 */

import { packedElements } from '../../../spec/kernels.ts';
import { weightOrigin } from '../../../spec/names.ts';
import type { Op, Program, ProgramFunction, Shape } from '../../../spec/program.ts';
import { sizeOf } from '../../../spec/program.ts';
import { removeDeadCode } from '../../5-program/passes/dead-code.ts';
import { unroll } from '../../5-program/passes/peel.ts';
import { axisOf } from '../../operators/reduction.ts';
import type { Flat, FlatOp, Origin, Use } from './flat.ts';
import { loweringOf } from './operators.ts';
import { splitProducts } from './split.ts';

export function flatten(program: Program, f: ProgramFunction): Flat {
  const straight = removeDeadCode(unroll(f));
  const shapes = new Map<string, Shape>([
    ...program.states.map((s) => [s.id, s.shape] as const),
    ...f.inputs.map((i) => [i.id, i.shape] as const),
  ]);
  const blocks = straight.blocks;
  for (const { scalars } of blocks) for (const s of scalars) shapes.set(s.id, []);
  const ops = rewritten(
    blocks.flatMap((b) => b.ops),
    shapes,
  );
  const flattener = new Flattener(
    ops,
    shapes,
    new Map(f.inputs.flatMap((i) => (i.type === 'f32' ? [] : [[i.id, i.type]]))),
  );
  return {
    ...flattener.finish(straight),
    scalars: new Map(blocks.flatMap((b) => b.scalars.map((s) => [s.id, s.expr] as const))),
    outside: new Map([
      ...program.states.map((s) => [s.id, sizeOf(s.shape)] as const),
      ...f.inputs.map((i) => [i.id, packedElements(i.type, sizeOf(i.shape))] as const),
    ]),
  };
}

/** Values that one kernel joins: they and the result have to be bound at once. */
const MAX_JOINED = 6;

/** A `concatenate` of many values as one of several. @param shapes of what is defined so far */
function* inParts(ops: readonly Op[], shapes: ReadonlyMap<string, Shape>): Generator<Op> {
  for (const whole of ops) {
    let op = whole;
    while (op.op === 'concatenate' && op.args.length > MAX_JOINED) {
      const axis = axisOf(op.attributes, op.shape.length);
      const joined: string[] = [];
      for (let i = 0; i < op.args.length; i += MAX_JOINED) {
        const args = op.args.slice(i, i + MAX_JOINED);
        const size = args.reduce((sum, arg) => sum + (shapes.get(arg)?.[axis] ?? 0), 0);
        const id = `${op.id}:${op.args.length}.${i}`;
        joined.push(id);
        yield { ...op, id, args, shape: op.shape.with(axis, size) };
      }
      op = { ...op, args: joined };
    }
    yield op;
  }
}

/** Operators that are written as several others. */
function rewritten(ops: readonly Op[], shapes: Map<string, Shape>): Op[] {
  const result: Op[] = [];
  for (const op of splitProducts(inParts(ops, shapes), shapes)) {
    shapes.set(op.id, op.shape);
    const lowering = op.op === 'constant' ? undefined : loweringOf(op.op);
    if (lowering?.kind !== 'rewrite') {
      result.push(op);
      continue;
    }
    const made: Op[] = [];
    const add = (part: Omit<Op, 'id'>): string => {
      const id = `${op.id}.${made.length}`;
      made.push({ id, ...part, ...(op.origin === undefined ? {} : { origin: op.origin }) });
      shapes.set(id, part.shape);
      return id;
    };
    lowering.write(op, {
      op: (name, args, attributes, shape) => add({ op: name, args, attributes, shape }),
      constant: (value) => add({ op: 'constant', args: [], attributes: { value }, shape: [] }),
      shapeOf: (id) => shapes.get(id) ?? [],
    });
    // The last one takes the name of the whole.
    const last = made.pop();
    if (last) result.push(...made, { ...last, id: op.id });
  }
  return result;
}

class Flattener {
  readonly ops: FlatOp[] = [];
  readonly constants = new Map<string, number>();
  readonly #views = new Map<string, string>();
  /** Sources of broadcasts: elementwise operators repeat them by themselves. */
  readonly #repeats = new Map<string, Use>();
  readonly #copies = new Map<string, string>();
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #types: Flat['types'];

  constructor(ops: readonly Op[], shapes: ReadonlyMap<string, Shape>, types: Flat['types']) {
    this.#shapes = shapes;
    this.#types = types;
    for (const op of ops) this.#add(op);
  }

  #add(op: Op): void {
    if (op.op === 'constant') {
      this.constants.set(op.id, op.attributes.value as number);
      return;
    }
    const lowering = loweringOf(op.op);
    if (lowering.kind === 'view') {
      const [use = { base: '', shape: [] }] = this.#usesOf(op, true);
      if (sizeOf(use.shape) === sizeOf(op.shape)) this.#views.set(op.id, use.base);
      else {
        this.#repeats.set(op.id, use);
        this.#views.set(op.id, op.id);
      }
      return;
    }
    const uses = this.#usesOf(op, lowering.kind === 'elementwise').map((use) => {
      const typed = lowering.kind === 'product' && (this.#types.has(use.base) || this.constants.has(use.base));
      return typed ? { ...use, base: this.#copy(use, op.origin) } : use;
    });
    this.ops.push({ id: op.id, op: op.op, uses, attributes: op.attributes, shape: op.shape, origin: op.origin });
  }

  #usesOf(op: Op, repeating: boolean): Use[] {
    return op.args.map((arg): Use => {
      const base = this.#views.get(arg) ?? arg;
      const shape = this.#shapes.get(arg) ?? [];
      const repeated = this.#repeats.get(base);
      if (!repeated) return { base, shape };
      const whole = this.#shapes.get(base) ?? [];
      const same = shape.length === whole.length && shape.every((n, i) => n === whole[i]);
      if (repeating && same) return repeated;
      return { base: this.#repeatedWhole(base, repeated, op.origin), shape };
    });
  }

  /** A broadcast that is read from memory. */
  #repeatedWhole(id: string, use: Use, origin: Origin | undefined): string {
    const shape = this.#shapes.get(id) ?? [];
    return this.#known(`${id} repeated`, () => ({ op: 'copy', uses: [use], attributes: {}, shape, origin }));
  }

  #copy(use: Use, origin: Origin | undefined, as = ''): string {
    const { shape } = use;
    return this.#known(`${use.base} copied${as}`, () => ({ op: 'copy', uses: [use], attributes: {}, shape, origin }));
  }

  #known(id: string, make: () => Omit<FlatOp, 'id'>): string {
    const known = this.#copies.get(id);
    if (known !== undefined) return known;
    this.ops.push({ id, ...make() });
    this.#copies.set(id, id);
    return id;
  }

  finish(f: ProgramFunction): Pick<Flat, 'ops' | 'constants' | 'types' | 'updates' | 'results'> {
    const made = new Set(this.ops.map((op) => op.id));
    const taken = new Set<string>();
    /** Every result of a run is made by an operation of its own. */
    const given = (value: string, origin: Origin, own: boolean): string => {
      const base = this.#views.get(value) ?? value;
      const repeated = this.#repeats.get(base);
      const whole = repeated ? this.#repeatedWhole(base, repeated, origin) : base;
      if ((made.has(whole) || this.#copies.has(whole)) && !(own && taken.has(whole))) {
        if (own) taken.add(whole);
        return whole;
      }
      return this.#copy({ base: whole, shape: this.#shapes.get(value) ?? [] }, origin, own ? ` for ${origin}` : '');
    };
    const updates = f.updates.map((u) => ({ state: u.state, value: given(u.value, weightOrigin(u.state), true) }));
    const results = f.results.map((r) => ({ name: r.name, value: given(r.value, `result ${r.name}`, false) }));
    return { ops: this.ops, constants: this.constants, types: this.#types, updates, results };
  }
}
