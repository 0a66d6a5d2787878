/**
 * Tensors that are larger than what a device binds at once lie in parts, each with a binding of its own. A kernel that
 * goes through its result element by element is launched once for each part of it (a window), and binds only the same
 * part of every tensor with as many elements; kernels that read or write elsewhere bind all parts and pick one.
 */
import { sizeOf } from '../../../spec/program.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import { loweringOf } from './operators.ts';

/** A kernel binds more parts of tensors than a device can, and nothing of it can be done apart. */
export class TooManyParts extends Error {
  override readonly name = 'TooManyParts';
  /** The operation that it works for. */
  readonly serves: string;

  constructor(serves: string, most: number) {
    super(`${serves} takes more than the ${most} buffers that one kernel binds`);
    this.serves = serves;
  }
}

/** Parts of a tensor of which a device binds `bound` elements at once. */
export const partCount = (elements: number, bound: number): number => Math.max(1, Math.ceil(elements / bound));

export class Parts {
  readonly #words: ReadonlyMap<string, number>;
  readonly #bound: number;
  readonly #types: Flat['types'];

  /** @param bound elements of one part, at most */
  constructor(flat: Flat, bound: number) {
    this.#words = new Map([...flat.outside, ...flat.ops.map((op) => [op.id, sizeOf(op.shape)] as const)]);
    this.#types = flat.types;
    this.#bound = bound;
  }

  /** Parts of a value in memory. */
  count(base: string): number {
    return partCount(this.#words.get(base) ?? 1, this.#bound);
  }

  /** Values of which a kernel binds the window's part of alone; empty where its result is in one part, or in no order. */
  windowed(cluster: Cluster): ReadonlySet<string> {
    const { anchor, claimed, members, outputs, elements } = cluster;
    const found = new Set<string>();
    if (elements <= this.#bound || (anchor && !isLinear(anchor.op))) return found;
    for (const id of outputs) found.add(id);
    for (const { base } of members.flatMap((op) => op.uses))
      if (this.#words.get(base) === elements && this.#types.get(base) !== 'u8') found.add(base);
    for (const op of members) for (const { base, shape } of op.uses) if (sizeOf(shape) !== elements) found.delete(base);
    for (const op of [...(anchor ? [anchor] : []), ...claimed.values()])
      for (const { base } of op.uses) found.delete(base);
    return found;
  }

  /** Bindings of a kernel for its tensors. */
  bindings(cluster: Cluster): number {
    const windowed = this.windowed(cluster);
    const of = (id: string): number => (windowed.has(id) ? 1 : this.count(id));
    let bindings = 0;
    for (const id of cluster.inputs) bindings += of(id);
    for (const id of cluster.outputs) bindings += of(id);
    return bindings;
  }
}

/** Operations of which one thread makes one element, in order. */
function isLinear(op: string): boolean {
  const { kind } = loweringOf(op);
  return kind === 'gather' || kind === 'pack';
}
