/** A function for another number of samples: the same operations on values of other sizes. */
import type { Attributes, Input, Op, Program, ProgramFunction, Shape, State } from '../../spec/program.ts';
import { type BatchAxes, batchAxes, FixedBatch } from './batch-axes.ts';
import { verify } from './verify.ts';

/** One function of a program, alone or beside others, with what it remembers. */
export interface Rebatched {
  readonly f: ProgramFunction;
  /** States of its own, instead of those that it had. */
  readonly states: readonly State[];
}

/**
 * @returns the function for any number of samples; each sample's values are computed as before
 * @throws FixedBatch where samples are mixed, or where they may be
 */
export function rebatchable(program: Program, f: ProgramFunction): (batch: number, suffix?: string) => Rebatched {
  const axes = batchAxes(program, f);
  return (batch, suffix = '') => rebatched(program, f, axes, batch, suffix);
}

/**
 * @param axes of its values, and perhaps of others
 * @throws FixedBatch
 */
export function rebatched(
  program: Program,
  f: ProgramFunction,
  axes: BatchAxes,
  batch: number,
  suffix: string,
): Rebatched {
  const made = new Rebatching(f.batch, batch, suffix, program, axes).of(f);
  const own = new Set(made.states.map((s) => s.id));
  const others = program.states.filter((s) => !own.has(s.id));
  try {
    verify({ name: program.name, states: [...others, ...made.states], functions: [made.f] });
  } catch (error) {
    throw new FixedBatch((error as Error).message);
  }
  return made;
}

class Rebatching {
  readonly #from: number;
  readonly #to: number;
  readonly #suffix: string;
  readonly #program: Program;
  readonly #axes: BatchAxes;
  readonly #renamed = new Map<string, string>();

  constructor(from: number, to: number, suffix: string, program: Program, axes: BatchAxes) {
    this.#from = from;
    this.#to = to;
    this.#suffix = suffix;
    this.#program = program;
    this.#axes = axes;
  }

  of(f: ProgramFunction): Rebatched {
    const states = this.#program.states.filter((s) => this.#axes.has(s.id)).map((s) => this.#state(s));
    const blocks = f.blocks.map((block) => ({
      ...block,
      carries: block.carries.map((c) => ({
        ...c,
        init: this.#name(c.init),
        next: this.#name(c.next),
        shape: this.#shape(c.id, c.shape),
      })),
      ops: block.ops.map((op) => this.#op(op)),
    }));
    const made: ProgramFunction = {
      ...f,
      name: `${f.name}${this.#suffix}`,
      batch: this.#to,
      inputs: f.inputs.map((i): Input => ({ ...i, shape: this.#shape(i.id, i.shape) })),
      blocks,
      updates: f.updates.map((u) => ({ state: this.#name(u.state), value: this.#name(u.value) })),
      results: f.results.map((r) => ({ ...r, value: this.#name(r.value) })),
    };
    return { f: made, states };
  }

  /** Under a name of its own it begins as the state that it stands for, whose first samples are drawn alike. */
  #state(state: State): State {
    const shape = this.#shape(state.id, state.shape);
    if (this.#suffix === '') return { ...state, shape };
    const rename = (id: string): string => `${id}${this.#suffix}`;
    this.#renamed.set(state.id, rename(state.id));
    const copy = ({ id, init }: Pick<State, 'id' | 'init'>) =>
      ({ id: rename(id), init: { kind: 'copy', state: state.slice?.of ?? id, of: init } }) as const;
    const members = state.members?.map(copy);
    const slice = state.slice && { ...state.slice, shape: this.#shape(state.id, state.slice.shape) };
    return { ...state, ...copy(state), shape, ...(members ? { members } : {}), ...(slice ? { slice } : {}) };
  }

  #op({ slot: _, ...op }: Op): Op {
    const shape = this.#shape(op.id, op.shape);
    const attributes: Attributes = Array.isArray(op.attributes.shape)
      ? { ...op.attributes, shape: [...shape] }
      : op.attributes;
    return { ...op, args: op.args.map((a) => this.#name(a)), attributes, shape };
  }

  #name(id: string): string {
    return this.#renamed.get(id) ?? id;
  }

  #shape(id: string, shape: Shape): Shape {
    const samples = this.#axes.get(id);
    return shape.map((n, axis) => (axis === samples ? (n / this.#from) * this.#to : n));
  }
}
