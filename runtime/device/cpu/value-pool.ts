/**
 * Memory of values that live from one run to the next: made when it is wanted for the first time, used again as soon as
 * no holder is left.
 */
import * as ort from 'onnxruntime-node';
import { type Shape, sizeOf } from '../../../spec/program.ts';
import type { Tensor } from '../device.ts';

interface Place {
  readonly tensor: ort.Tensor;
  readonly free: Place[];
  holders: number;
}

export class ValuePool {
  readonly #places = new Map<Tensor, Place>();
  readonly #free = new Map<string, Place[]>();
  readonly #names = new WeakMap<Shape, string>();

  /** Memory that is free; it is free again when its last holder drops it. */
  take(shape: Shape): ort.Tensor {
    const free = this.#freeOf(shape);
    const known = free.pop();
    if (known) return known.tensor;
    const data = new Float32Array(sizeOf(shape));
    const tensor = new ort.Tensor('float32', data, shape);
    this.#places.set(data, { tensor, free, holders: 0 });
    return tensor;
  }

  /** The tensor that has this memory, where it is of the pool. */
  tensorOf(values: unknown): ort.Tensor | undefined {
    return this.#places.get(values as Tensor)?.tensor;
  }

  hold(values: Tensor): void {
    const place = this.#places.get(values);
    if (place) place.holders++;
  }

  drop(values: Tensor): void {
    const place = this.#places.get(values);
    if (place && --place.holders === 0) place.free.push(place);
  }

  #freeOf(shape: Shape): Place[] {
    const name = this.#names.get(shape) ?? shape.join('x');
    this.#names.set(shape, name);
    const known = this.#free.get(name);
    if (known) return known;
    const made: Place[] = [];
    this.#free.set(name, made);
    return made;
  }
}
