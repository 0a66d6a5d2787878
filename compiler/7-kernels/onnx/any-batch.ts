/**
 * One graph for any number of samples. The function is written down for two numbers of samples; where both graphs agree
 * but for sizes, those are the number of samples times something, and are taken from an input when the graph runs.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import type { OnnxGraph, OnnxNode, OnnxPort, OnnxTensor } from './model.ts';

/** The name of the open axis. */
export const BATCH = 'batch';

/**
 * @param at the graph for so many samples
 * @param sizes two numbers of samples, primes that no other size is a multiple of
 * @returns nothing where the graphs differ in more than sizes
 */
export function forAnyBatch(
  at: (batch: number) => OnnxGraph,
  sizes: readonly [number, number],
): OnnxGraph<OnnxPort> | undefined {
  const [first, second] = sizes.map(at) as [OnnxGraph, OnnxGraph];
  const inputs = openPorts(first.inputs, second.inputs, sizes);
  const outputs = openPorts(first.outputs, second.outputs, sizes);
  const source = inputs?.find((port) => port.shape.includes(BATCH));
  if (!inputs || !outputs || !source || first.nodes.length !== second.nodes.length) return undefined;
  const constants = [constantsOf(first), constantsOf(second)] as const;
  const made = new Sizes(source);
  const nodes: OnnxNode[] = [];
  for (const [i, node] of first.nodes.entries()) {
    const other = second.nodes[i] as OnnxNode;
    if (!isDeepStrictEqual({ ...node, inputs: [] }, { ...other, inputs: [] })) return undefined;
    if (node.inputs.length !== other.inputs.length) return undefined;
    let open: Size[] | undefined;
    for (const [at, name] of node.inputs.entries()) {
      const [a, b] = [constants[0].get(name), constants[1].get(other.inputs[at] ?? '')];
      if (!a !== !b || (!a && name !== other.inputs[at])) return undefined;
      if (!a || !b || (isDeepStrictEqual(a.data, b.data) && isDeepStrictEqual(a.shape, b.shape))) continue;
      open = at === 1 ? openSizes(a, b, sizes) : undefined;
      if (!open) return undefined;
    }
    const written = open ? made.write(node, open) : node;
    if (!written) return undefined;
    nodes.push(written);
  }
  const whole = [...made.before, ...nodes];
  const ends = new Set(outputs.map((port) => port.name));
  const values = made.values.filter(({ name }) => !ends.has(name));
  const read = new Set(whole.flatMap((node) => node.inputs));
  const initializers = [...first.initializers, ...made.constants.values()].filter((tensor) => read.has(tensor.name));
  return { name: first.name, inputs, outputs, initializers, nodes: whole, values };
}

const constantsOf = (graph: OnnxGraph): Map<string, OnnxTensor> => new Map(graph.initializers.map((t) => [t.name, t]));

function openPorts(
  first: OnnxGraph['inputs'],
  second: OnnxGraph['inputs'],
  [p, q]: readonly [number, number],
): OnnxPort[] | undefined {
  const ports = first.map((port, i): OnnxPort | undefined => {
    const other = second[i];
    if (other?.name !== port.name || other.shape.length !== port.shape.length) return undefined;
    const shape = port.shape.map((n, axis) => (n === other.shape[axis] ? n : BATCH));
    const fits = shape.every((n, axis) => n !== BATCH || (port.shape[axis] === p && other.shape[axis] === q));
    return fits ? { ...port, shape } : undefined;
  });
  return ports.includes(undefined) || first.length !== second.length ? undefined : (ports as OnnxPort[]);
}

/** A size that is known, or how many times the number of samples it is. */
type Size = number | { readonly times: number };

function openSizes(a: OnnxTensor, b: OnnxTensor, [p, q]: readonly [number, number]): Size[] | undefined {
  if (!(a.data instanceof BigInt64Array && b.data instanceof BigInt64Array) || a.data.length !== b.data.length)
    return undefined;
  const [left, right] = [Array.from(a.data, Number), Array.from(b.data, Number)];
  const sizes = left.map((n, i): Size => (n === right[i] ? n : { times: n / p }));
  const fits = sizes.every((n, i) => typeof n === 'number' || (Number.isInteger(n.times) && n.times * q === right[i]));
  return fits && sizes.filter((n) => typeof n !== 'number').length === 1 ? sizes : undefined;
}

/**
 * Operators that take sizes, one of them open. Their results are declared with its symbol: ONNX Runtime takes a minute
 * to load some hundred operators with unknown sizes.
 */
class Sizes {
  /** Nodes that come before all others. */
  readonly before: OnnxNode[] = [];
  readonly values: OnnxPort[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  readonly #made = new Set<string>();
  readonly #source: OnnxPort;

  constructor(source: OnnxPort) {
    this.#source = source;
  }

  write(node: OnnxNode, sizes: readonly Size[]): OnnxNode | undefined {
    const [value = ''] = node.inputs;
    const [name = ''] = node.outputs;
    if (node.op !== 'Reshape' && node.op !== 'Expand') return undefined;
    const symbol = ({ times }: Exclude<Size, number>): string => (times === 1 ? BATCH : `${times} ${BATCH}`);
    this.values.push({ name, type: 'float', shape: sizes.map((n) => (typeof n === 'number' ? n : symbol(n))) });
    // A reshape infers the one size that is missing.
    if (node.op === 'Reshape')
      return { ...node, inputs: [value, this.#integers(sizes.map((n) => (typeof n === 'number' ? n : -1)))] };
    const parts = sizes.map((n) => (typeof n === 'number' ? this.#integers([n]) : this.#times(n.times)));
    return { ...node, inputs: [value, this.#once(`sizes ${parts.join(' ')}`, 'Concat', parts, { axis: 0 })] };
  }

  #times(factor: number): string {
    const axis = this.#source.shape.indexOf(BATCH);
    const count = this.#once('samples', 'Shape', [this.#source.name], { start: axis, end: axis + 1 });
    return factor === 1 ? count : this.#once(`samples ${factor}`, 'Mul', [count, this.#integers([factor])]);
  }

  #once(name: string, op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    if (this.#made.has(name)) return name;
    this.#made.add(name);
    this.before.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  #integers(values: readonly number[]): string {
    const name = `sizes:${values.join(',')}`;
    const data = BigInt64Array.from(values, BigInt);
    this.constants.set(name, { name, type: 'int64', shape: [values.length], data });
    return name;
  }
}

const PRIMES = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103];

/** Two numbers of samples that no size of the function is a multiple of, so that none is taken for them. */
export function sizesApart(program: Program, f: ProgramFunction): readonly [number, number] {
  const shapes = [...program.states, ...f.inputs, ...f.blocks.flatMap((b) => b.ops)].map((value) => value.shape);
  const sizes = new Set(shapes.flat());
  const apart = PRIMES.filter((prime) => [...sizes].every((n) => n % prime !== 0));
  const [p = 107, q = 109] = apart;
  return [p, q];
}
