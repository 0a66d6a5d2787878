/** Programs that ask one thing of a device: a product, a copy, many small pieces of work. */
import type { OpOrigin } from '../../../spec/names.ts';
import { type Op, type Program, type ProgramFunction, type Shape, type State, sizeOf } from '../../../spec/program.ts';

const state = (id: string, shape: Shape): State => ({
  id,
  shape,
  role: 'parameter',
  init: { kind: 'constant', value: 0 },
});
export const op = (
  id: string,
  name: string,
  args: readonly string[],
  shape: Shape,
  attributes: Op['attributes'] = {},
): Op => ({
  id,
  op: name,
  args,
  attributes,
  shape,
  // Kernels are named by it: what is measured serves no node.
  origin: name as OpOrigin,
});

function straight(name: string, ops: readonly Op[], update: string, value: string, result: string): ProgramFunction {
  const block = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  return {
    name,
    role: 'other',
    batch: 1,
    inputs: [],
    blocks: [block],
    updates: [{ state: update, value }],
    results: [{ name: 'done', value: result }],
  };
}

export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly ta?: boolean;
  readonly tb?: boolean;
}

/** `run`: `count` products one after the other that are added up, so that none can be left out. */
export function productProgram({ m, n, k, ta = false, tb = false }: ProductShape, count: number): Program {
  const left = ta ? [k, m] : [m, k];
  const right = tb ? [n, k] : [k, n];
  const ops: Op[] = [];
  let total = 'y';
  for (let i = 0; i < count; i++) {
    ops.push(op(`p${i}`, 'matmul', [`a${i}`, 'b'], [m, n], { ta, tb }));
    ops.push(op(`t${i}`, 'add', [total, `p${i}`], [m, n]));
    total = `t${i}`;
  }
  ops.push(op('first', 'slice', [total], [1, n], { axis: 0, from: 0, size: 1 }));
  const sides = Array.from({ length: count }, (_, i) => state(`a${i}`, left));
  const f = straight('run', ops, 'y', total, 'first');
  return { name: 'product', states: [...sides, state('b', right), state('y', [m, n])], functions: [f] };
}

/** `run`: every element of one tensor read and written once. */
export function copyProgram(elements: number): Program {
  const ops = [
    op('half', 'constant', [], [], { value: 0.5 }),
    op('y', 'mul', ['x', 'half'], [elements]),
    op('first', 'slice', ['y'], [1], { axis: 0, from: 0, size: 1 }),
  ];
  return { name: 'copy', states: [state('x', [elements])], functions: [straight('run', ops, 'x', 'y', 'first')] };
}

/** `run`: pieces of work that wait for each other, with nothing to do in each. */
export function chainProgram(length: number): Program {
  const ops = Array.from({ length }, (_, i) => op(`p${i}`, 'matmul', [i === 0 ? 'x' : `p${i - 1}`, 'w'], [1, 1]));
  const last = `p${length - 1}`;
  return {
    name: 'chain',
    states: [state('x', [1, 1]), state('w', [1, 1])],
    functions: [straight('run', ops, 'x', last, last)],
  };
}

/** `run`: what a tick does to a node's values, over and over: multiplied, added to, bent. */
export function tickProgram(shape: Shape, operations: number): Program {
  const kinds = ['mul', 'add', 'tanh'] as const;
  const ops = Array.from({ length: operations }, (_, i) => {
    const before = i === 0 ? 'x' : `p${i - 1}`;
    const kind = kinds[i % kinds.length] ?? 'tanh';
    return op(`p${i}`, kind, kind === 'tanh' ? [before] : [before, 'w'], shape);
  });
  const last = `p${operations - 1}`;
  const rows = shape[0] ?? 1;
  const first = op('first', 'slice', [last], [1, sizeOf(shape) / rows], { axis: 0, from: 0, size: 1 });
  return {
    name: 'tick',
    states: [state('x', shape), state('w', shape)],
    functions: [straight('run', [...ops, first], 'x', last, 'first')],
  };
}

/** `run`: so many values of a few columns handed over, and as many handed back, each made by one operation. */
export function valuesProgram(rows: number, columns: number, count: number): Program {
  const shape = [rows, columns];
  const numbers = Array.from({ length: count }, (_, i) => i);
  const ops = [
    op('half', 'constant', [], [], { value: 0.5 }),
    ...numbers.map((i) => op(`v${i}`, 'mul', [`x${i}`, 'half'], shape)),
  ];
  const f: ProgramFunction = {
    name: 'run',
    role: 'other',
    batch: rows,
    inputs: numbers.map((i) => ({ id: `x${i}`, field: `x${i}`, type: 'f32', shape })),
    blocks: [{ name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops }],
    updates: [],
    results: numbers.map((i) => ({ name: `v${i}`, value: `v${i}` })),
  };
  return { name: 'values', states: [], functions: [f] };
}

/** Several programs as the functions of one, each by its name: one session measures them all. */
export function inOneProgram(parts: Readonly<Record<string, Program>>): Program {
  const named = Object.entries(parts).map(([name, { states, functions }]) => {
    const own = new Set(states.map((s) => s.id));
    const at = (id: string): string => (own.has(id) ? `${name}.${id}` : id);
    return {
      states: states.map((s) => ({ ...s, id: at(s.id) })),
      functions: functions.map((f) => ({
        ...f,
        name,
        role: 'other' as const,
        blocks: f.blocks.map((b) => ({ ...b, ops: b.ops.map((o) => ({ ...o, args: o.args.map(at) })) })),
        updates: f.updates.map((u) => ({ ...u, state: at(u.state) })),
      })),
    };
  });
  return {
    name: Object.keys(parts).join('_'),
    states: named.flatMap((n) => n.states),
    functions: named.flatMap((n) => n.functions),
  };
}

/** Bytes of all states. */
export function bytesOf(program: Program): number {
  return program.states.reduce((sum, s) => sum + 4 * sizeOf(s.shape), 0);
}
