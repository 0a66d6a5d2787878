/**
 * Runs of many functions, of several programs, as one graph: the same operations on the same values, each run's results
 * handed to those that read them, without a way out of the graph and back.
 */
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { inputName } from '../../../spec/names.ts';
import type { Program, ProgramFunction, ScalarExpr } from '../../../spec/program.ts';
import { type Made, madeName, type Source } from '../../../spec/trace.ts';
import { atTick } from '../../5-program/passes/peel.ts';
import { lowerFunction } from './lower.ts';
import type { OnnxGraph, OnnxNode, OnnxPort, OnnxTensor, OnnxValue } from './model.ts';

export interface SplicedRun {
  readonly program: Program;
  /** Changes no state. */
  readonly f: ProgramFunction;
  readonly tick: number;
  readonly inputs: Readonly<Record<string, Source>>;
  /** A name of its own for a state of the program. */
  readonly stateName: (id: string) => string;
}

export interface Spliced {
  readonly manifest: CpuManifest;
  readonly graph: OnnxGraph;
}

/**
 * @param name of the function that the graph is
 * @param runs by their numbers, each behind all that it reads
 * @param wanted what the graph gives, each under `madeName`
 * @returns nothing where a run does more than to compute values from values
 */
export function splice(
  name: string,
  runs: ReadonlyMap<number, SplicedRun>,
  wanted: readonly Made[],
): Spliced | undefined {
  const splicing = new Splicing();
  for (const [number, run] of runs) if (!splicing.add(number, run)) return undefined;
  return splicing.whole(name, wanted);
}

type Lowered = ReturnType<typeof lowerFunction>;

class Splicing {
  readonly #inputs = new Map<string, OnnxValue>();
  readonly #fields = new Map<string, CpuManifest['fields'][number]>();
  readonly #states = new Set<string>();
  readonly #constants = new Map<string, OnnxTensor>();
  readonly #nodes: OnnxNode[] = [];
  /** Values between, of which the graphs tell the shapes. */
  readonly #values: OnnxPort[] = [];
  /** What runs have made: names in the graph, and shapes. */
  readonly #made = new Map<string, { readonly name: string; readonly shape: readonly number[] }>();
  readonly #lowered = new Map<ProgramFunction, { readonly lowered: Lowered; readonly key: string }>();
  readonly #scalars: ScalarExpr[] = [];
  /** Where runs find theirs, by what these are. */
  readonly #scalarsOf = new Map<string, string>();

  add(number: number, run: SplicedRun): boolean {
    const { lowered, key } = this.#lower(run);
    const { manifest, graph } = lowered;
    const computes = manifest.outputs.every((o) => 'result' in o) && manifest.kernels.length === 0;
    if (!computes || manifest.laidOut) return false;
    const names = new Map<string, string>();
    const ports = new Map(graph.inputs.map((input) => [input.name, input]));
    for (const field of manifest.fields) this.#readField(field, run, ports, names);
    for (const id of manifest.states) {
      const own = run.stateName(id);
      const port = ports.get(id);
      if (port) this.#inputs.set(own, { ...port, name: own });
      this.#states.add(own);
      names.set(id, own);
    }
    if (manifest.scalars.length > 0) names.set('scalars', this.#scalarsFor(manifest.scalars, run.tick));
    for (const constant of graph.initializers) {
      const own = `${key}/${constant.name}`;
      this.#constants.set(own, { ...constant, name: own });
      names.set(constant.name, own);
    }
    for (const node of graph.nodes) {
      for (const output of node.outputs) if (output !== '') names.set(output, `${number}/${output}`);
      const nameOf = (value: string): string => names.get(value) ?? value;
      this.#nodes.push({ ...node, inputs: node.inputs.map(nameOf), outputs: node.outputs.map(nameOf) });
    }
    for (const value of graph.values ?? []) this.#values.push({ ...value, name: names.get(value.name) ?? value.name });
    for (const { output, shape, ...to } of manifest.outputs)
      if ('result' in to)
        this.#made.set(madeName({ run: number, result: to.result }), { name: names.get(output) ?? output, shape });
    return true;
  }

  whole(name: string, wanted: readonly Made[]): Spliced {
    const outputs = wanted.map((made) => {
      const found = this.#made.get(madeName(made));
      if (!found) throw new Error(`no run makes ${madeName(made)}`);
      return { ...found, result: madeName(made) };
    });
    const scalars = this.#scalars.length;
    const inputs = [...this.#inputs.values()];
    if (scalars > 0) inputs.push({ name: 'scalars', type: 'float', shape: [scalars] });
    return {
      graph: {
        ...{ name, inputs, initializers: [...this.#constants.values()], nodes: this.#nodes },
        outputs: outputs.map((o) => ({ name: o.name, type: 'float', shape: o.shape })),
        ...(this.#values.length > 0 ? { values: this.#values } : {}),
      },
      manifest: {
        function: name,
        fields: [...this.#fields.values()],
        states: [...this.#states],
        scalars: this.#scalars,
        outputs: outputs.map((o) => ({ output: o.name, shape: o.shape, result: o.result })),
        ...{ kernelFields: [], kernels: [] },
      },
    };
  }

  /** Runs of one function share what it is lowered to. */
  #lower({ program, f }: SplicedRun): { readonly lowered: Lowered; readonly key: string } {
    const known = this.#lowered.get(f);
    if (known) return known;
    const made = { lowered: lowerFunction({ ...program, functions: [f] }, f, true), key: `f${this.#lowered.size}` };
    this.#lowered.set(f, made);
    return made;
  }

  #readField(
    field: CpuManifest['fields'][number],
    run: SplicedRun,
    ports: ReadonlyMap<string, OnnxValue>,
    names: Map<string, string>,
  ): void {
    const inside = inputName(field.field);
    const source = run.inputs[field.field];
    if (!source) throw new Error(`nothing gives ${field.field}`);
    if (!('field' in source)) {
      const made = this.#made.get(madeName(source));
      if (!made) throw new Error(`${madeName(source)} is read before it is made`);
      names.set(inside, made.name);
      return;
    }
    const name = inputName(source.field);
    const port = ports.get(inside);
    if (port) this.#inputs.set(name, { ...port, name });
    this.#fields.set(source.field, { ...field, field: source.field });
    names.set(inside, name);
  }

  /** Runs whose scalars are the same share them. */
  #scalarsFor(scalars: readonly ScalarExpr[], tick: number): string {
    const own = scalars.map((expr) => atTick(expr, tick));
    const key = JSON.stringify(own);
    const known = this.#scalarsOf.get(key);
    if (known !== undefined) return known;
    const [from, name] = [this.#scalars.length, `scalars/${this.#scalarsOf.size}`];
    this.#scalars.push(...own);
    this.#scalarsOf.set(key, name);
    const bounds = [from, from + own.length].map((bound) => this.#integer(bound));
    this.#nodes.push({ op: 'Slice', inputs: ['scalars', ...bounds], outputs: [name], attributes: {} });
    return name;
  }

  #integer(value: number): string {
    const name = `bound:${value}`;
    this.#constants.set(name, { name, type: 'int64', shape: [1], data: BigInt64Array.of(BigInt(value)) });
    return name;
  }
}
