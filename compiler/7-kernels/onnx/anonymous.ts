/**
 * A function without its names: equal functions of equal shards become equal graphs, so that 64 equal clusters share
 * one set of kernels. The manifest keeps the names.
 */

import type { CpuKernel, CpuManifest, LaidOut } from '../../../spec/cpu-manifest.ts';
import { inputName } from '../../../spec/names.ts';
import type { Op, Program, ProgramFunction } from '../../../spec/program.ts';
import { lowerFunction } from './lower.ts';
import { encodeModel } from './model.ts';

export interface LoweredFunction {
  readonly manifest: CpuManifest;
  readonly graph: Uint8Array | undefined;
  readonly module: Uint8Array | undefined;
}

/** Lowered functions without names, by their text: shards alike are lowered once. */
export type Lowered = Map<string, LoweredFunction>;

/** @param f a function of one straight block, as shards have them */
export function lowerAnonymously(program: Program, f: ProgramFunction, known: Lowered): LoweredFunction {
  const names = new Names();
  const bare = anonymous(program, f, names);
  const key = JSON.stringify(bare);
  const lowered = known.get(key) ?? lowerBare(bare);
  known.set(key, lowered);
  return { ...lowered, manifest: named(lowered.manifest, f.name, names) };
}

function lowerBare(bare: Program): LoweredFunction {
  const { manifest, graph, module } = lowerFunction(bare, bare.functions[0] as ProgramFunction, true);
  return { manifest, graph: graph.outputs.length > 0 ? encodeModel(graph) : undefined, module };
}

/** Fields, inputs, results, states and values are numbered each by themselves. */
type Kind = 'f' | 'i' | 'r' | 's' | 'v';

class Names {
  readonly #given: Readonly<Record<Kind, Map<string, string>>> = {
    f: new Map(),
    i: new Map(),
    r: new Map(),
    s: new Map(),
    v: new Map(),
  };
  readonly #back = new Map<string, string>();

  short(kind: Kind, name: string): string {
    const given = this.#given[kind];
    const known = given.get(name);
    if (known !== undefined) return known;
    const short = `${kind}${given.size}`;
    given.set(name, short);
    this.#back.set(short, name);
    return short;
  }

  has(kind: Kind, name: string): boolean {
    return this.#given[kind].has(name);
  }

  long(short: string): string {
    return this.#back.get(short) ?? short;
  }
}

function anonymous(program: Program, f: ProgramFunction, names: Names): Program {
  const inputs = new Set(f.inputs.map((i) => i.id));
  const states = new Set(program.states.map((s) => s.id));
  const id = (name: string): string => names.short(inputs.has(name) ? 'i' : states.has(name) ? 's' : 'v', name);
  const blocks = f.blocks.map((block) => ({
    ...block,
    name: 'b',
    scalars: block.scalars.map((s) => ({ ...s, id: id(s.id) })),
    ops: block.ops.map(({ origin: _origin, ...op }): Op => {
      const args = op.args.map(id);
      return { ...op, id: id(op.id), args };
    }),
  }));
  const updates = f.updates.map((u) => ({ state: id(u.state), value: id(u.value) }));
  const results = f.results.map((r) => ({ name: names.short('r', r.name), value: id(r.value) }));
  const bareInputs = f.inputs.map((i) => ({ ...i, id: id(i.id), field: names.short('f', i.field) }));
  const used = program.states.filter((s) => names.has('s', s.id)).map((s) => ({ ...s, id: id(s.id) }));
  const function_: ProgramFunction = { ...f, name: 'f', role: 'other', inputs: bareInputs, blocks, updates, results };
  // In the order in which the function uses them, which names do not change.
  const ordered = [...used].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
  return { name: 'shard', states: ordered, functions: [function_] };
}

function named(manifest: CpuManifest, name: string, names: Names): CpuManifest {
  const graphNames: Record<string, string> = {};
  for (const { field } of manifest.fields) graphNames[inputName(names.long(field))] = inputName(field);
  for (const state of manifest.states) graphNames[names.long(state)] = state;
  return {
    function: name,
    fields: manifest.fields.map((f) => ({ ...f, field: names.long(f.field) })),
    states: manifest.states.map((s) => names.long(s)),
    scalars: manifest.scalars,
    outputs: manifest.outputs.map((o) => {
      if ('state' in o) return { ...o, state: names.long(o.state) };
      return 'result' in o ? { ...o, result: names.long(o.result) } : o;
    }),
    kernelFields: manifest.kernelFields.map((k) => ({ ...k, field: names.long(k.field) })),
    kernels: manifest.kernels.map((k) => namedKernel(k, names)),
    ...(manifest.laidOut ? { laidOut: manifest.laidOut.map((l) => namedLaidOut(l, names)) } : {}),
    graphNames,
  };
}

function namedLaidOut(laidOut: LaidOut, names: Names): LaidOut {
  const named = { ...laidOut, connections: names.long(laidOut.connections) };
  return named.kind === 'matrix' ? { ...named, values: names.long(named.values) } : named;
}

function namedKernel(kernel: CpuKernel, names: Names): CpuKernel {
  return {
    ...kernel,
    tensors: kernel.tensors.map((t) => {
      if ('state' in t) return { state: names.long(t.state) };
      return 'field' in t ? { field: names.long(t.field) } : t;
    }),
    results: kernel.results.map((r) => names.long(r)),
  };
}
