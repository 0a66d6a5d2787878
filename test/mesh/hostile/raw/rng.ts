/** A seeded source of choices. */
import { type RandomStream, stream } from '../../../../spec/random.ts';

export class Rng {
  readonly #stream: RandomStream;
  #at = 0;

  constructor(seed: number, name: string) {
    this.#stream = stream(seed, name);
  }

  below(n: number): number {
    return this.#stream.bits(this.#at++) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}
