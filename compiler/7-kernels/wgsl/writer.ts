/**
 * One WGSL module in the making. Buffers and sizes get names in the order in which they are met, so that kernels of the
 * same form come out as the same text, whatever they work for.
 */
import type { KernelBuffer, KernelModule, KernelTensor, Region } from '../../../spec/kernels.ts';
import { sizeOf } from '../../../spec/program.ts';
import { type Flat, inMemory, type Use } from './flat.ts';
import { functionNeeds, literal, type WgslFunction, wgslFunctions } from './functions.ts';

/** Where what kernels read and write lies, and how they get at it. */
export interface Surroundings {
  /** Of each value in memory; a state's new value may lie where the state does. */
  readonly regions: ReadonlyMap<string, Region>;
  /** Arenas that all kernels of the function bind; when empty, each binds those that it uses. */
  readonly bound: readonly string[];
  readonly places: KernelModule['places'];
  /** The arena of the host's numbers. */
  readonly scalars: string;
}

export interface WrittenTensor extends KernelTensor {
  /** What lies there: a name of the program, or `SCALARS`. */
  readonly base: string;
}

/** What there is of a module once all is written. */
export interface WrittenModule {
  readonly text: string;
  readonly buffers: readonly KernelBuffer[];
  readonly tensors: readonly WrittenTensor[];
  /** Ids of scalars. */
  readonly scalars: readonly string[];
  readonly constants: Readonly<Record<string, number>>;
}

/** The base of the numbers that the host works out; and as the module calls them. */
export const SCALARS = 'scalars';

/** Values that are at hand where a line is written: by use and place. */
type Scope = Map<string, string>;

export class ModuleWriter {
  readonly flat: Flat;
  readonly lines: string[] = [];
  readonly buffers: KernelBuffer[] = [];
  readonly tensors: WrittenTensor[] = [];
  readonly scalars: string[] = [];
  private readonly sizes = new Map<number, string>();
  private readonly fixed = new Map<string, number>();
  private unnamed = 0;
  private readonly tables: string[] = [];
  private readonly functions = new Set<WgslFunction>();
  private readonly scopes: Scope[] = [new Map()];
  private names = 0;
  private depth = 0;
  private readonly around: Surroundings;
  /** The arena of each of `buffers`. */
  private readonly arenas: string[] = [];
  /** Behind every name of a part, where a module has several. */
  part = '';

  constructor(flat: Flat, around: Surroundings) {
    this.flat = flat;
    this.around = around;
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

  /** @returns the name of the tensor */
  bind(base: string, name: string, access: KernelTensor['access']): string {
    const known = this.tensors.findIndex((t) => t.base === base);
    const before = this.tensors[known];
    const region = this.around.regions.get(base);
    const arena = base === SCALARS ? this.around.scalars : region?.arena;
    if (arena === undefined) throw new Error(`${base} has no place`);
    const buffer = this.buffer(arena, access);
    if (before) {
      if (before.access !== access && access !== 'read') this.tensors[known] = { ...before, access: 'update' };
      return before.name;
    }
    const own = base === SCALARS ? name : `${name}${this.part}`;
    this.tensors.push({ name: own, base, access, buffer });
    return own;
  }

  /** The buffer that an arena is bound as: an arena that kernels pass values through is always read and written. */
  private buffer(arena: string, access: KernelTensor['access']): number {
    const passing = /^(values|results)/.test(arena);
    const needed = access === 'read' && !passing ? 'read' : 'update';
    const known = this.arenas.indexOf(arena);
    const before = this.buffers[known];
    if (before) {
      if (needed === 'update') this.buffers[known] = { ...before, access: needed };
      return known;
    }
    const { bound } = this.around;
    const binding = bound.length > 0 ? bound.indexOf(arena) : this.arenas.length;
    const kind = kindOf(arena);
    const others = (bound.length > 0 ? bound.slice(0, binding) : this.arenas).filter((a) => kindOf(a) === kind).length;
    this.buffers.push({ name: others === 0 ? kind : `${kind}${others}`, binding, access: needed });
    return this.arenas.push(arena) - 1;
  }

  /** An element of a bound tensor, to write. */
  slot(name: string, at: string): string {
    const tensor = this.tensors.find((t) => t.name === name);
    const buffer = tensor && this.buffers[tensor.buffer];
    if (!buffer) throw new Error(`${name} is not bound`);
    const place = this.around.places === 'uniform' ? `places.${name}` : name;
    return `${buffer.name}[${place}${at === '0u' ? '' : ` + ${at}`}]`;
  }

  /** An element of a bound tensor of f32 or f16, to read. */
  read(name: string, at: string): string {
    const tensor = this.tensors.find((t) => t.name === name);
    if (tensor && this.flat.types.get(tensor.base) === 'f16')
      return `unpack2x16float(${this.slot(name, `(${at}) / 2u`)})[(${at}) % 2u]`;
    return this.isOfWords(tensor?.buffer ?? 0) ? `bitcast<f32>(${this.slot(name, at)})` : this.slot(name, at);
  }

  /** A buffer in which tensors of several types lie: inputs, where some are no f32; and that of pairs in half precision. */
  private isOfWords(buffer: number): boolean {
    const kind = kindOf(this.arenas[buffer] ?? '');
    const packed = [...this.flat.types.values()].some((type) => type !== 'f16');
    return kind === 'halves' || (kind === 'inputs' && packed);
  }

  /** One element of a value in memory, a constant or a scalar, at a linear place. */
  load(use: Use, at: string): string {
    const constant = this.flat.constants.get(use.base);
    if (constant !== undefined) return literal(constant);
    if (!inMemory(this.flat, use.base)) {
      const scalars = this.bind(SCALARS, SCALARS, 'read');
      return this.let('s', this.read(scalars, `${this.scalar(use.base)}u`));
    }
    const place = sizeOf(use.shape) === 1 ? '0u' : at;
    const inputs = this.tensors.filter((t) => t.name.startsWith('in')).length;
    const name = this.bind(use.base, `in${inputs}`, 'read');
    return this.let('x', this.element(use.base, name, place));
  }

  private element(base: string, name: string, at: string): string {
    const type = this.flat.types.get(base);
    if (type === 'u8') return `f32((${this.slot(name, `(${at}) / 4u`)} >> (8u * ((${at}) % 4u))) & 255u)`;
    return type === 'i32' ? `f32(bitcast<i32>(${this.slot(name, at)}))` : this.read(name, at);
  }

  /** Where the number lies among those of this kernel. */
  private scalar(id: string): number {
    const at = this.scalars.indexOf(id);
    return at >= 0 ? at : this.scalars.push(id) - 1;
  }

  written(): WrittenModule {
    const { buffers, tensors, scalars } = this;
    return { text: this.text(), buffers, tensors, scalars, constants: this.constants() };
  }

  private text(): string {
    const body = this.lines.join('\n');
    const names = this.tensors.map((t) => t.name);
    const overrides = Object.keys(this.constants()).map((name) => `override ${name}: u32;`);
    const head =
      this.around.places === 'uniform'
        ? [
            ...overrides,
            '// where in their buffers the tensors begin',
            `struct Places { ${names.map((name) => `${name}: u32`).join(', ')} }`,
            '@group(1) @binding(0) var<uniform> places: Places;',
          ]
        : [
            ...overrides,
            '// where in their buffers the tensors begin',
            ...names.map((name) => `override ${name}: u32;`),
          ];
    const buffers = [...this.buffers.entries()].sort(([, a], [, b]) => a.binding - b.binding);
    for (const [i, { name, binding, access }] of buffers) {
      const mode = access === 'read' ? 'read' : 'read_write';
      const type = this.isOfWords(i) ? 'u32' : 'f32';
      head.push(`@group(0) @binding(${binding}) var<storage, ${mode}> ${name}: array<${type}>;`);
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

/** `inputs` of `inputs of train.1`. */
export function kindOf(arena: string): string {
  return arena.split(/[ .]/)[0] ?? arena;
}
