/**
 * One WGSL module in the making. Buffers and sizes get names in the order in which they are met, so that kernels of the
 * same form come out as the same text, whatever they work for.
 */
import { type Shape, sizeOf } from '../../../spec/program.ts';
import { type Flat, inMemory, type Use } from './flat.ts';
import { functionNeeds, literal, type WgslFunction, wgslFunctions } from './functions.ts';

export interface WrittenBinding {
  readonly name: string;
  readonly base: string;
  readonly access: 'read' | 'write' | 'update';
  readonly shared: boolean;
}

/** Values that are at hand where a line is written: by use and place. */
type Scope = Map<string, string>;

export class ModuleWriter {
  readonly flat: Flat;
  readonly lines: string[] = [];
  readonly bindings: WrittenBinding[] = [];
  readonly scalars: string[] = [];
  private readonly sizes = new Map<number, string>();
  private readonly fixed = new Map<string, number>();
  private unnamed = 0;
  private readonly tables: string[] = [];
  private readonly functions = new Set<WgslFunction>();
  private readonly scopes: Scope[] = [new Map()];
  private names = 0;
  private depth = 0;
  private readonly shares: (base: string) => boolean;
  /** Behind every name of a part, where a module has several. */
  part = '';

  /** @param shares values that lie in the one buffer that several share */
  constructor(flat: Flat, shares: (base: string) => boolean = () => false) {
    this.flat = flat;
    this.shares = shares;
  }

  line(text: string): void {
    if (text.startsWith('}')) this.depth--;
    this.lines.push(`${'  '.repeat(this.depth)}${text}`);
    if (text.endsWith('{')) this.depth++;
  }

  /** Lines between braces: what is computed there is unknown behind them. */
  block(head: string, inside: () => void, tail = '}'): void {
    this.line(`${head} {`);
    this.scopes.push(new Map());
    inside();
    this.scopes.pop();
    this.line(tail);
  }

  name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  /** The same expression is written once for each scope. */
  let(prefix: string, expression: string): string {
    return this.known(`=${expression}`, () => {
      const name = this.name(prefix);
      this.line(`let ${name} = ${expression};`);
      return name;
    });
  }

  known(key: string, make: () => string): string {
    for (const scope of this.scopes) {
      const found = scope.get(key);
      if (found !== undefined) return found;
    }
    const made = make();
    this.scopes.at(-1)?.set(key, made);
    return made;
  }

  remember(key: string, name: string): void {
    this.scopes.at(-1)?.set(key, name);
  }

  /** A size, as an override constant: modules differ by their form alone. */
  size(n: number): string {
    if (n <= 1) return `${n}u`;
    const known = this.sizes.get(n);
    if (known !== undefined) return known;
    const name = `size${this.unnamed++}`;
    this.sizes.set(n, name);
    return name;
  }

  /** A size with a name of its own. */
  named(name: string, n: number): string {
    const own = this.count(name, n);
    if (n > 1 && !this.sizes.has(n)) this.sizes.set(n, own);
    return own;
  }

  /** A number of the dispatch that is no size of a tensor. */
  count(name: string, n: number): string {
    this.fixed.set(`${name}${this.part}`, n);
    return `${name}${this.part}`;
  }

  /** A line of the module itself, once however many parts want it. */
  once(text: string): void {
    if (!this.lines.includes(text)) this.line(text);
  }

  /** Values of all overrides. */
  constants(): Record<string, number> {
    return Object.fromEntries([...this.fixed, ...[...this.sizes].map(([n, name]) => [name, n] as const)]);
  }

  /** Whole numbers that are part of the module. */
  table(values: readonly number[]): string {
    const text = `array<u32, ${values.length}>(${values.map((n) => `${n}u`).join(', ')})`;
    const known = this.tables.indexOf(text);
    return `table${known >= 0 ? known : this.tables.push(text) - 1}`;
  }

  need(name: WgslFunction): void {
    for (const other of functionNeeds[name] ?? []) this.need(other);
    this.functions.add(name);
  }

  bind(base: string, name: string, access: WrittenBinding['access']): string {
    const known = this.bindings.findIndex((b) => b.base === base);
    const before = this.bindings[known];
    if (before) {
      if (before.access !== access && access !== 'read') this.bindings[known] = { ...before, access: 'update' };
      return before.name;
    }
    const own = `${name}${this.part}`;
    this.bindings.push({ name: own, base, access, shared: this.shares(base) });
    return own;
  }

  /** The element of a bound tensor, to read or to write. */
  slot(name: string, at: string): string {
    const shared = this.bindings.find((b) => b.name === name)?.shared;
    return shared ? `shared_values[places.${name} + ${at}]` : `${name}[${at}]`;
  }

  /** One element of a value in memory, a constant or a scalar, at a linear place. */
  load(use: Use, at: string): string {
    const constant = this.flat.constants.get(use.base);
    if (constant !== undefined) return literal(constant);
    if (!inMemory(this.flat, use.base)) return `scalars.${this.scalar(use.base)}`;
    const place = sizeOf(use.shape) === 1 ? '0u' : at;
    const inputs = this.bindings.filter((b) => b.name.startsWith('in')).length;
    const name = this.bind(use.base, `in${inputs}`, 'read');
    return this.let('x', this.element(use.base, name, place));
  }

  private element(base: string, name: string, at: string): string {
    const type = this.flat.types.get(base);
    if (type === 'u8') return `f32((${name}[(${at}) / 4u] >> (8u * ((${at}) % 4u))) & 255u)`;
    return type === 'i32' ? `f32(${name}[${at}])` : this.slot(name, at);
  }

  private scalar(id: string): string {
    const at = this.scalars.indexOf(id);
    if (at >= 0) return `s${at}`;
    this.scalars.push(id);
    return `s${this.scalars.length - 1}`;
  }

  /** The whole module. @param writable whether a binding's buffer is also written through another binding */
  text(writable: (base: string) => boolean): string {
    const types = (base: string): string => {
      const type = this.flat.types.get(base);
      return type === 'u8' ? 'u32' : type === 'i32' ? 'i32' : 'f32';
    };
    const body = this.lines.join('\n');
    const own = this.bindings.filter((b) => !b.shared);
    const shared = this.bindings.filter((b) => b.shared);
    let next = own.length;
    const head = [
      ...Object.keys(this.constants()).map((name) => `override ${name}: u32;`),
      ...own.map(({ name, base, access }, i) => {
        const mode = access !== 'read' || writable(base) ? 'read_write' : 'read';
        return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${types(base)}>;`;
      }),
    ];
    if (shared.length > 0)
      head.push(`@group(0) @binding(${next++}) var<storage, read_write> shared_values: array<f32>;`);
    if (this.scalars.length > 0) {
      head.push(`struct Scalars { ${this.scalars.map((_, i) => `s${i}: f32`).join(', ')} }`);
      head.push(`@group(0) @binding(${next++}) var<uniform> scalars: Scalars;`);
    }
    if (shared.length > 0) {
      head.push(`struct Places { ${shared.map(({ name }) => `${name}: u32`).join(', ')} }`);
      head.push(`@group(0) @binding(${next++}) var<uniform> places: Places;`);
    }
    if (body.includes('bitcast<f32>(infinite)')) head.push('var<private> infinite: u32 = 0x7f800000u;');
    if (body.includes('bitcast<f32>(not_a_number)')) head.push('var<private> not_a_number: u32 = 0x7fc00000u;');
    this.tables.forEach((text, i) => {
      head.push(`const table${i} = ${text};`);
    });
    const functions = [...this.functions].map((name) => wgslFunctions[name]);
    return `${[...head, ...functions, body].join('\n')}\n`;
  }
}

/** The linear place of the element of `from` that the element `at` of `to` reads, when `from` is repeated to `to`. */
export function repeatedPlace(w: ModuleWriter, at: string, from: Shape, to: Shape): string {
  if (sizeOf(from) === sizeOf(to)) return at;
  if (sizeOf(from) === 1) return '0u';
  const parts: string[] = [];
  let toStride = 1;
  let fromStride = 1;
  for (const run of runsOf(from, to)) {
    if (run.present) {
      const last = toStride * run.size === sizeOf(to);
      parts.push(times(w, within(w, at, toStride, last ? undefined : run.size), fromStride));
      fromStride *= run.size;
    }
    toStride *= run.size;
  }
  return parts.length === 1 ? (parts[0] ?? '0u') : `(${parts.reverse().join(' + ')})`;
}

/** Neighbouring axes that are all repeated, or all not, as one; the last first. */
function runsOf(from: Shape, to: Shape): { present: boolean; size: number }[] {
  const runs: { present: boolean; size: number }[] = [];
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const size = to[axis] ?? 1;
    if (size === 1) continue;
    const present = (from[from.length - to.length + axis] ?? 1) !== 1;
    const last = runs.at(-1);
    if (last?.present === present) last.size *= size;
    else runs.push({ present, size });
  }
  return runs;
}

/** `at / stride % size`, without what changes nothing. */
export function within(w: ModuleWriter, at: string, stride: number, size?: number): string {
  const divided = stride === 1 ? at : `(${at} / ${w.size(stride)})`;
  return size === undefined ? divided : `(${divided} % ${w.size(size)})`;
}

export function times(w: ModuleWriter, value: string, factor: number): string {
  return factor === 1 ? value : `${value} * ${w.size(factor)}`;
}

/** The place along each axis of the element `at`. */
export function coordinates(w: ModuleWriter, at: string, shape: Shape): string[] {
  let stride = sizeOf(shape);
  return shape.map((n, axis) => {
    stride /= n;
    if (n === 1) return '0u';
    const first = shape.slice(0, axis).every((m) => m === 1);
    return w.let('c', within(w, at, stride, first ? undefined : n));
  });
}

/** The linear place of an element from its places along the axes. */
export function linear(w: ModuleWriter, places: readonly string[], shape: Shape): string {
  let stride = 1;
  const parts: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const place = places[axis] ?? '0u';
    if (place !== '0u') parts.push(times(w, place, stride));
    stride *= shape[axis] ?? 1;
  }
  return parts.length === 0 ? '0u' : `(${parts.reverse().join(' + ')})`;
}
