/**
 * A prediction that keeps nothing between calls: what it remembers, the noise that it begins at, and the step of a
 * sequence become inputs, what it would remember becomes results. The weights stay states.
 */
import { parseMemory, publicMemoryName } from '../../spec/names.ts';
import type { Input, Op, Program, ProgramFunction, Result, ScalarExpr, Shape, State } from '../../spec/program.ts';
import { dependsOn, evaluateScalar } from '../../spec/scalars.ts';
import { type Draw, drawsAsInputs } from './open-draws.ts';
import { removeDeadCode } from './passes/dead-code.ts';
import { unroll } from './passes/peel.ts';

export const STEP_INPUT = 'sequence.step';

/** A state that is an input now. */
export interface Kept {
  /** `memory.s.1`: the values of node s one step before; `noise.x`. */
  readonly input: string;
  /** Where its next value comes out; absent for noise, which does not change. */
  readonly output?: string;
  /** Absent for noise that is drawn while values settle. */
  readonly state?: State;
  /** How such noise is drawn here. */
  readonly draw?: Draw;
  /** Which of its members, where it stands for several. */
  readonly member?: number;
}

export interface Stateless {
  readonly program: Program;
  readonly f: ProgramFunction;
  readonly kept: readonly Kept[];
}

/** @throws Error for memory whose name has another form, which no prediction has */
export function stateless(program: Program, given: ProgramFunction): Stateless {
  const open = drawsAsInputs(removeDeadCode(unroll(given)));
  const f = removeDeadCode(open.f);
  const used = new Set([
    ...f.blocks.flatMap((b) => b.ops.flatMap((op) => op.args)),
    ...[...f.results, ...f.updates].map((r) => r.value),
  ]);
  const memory = program.states.filter((s) => s.role === 'memory');
  const before = new Straight('in');
  const behind = new Straight('out');
  const written = new Map(f.updates.map((u) => [u.state, u.value]));
  const kept: Kept[] = [...open.kept];
  const inputs: Input[] = [...f.inputs];
  const results: Result[] = f.results.flatMap((r) => behind.separate(r, shapeIn(f, program, r.value)));
  for (const state of memory.filter((s) => used.has(s.id) || written.has(s.id))) {
    const value = written.get(state.id);
    const own = membersOf(state).map(({ id, member, shape }): Kept & { readonly shape: Shape } => {
      const input = publicName(f.name, id);
      return {
        input,
        ...(value === undefined ? {} : { output: `${input}.next` }),
        state,
        ...(member === undefined ? {} : { member }),
        shape,
      };
    });
    kept.push(...own);
    const idOf = (k: Kept): string => (k.member === undefined ? state.id : `${state.id}.${k.member}`);
    inputs.push(...own.map((k) => ({ id: idOf(k), field: k.input, type: 'f32' as const, shape: k.shape })));
    if (state.members) before.join(state.id, own.map(idOf), state.shape);
    if (value === undefined) continue;
    const names = own.flatMap((k) => k.output ?? []);
    const [name = ''] = names;
    results.push(...behind.separate({ name, value, ...(state.members ? { members: names } : {}) }, state.shape));
  }
  const step = f.blocks.some((b) => b.scalars.some((s) => dependsOn(s.expr, 'step')));
  if (step) inputs.push({ id: STEP_INPUT, field: STEP_INPUT, type: 'f32', shape: [] });
  const blocks = f.blocks.map((block, i) => {
    const scalars = new Straight(`scalar${i}`);
    for (const { id, expr } of block.scalars) scalars.scalar(expr, block.firstTick, id);
    return { ...block, scalars: [], ops: [...scalars.ops, ...block.ops] };
  });
  const straight = { repeat: 1, firstTick: 0, scalars: [], carries: [] };
  const all = [
    { ...straight, name: 'inputs', ops: before.ops },
    ...blocks,
    { ...straight, name: 'outputs', ops: behind.ops },
  ];
  return {
    program: { ...program, states: program.states.filter((s) => s.role !== 'memory') },
    f: { ...f, inputs, blocks: all.filter((b) => b.ops.length > 0), updates: [], results },
    kept: kept.map(({ input, output, state, member, draw }) => ({
      input,
      ...(output === undefined ? {} : { output }),
      ...(state === undefined ? {} : { state }),
      ...(member === undefined ? {} : { member }),
      ...(draw === undefined ? {} : { draw }),
    })),
  };
}

function membersOf(state: State): { id: string; member: number | undefined; shape: Shape }[] {
  if (!state.members) return [{ id: state.id, member: undefined, shape: state.shape }];
  return state.members.map(({ id }, member) => ({ id, member, shape: state.shape.slice(1) }));
}

function publicName(f: string, state: string): string {
  const memory = parseMemory(state);
  if (memory?.f !== f) throw new Error(`${state} is not of ${f}`);
  return publicMemoryName(memory);
}

function shapeIn(f: ProgramFunction, program: Program, id: string): Shape {
  const all = [...f.blocks.flatMap((b) => b.ops), ...f.inputs, ...program.states];
  return all.find((value) => value.id === id)?.shape ?? [];
}

/** Operations of one straight block; the names of those that it makes up are like no others. */
class Straight {
  readonly ops: Op[] = [];
  readonly #prefix: string;

  constructor(name: string) {
    this.#prefix = name;
  }

  join(id: string, parts: readonly string[], shape: Shape): void {
    const pages = parts.map((part) => this.#reshape(part, [1, ...shape.slice(1)]));
    this.#op('concatenate', pages, { axis: 0 }, shape, id);
  }

  /** One result for each of its members. */
  separate({ name, value, members }: Result, shape: Shape): Result[] {
    if (!members) return [{ name, value }];
    return members.map((member, from) => {
      const page = this.#op('slice', [value], { axis: 0, from, size: 1 }, [1, ...shape.slice(1)]);
      return { name: member, value: this.#reshape(page, shape.slice(1)) };
    });
  }

  /** Scalars that the host would compute, in f32; in f64 as far as they do not depend on the step. */
  scalar(expr: ScalarExpr, tick: number, id?: string): string {
    if (!dependsOn(expr, 'step')) {
      const value = evaluateScalar(expr, { batch: 0, batches: 1, tick });
      return this.#op('constant', [], { value }, [], id);
    }
    if (typeof expr !== 'object')
      return id === undefined ? STEP_INPUT : this.#op('reshape', [STEP_INPUT], { shape: [] }, [], id);
    const args = expr.args.map((arg) => this.scalar(arg, tick));
    return this.#op(expr.op, args, {}, [], id);
  }

  #reshape(value: string, shape: Shape): string {
    return this.#op('reshape', [value], { shape: [...shape] }, shape);
  }

  #op(op: string, args: readonly string[], attributes: Op['attributes'], shape: Shape, id?: string): string {
    const name = id ?? `${this.#prefix}'${this.ops.length}${op}`;
    this.ops.push({ id: name, op, args, attributes, shape });
    return name;
  }
}
