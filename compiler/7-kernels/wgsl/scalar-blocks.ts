/** Where the numbers lie that the host works out before a run: one block for each kernel that reads other ones. */
import { type KernelScalars, REGION_ALIGNMENT, type Region } from '../../../spec/kernels.ts';
import type { Flat } from './flat.ts';
import type { Arenas } from './place.ts';

export class ScalarBlocks {
  readonly list: KernelScalars[] = [];
  readonly regions: Region[] = [];
  /** Room for all of them, one behind the other: they are written at once. */
  readonly #room: Region | undefined;
  readonly #flat: Flat;
  readonly #found = new Map<string, Region>();

  /** @param most kernels of the function */
  constructor(flat: Flat, most: number, inputs: Arenas) {
    this.#flat = flat;
    if (flat.scalars.size > 0) this.#room = inputs.append('scalars', most * REGION_ALIGNMENT);
  }

  get arena(): string {
    return this.#room?.arena ?? '';
  }

  /** @param ids of scalars */
  region(ids: readonly string[]): Region {
    const values = ids.flatMap((id) => this.#flat.scalars.get(id) ?? []);
    const key = JSON.stringify(values);
    const known = this.#found.get(key);
    if (known) return known;
    const offset = (this.#room?.offset ?? 0) + this.list.length * REGION_ALIGNMENT;
    const region = { name: `scalars ${this.list.length}`, arena: this.arena, offset, elements: values.length };
    this.#found.set(key, region);
    this.list.push({ region: region.name, values });
    this.regions.push(region);
    return region;
  }
}
