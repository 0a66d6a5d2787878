/** Collects the nodes and constants of one ONNX graph. */
import type { LaidOut } from '../../../spec/cpu-manifest.ts';
import type { Shape } from '../../../spec/program.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor, OnnxType, OnnxValue } from './model.ts';

export class OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  /** By the names of the inputs. */
  readonly laidOut = new Map<string, LaidOut>();
  /** Kernels of convolutions, with their shapes: the device may have a layout of its own for them. */
  readonly kernels: OnnxValue[] = [];
  /** Whether only operators of the ONNX standard may be written. */
  readonly standard: boolean;
  readonly #given: ReadonlySet<string>;
  readonly #shapes = new Map<string, Shape>();
  readonly #aliases = new Map<string, string>();
  readonly #made = new Map<string, string>();
  readonly #bounded = new Set<string>();
  /** What makes a value in the layout of the program, which nothing has asked for yet. */
  readonly #later = new Map<string, () => void>();
  #count = 0;

  /** @param given states that the device may lay out for the graph */
  constructor(given: ReadonlySet<string> = new Set(), standard = false) {
    this.#given = given;
    this.standard = standard;
  }

  /** Whether the device, which holds them, can make something of these before the graph runs. */
  isGiven(...ids: readonly string[]): boolean {
    return ids.every((id) => this.#given.has(id));
  }

  /** An input that the device lays out. */
  layOut(wanted: LaidOut): string {
    this.laidOut.set(wanted.input, wanted);
    return wanted.input;
  }

  /** Says that no infinite value of `id` can have another sign than all its others: it has a bound below, or above. */
  bound(id: string): void {
    this.#bounded.add(id);
  }

  isBounded(id: string): boolean {
    return this.#bounded.has(id);
  }

  /** `id` is the value `name`, with nothing to compute. */
  alias(id: string, name: string): void {
    this.#aliases.set(id, name);
    const shape = this.#shapes.get(id);
    if (shape && !this.#shapes.has(name)) this.#shapes.set(name, shape);
  }

  /** The name of the value in the layout of the program; it is made now if it was put off. */
  resolve(id: string): string {
    const make = this.#later.get(id);
    this.#later.delete(id);
    make?.();
    return this.#aliases.get(id) ?? id;
  }

  declare(name: string, shape: Shape): void {
    this.#shapes.set(name, shape);
  }

  shapeOf(name: string): Shape {
    const shape = this.#shapes.get(name);
    if (!shape) throw new Error(`${name} is not in the graph`);
    return shape;
  }

  /** Appends a node and gives the name of its one output. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output?: string,
    domain?: string,
  ): string {
    const name = output ?? `t${this.#count++}`;
    const node: OnnxNode = { op, inputs, outputs: [name], attributes };
    this.nodes.push(domain === undefined ? node : { ...node, domain });
    return name;
  }

  /** Says of the node that was appended last what a device may do instead. */
  about(text: string): void {
    const last = this.nodes.pop();
    if (last) this.nodes.push({ ...last, about: text });
  }

  /** Tells the shape of a convolution's kernel; gives its name. */
  kernel(name: string, shape: Shape): string {
    this.kernels.push({ name, type: 'float', shape });
    return name;
  }

  /** A node with several outputs; gives their names. */
  several(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): string[] {
    const names = Array.from({ length: outputs }, () => `t${this.#count++}`);
    this.nodes.push({ op, inputs, outputs: names, attributes });
    return names;
  }

  /** The same values in another layout, made once: neighbours that want the same one share it. */
  once(key: string, make: () => string): string {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#made.set(key, name);
    return name;
  }

  /** What `once` has made under this key. */
  known(key: string): string | undefined {
    return this.#made.get(key);
  }

  /** Puts off what makes the value `id` until something asks for it by `resolve`. */
  later(id: string, make: () => void): void {
    this.#later.set(id, make);
  }

  /** A tensor that is one number throughout, as a constant of the graph. */
  filled(value: number, shape: Shape): string {
    const size = shape.reduce((product, n) => product * n, 1);
    return this.#constant(`f:${value}:${shape.join(',')}`, 'float', shape, new Float32Array(size).fill(value));
  }

  number(value: number): string {
    return this.#constant(`c:${Object.is(value, -0) ? 0 : value}`, 'float', [], Float32Array.of(value));
  }

  /** A list of whole numbers: shapes, axes, starts and ends. */
  integers(values: readonly number[]): string {
    return this.#constant(`i:${values.join(',')}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** 0, 1, … n-1 as floats. */
  range(n: number): string {
    return this.#constant(
      `r:${n}`,
      'float',
      [n],
      Float32Array.from({ length: n }, (_, i) => i),
    );
  }

  /** A matrix of numbers known when compiling. @param name says what is in it */
  table(name: string, shape: Shape, data: Float32Array): string {
    return this.#constant(name, 'float', shape, data);
  }

  index(value: number): string {
    return this.#constant(`x:${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  #constant(name: string, type: OnnxType, shape: Shape, data: OnnxTensor['data']): string {
    if (!this.constants.has(name)) this.constants.set(name, { name, type, shape, data });
    return name;
  }
}
