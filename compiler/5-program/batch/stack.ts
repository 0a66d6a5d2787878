/** Pages of packs: where a value of the unbatched program is found, and how any list of values becomes one tensor. */
import type { OpOrigin } from '../../../spec/names.ts';
import type { Attributes, Op, Shape } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { canonicalAttributes } from '../builder.ts';

/** Where a value is: under a name of its own, or one page of a pack. */
export type Place = { readonly id: string } | { readonly pack: string; readonly page: number };

export class Stack {
  /** Operations of the block that is being written. */
  ops: Op[] = [];
  origin: OpOrigin | undefined;
  readonly #fresh: () => string;
  readonly #shapes: Map<string, Shape>;
  readonly #places = new Map<string, Place>();
  /** Stacks made of lists of values: one map for what stays visible, one for the block being written. */
  readonly #made: Map<string, string>[] = [new Map()];

  /** @param shapes of all values of the unbatched program; those of new ones are added */
  constructor(fresh: () => string, shapes: Map<string, Shape>) {
    this.#fresh = fresh;
    this.#shapes = shapes;
  }

  put(id: string, place: Place): void {
    this.#places.set(id, place);
  }

  placeOf(id: string): Place {
    const place = this.#places.get(id);
    if (!place) throw new Error(`${id} is nowhere`);
    return place;
  }

  shapeOf(id: string): Shape {
    const shape = this.#shapes.get(id);
    if (!shape) throw new Error(`${id} has no shape`);
    return shape;
  }

  declare(id: string, shape: Shape): void {
    this.#shapes.set(id, shape);
  }

  name(): string {
    return this.#fresh();
  }

  /** Begins a block: stacks made from here on are visible in it alone. */
  enter(): void {
    this.#made.push(new Map());
  }

  leave(): void {
    this.#made.pop();
  }

  emit(op: string, args: readonly string[], attributes: Attributes = {}, id = this.#fresh()): string {
    if (!isOperator(op)) throw new Error(`${op} is not an operator`);
    const shape = operators[op].shape(
      args.map((a) => this.shapeOf(a)),
      attributes,
    );
    const plain: Op = { id, op, args, attributes: canonicalAttributes(attributes), shape };
    this.ops.push(this.origin === undefined ? plain : { ...plain, origin: this.origin });
    this.#shapes.set(id, shape);
    return id;
  }

  reshape(id: string, shape: Shape): string {
    const now = this.shapeOf(id);
    if (now.length === shape.length && now.every((n, i) => n === shape[i])) return id;
    return this.#once(`reshape ${id} ${shape.join('x')}`, () => this.emit('reshape', [id], { shape: [...shape] }));
  }

  /** One value under a name of its own. */
  plain(id: string): string {
    const place = this.placeOf(id);
    if ('id' in place) return place.id;
    return this.#once(`page ${place.pack} ${place.page}`, () =>
      this.reshape(this.pages(place.pack, [place.page]), this.shapeOf(place.pack).slice(1)),
    );
  }

  /** The values one after the other along a new first axis. All have one shape. */
  stack(ids: readonly string[]): string {
    return this.#once(`stack ${ids.join(' ')}`, () => this.#makeStack(ids));
  }

  #makeStack(ids: readonly string[]): string {
    const sources = new Map<string, number[]>();
    const where = ids.map((id) => {
      const place = this.placeOf(id);
      const source = 'id' in place ? `id ${place.id}` : place.pack;
      const wanted = sources.get(source) ?? [];
      sources.set(source, wanted);
      wanted.push('id' in place ? 0 : place.page);
      return { source, at: wanted.length - 1 };
    });
    const starts = new Map<string, number>();
    const parts: string[] = [];
    let count = 0;
    for (const [source, wanted] of sources) {
      starts.set(source, count);
      count += wanted.length;
      parts.push(source.startsWith('id ') ? this.#repeat(source.slice(3), wanted.length) : this.pages(source, wanted));
    }
    const all = parts.length === 1 ? (parts[0] as string) : this.emit('concatenate', parts, { axis: 0 });
    return this.pages(
      all,
      where.map(({ source, at }) => (starts.get(source) ?? 0) + at),
    );
  }

  /** Pages of a pack; the pack itself where they are all of it. */
  pages(pack: string, index: readonly number[]): string {
    if (index.length === this.shapeOf(pack)[0] && index.every((page, i) => page === i)) return pack;
    return this.#once(`pages ${pack} ${index.join(',')}`, () => this.emit('pages', [pack], { index: [...index] }));
  }

  #repeat(id: string, count: number): string {
    const shape = this.shapeOf(id);
    const one = this.reshape(id, [1, ...shape]);
    return count === 1 ? one : this.emit('broadcast', [one], { shape: [count, ...shape] });
  }

  #once(key: string, make: () => string): string {
    for (const made of this.#made) {
      const known = made.get(key);
      if (known !== undefined) return known;
    }
    const id = make();
    this.#made.at(-1)?.set(key, id);
    return id;
  }
}
