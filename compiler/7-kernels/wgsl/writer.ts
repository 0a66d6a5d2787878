/**
 * One WGSL module in the making. Buffers and sizes get names in the order in which they are met, so that kernels of the
 * same form come out as the same text, whatever they work for.
 */
import type { KernelBuffer, KernelModule, KernelTensor } from '../../../spec/kernels.ts';
import { sizeOf } from '../../../spec/program.ts';
import { type Flat, inMemory, type Use } from './flat.ts';
import { functionNeeds, literal, type WgslFunction, wgslFunctions } from './functions.ts';
import { readsParts, writesParts } from './part-access.ts';
import type { Placed } from './placed.ts';

/** Where what kernels read and write lies, and how they get at it. */
export interface Surroundings {
  /** Of each value in memory; a state's new value may lie where the state does. */
  readonly regions: ReadonlyMap<string, Placed>;
  /** Arenas that all kernels of the function bind; when empty, each binds those that it uses. */
  readonly bound: readonly string[];
  readonly places: KernelModule['places'];
  /** The arena of the host's numbers. */
  readonly scalars: string;
}

export interface WrittenTensor extends KernelTensor {
  /** Content of the region: a name of the program, or `SCALARS`. */
  readonly base: string;
  /** Which part of it. */
  readonly part: number;
}

/** The part of its result that a launch works out. */
export interface Window {
  /** Tensors of which it binds that part alone. */
  readonly bases: ReadonlySet<string>;
  readonly part: number;
  /** Linear place of its first element. */
  readonly begin: number;
  readonly elements: number;
}

/** A finished module. */
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
  tensors: WrittenTensor[] = [];
  scalars: string[] = [];
  readonly #sizes = new Map<number, string>();
  readonly #fixed = new Map<string, number>();
  #unnamed = 0;
  readonly #extensions = new Set<string>();
  readonly #tables: string[] = [];
  readonly #functions = new Set<WgslFunction>();
  readonly #scopes: Scope[] = [new Map()];
  #names = 0;
  #depth = 0;
  readonly #around: Surroundings;
  /** The arena of each of `buffers`. */
  readonly #arenas: string[] = [];
  /** Behind every name of a part, where a module has several. */
  part = '';

  readonly window: Window | undefined;
  /** By the name that the module gives it: a tensor of which all parts are bound. */
  readonly #inParts = new Map<string, { readonly base: string; readonly names: readonly string[] }>();
  readonly #accessors = new Map<string, string>();

  constructor(flat: Flat, around: Surroundings, window?: Window) {
    this.flat = flat;
    this.#around = around;
    this.window = window;
  }

  line(text: string): void {
    if (text.startsWith('}')) this.#depth--;
    this.lines.push(`${'  '.repeat(this.#depth)}${text}`);
    if (text.endsWith('{')) this.#depth++;
  }

  /** Lines between braces: what is computed there is unknown behind them. */
  block(head: string, inside: () => void, tail = '}'): void {
    this.line(`${head} {`);
    this.#scopes.push(new Map());
    inside();
    this.#scopes.pop();
    this.line(tail);
  }

  name(prefix: string): string {
    return `${prefix}${this.#names++}`;
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
    for (const scope of this.#scopes) {
      const found = scope.get(key);
      if (found !== undefined) return found;
    }
    const made = make();
    this.#scopes.at(-1)?.set(key, made);
    return made;
  }

  remember(key: string, name: string): void {
    this.#scopes.at(-1)?.set(key, name);
  }

  /** A size, as an override constant: modules differ by their form alone. */
  size(n: number): string {
    if (n <= 1) return `${n}u`;
    const known = this.#sizes.get(n);
    if (known !== undefined) return known;
    const name = `size${this.#unnamed++}`;
    this.#sizes.set(n, name);
    return name;
  }

  /** A size with a name of its own. */
  named(name: string, n: number): string {
    const own = this.count(name, n);
    if (n > 1 && !this.#sizes.has(n)) this.#sizes.set(n, own);
    return own;
  }

  /** A number of the dispatch that is not a size of a tensor. */
  count(name: string, n: number): string {
    this.#fixed.set(`${name}${this.part}`, n);
    return `${name}${this.part}`;
  }

  /** Begins a part of a persistent kernel: its tensors and the host's numbers are its own. */
  beginPart(name: string): void {
    this.part = `_${name}`;
    this.tensors = [];
    this.scalars = [];
  }

  /** First parameters of a function, and the arguments for them: where the tensors of a step begin. */
  get takesPlaces(): string {
    return this.#around.places === 'table' ? `places: Places${this.part}, ` : '';
  }

  get givesPlaces(): string {
    return this.#around.places === 'table' ? 'places, ' : '';
  }

  /** A line of the module itself, once however many parts want it. */
  once(text: string): void {
    if (!this.lines.includes(text)) this.line(text);
  }

  /** Values of all overrides. */
  constants(): Record<string, number> {
    return Object.fromEntries([...this.#fixed, ...[...this.#sizes].map(([n, name]) => [name, n] as const)]);
  }

  /** Whole numbers that are part of the module. */
  table(values: readonly number[]): string {
    const text = `array<u32, ${values.length}>(${values.map((n) => `${n}u`).join(', ')})`;
    const known = this.#tables.indexOf(text);
    return `table${known >= 0 ? known : this.#tables.push(text) - 1}`;
  }

  /** A part of the language that not every device has. */
  enable(extension: string): void {
    this.#extensions.add(extension);
  }

  need(name: WgslFunction): void {
    for (const other of functionNeeds[name] ?? []) this.need(other);
    this.#functions.add(name);
  }

  baseOf(id: string): string {
    return baseOf(this.#around, id);
  }

  /** @returns the name of the tensor */
  bind(base: string, name: string, access: KernelTensor['access']): string {
    const parts = this.#around.regions.get(base)?.parts ?? [];
    if (base === SCALARS) return this.#bindPart(base, 0, this.#around.scalars, name, access);
    const own = this.#around.places === 'table' ? name : `${name}${this.part}`;
    const part = this.window?.bases.has(base) ? this.window.part : parts.length > 1 ? undefined : 0;
    if (part !== undefined) return this.#bindPart(base, part, parts[part]?.arena, own, access);
    const [known] = [...this.#inParts].find(([, each]) => each.base === base) ?? [own];
    const names = parts.map(({ arena }, i) => this.#bindPart(base, i, arena, `${known}_${i}`, access));
    this.#inParts.set(known, { base, names });
    return known;
  }

  #bindPart(
    base: string,
    part: number,
    arena: string | undefined,
    name: string,
    access: KernelTensor['access'],
  ): string {
    if (arena === undefined) throw new Error(`${base} has no place`);
    const known = this.tensors.findIndex((t) => t.base === base && t.part === part);
    const before = this.tensors[known];
    const buffer = this.#buffer(arena, access);
    if (before) {
      if (before.access !== access && access !== 'read') this.tensors[known] = { ...before, access: 'update' };
      return before.name;
    }
    this.tensors.push({ name, base, part, access, buffer });
    return name;
  }

  /** The buffer that an arena is bound as: an arena that kernels pass values through is always read and written. */
  #buffer(arena: string, access: KernelTensor['access']): number {
    const passing = /^(values|results)/.test(arena);
    const needed = access === 'read' && !passing ? 'read' : 'update';
    const known = this.#arenas.indexOf(arena);
    const before = this.buffers[known];
    if (before) {
      if (needed === 'update') this.buffers[known] = { ...before, access: needed };
      return known;
    }
    const { bound } = this.#around;
    const binding = bound.length > 0 ? bound.indexOf(arena) : this.#arenas.length;
    const kind = kindOf(arena);
    const others = (bound.length > 0 ? bound.slice(0, binding) : this.#arenas).filter((a) => kindOf(a) === kind).length;
    this.buffers.push({ name: others === 0 ? kind : `${kind}${others}`, binding, access: needed });
    return this.#arenas.push(arena) - 1;
  }

  /** Writes an element of a bound tensor. */
  store(name: string, at: string, value: string): void {
    const parts = this.#inParts.get(name);
    if (parts) this.line(`${this.#accessor(`set_${name}`, name, writesParts)}(${at}, ${value});`);
    else this.line(`${this.#slot(name, at)} = ${value};`);
  }

  /** An element of a bound tensor as it lies there, to read. */
  #word(name: string, at: string): string {
    const parts = this.#inParts.get(name);
    if (!parts) return this.#slot(name, at);
    return `${this.#accessor(`${name}_at`, name, readsParts)}(${at})`;
  }

  /** An element of a tensor, or of a part, with one binding. */
  #slot(name: string, at: string): string {
    const tensor = this.#tensorOf(name);
    const buffer = tensor && this.buffers[tensor.buffer];
    if (!buffer) throw new Error(`${name} is not bound`);
    const place = this.#around.places === 'overrides' ? name : `places.${name}`;
    if (this.window?.bases.has(tensor.base)) return `${buffer.name}[${place} + (${at}) - window]`;
    return `${buffer.name}[${place}${at === '0u' ? '' : ` + ${at}`}]`;
  }

  #tensorOf(name: string): WrittenTensor | undefined {
    const first = this.#inParts.get(name)?.names[0] ?? name;
    return this.tensors.find((t) => t.name === first);
  }

  /** A function that picks the part of a tensor. @returns its name */
  #accessor(name: string, tensor: string, write: typeof readsParts): string {
    const { base = '', names = [] } = this.#inParts.get(tensor) ?? {};
    const type = this.#isOfWords(this.#tensorOf(tensor)?.buffer ?? 0) ? 'u32' : 'f32';
    this.#fixed.set('part_elements', this.#around.regions.get(base)?.parts[0]?.elements ?? 0);
    if (!this.#accessors.has(name))
      this.#accessors.set(
        name,
        write(name, type, names.length, (part, at) => this.#slot(names[part] ?? '', at)),
      );
    return name;
  }

  /** An element of a bound tensor of f32 or f16, to read. */
  read(name: string, at: string): string {
    const tensor = this.#tensorOf(name);
    if (tensor && this.flat.types.get(tensor.base) === 'f16')
      return `unpack2x16float(${this.#word(name, `(${at}) / 2u`)})[(${at}) % 2u]`;
    return this.#isOfWords(tensor?.buffer ?? 0) ? `bitcast<f32>(${this.#word(name, at)})` : this.#word(name, at);
  }

  /** A buffer in which tensors of several types lie: inputs, where some are not f32; and that of pairs in half precision. */
  #isOfWords(buffer: number): boolean {
    const kind = kindOf(this.#arenas[buffer] ?? '');
    const packed = [...this.flat.types.values()].some((type) => type !== 'f16');
    return kind === 'halves' || (kind === 'inputs' && packed);
  }

  /** One element of a value in memory, a constant or a scalar, at a linear place. */
  load(use: Use, at: string): string {
    const constant = this.flat.constants.get(use.base);
    if (constant !== undefined) return literal(constant);
    if (!inMemory(this.flat, use.base)) {
      const scalars = this.bind(SCALARS, SCALARS, 'read');
      return this.let('s', this.read(scalars, `${this.#scalar(use.base)}u`));
    }
    const place = sizeOf(use.shape) === 1 ? '0u' : at;
    const inputs = this.tensors.filter((t) => t.name.startsWith('in')).length;
    const name = this.bind(use.base, `in${inputs}`, 'read');
    return this.let('x', this.#element(use.base, name, place));
  }

  #element(base: string, name: string, at: string): string {
    const type = this.flat.types.get(base);
    if (type === 'u8') return `f32((${this.#word(name, `(${at}) / 4u`)} >> (8u * ((${at}) % 4u))) & 255u)`;
    return type === 'i32' ? `f32(bitcast<i32>(${this.#word(name, at)}))` : this.read(name, at);
  }

  /** Where the number lies among those of this kernel. */
  #scalar(id: string): number {
    const at = this.scalars.indexOf(id);
    return at >= 0 ? at : this.scalars.push(id) - 1;
  }

  written(): WrittenModule {
    const { buffers, tensors, scalars } = this;
    return { text: this.#text(), buffers, tensors, scalars, constants: this.constants() };
  }

  #declaredPlaces(): string[] {
    const names = this.tensors.map((t) => t.name);
    const head = '// where in their buffers the tensors begin';
    switch (this.#around.places) {
      case 'overrides':
        return [head, ...names.map((name) => `override ${name}: u32;`)];
      case 'uniform':
        return [
          head,
          `struct Places { ${names.map((name) => `${name}: u32`).join(', ')} }`,
          '@group(1) @binding(0) var<uniform> places: Places;',
        ];
      // Each part declares its own, and the kernel its table.
      case 'table':
        return [];
    }
  }

  #text(): string {
    const body = this.lines.join('\n');
    const overrides = Object.keys(this.constants()).map((name) => `override ${name}: u32;`);
    const enabled = [...this.#extensions].map((name) => `enable ${name};`);
    const head = [...enabled, ...overrides, ...this.#declaredPlaces()];
    const buffers = [...this.buffers.entries()].sort(([, a], [, b]) => a.binding - b.binding);
    for (const [i, { name, binding, access }] of buffers) {
      const mode = access === 'read' ? 'read' : 'read_write';
      const type = this.#isOfWords(i) ? 'u32' : 'f32';
      head.push(`@group(0) @binding(${binding}) var<storage, ${mode}> ${name}: array<${type}>;`);
    }
    const functions = [...this.#functions].map((name) => wgslFunctions[name]);
    const all = [...functions, body].join('\n');
    if (all.includes('bitcast<f32>(infinite)')) head.push('var<private> infinite: u32 = 0x7f800000u;');
    if (all.includes('bitcast<f32>(not_a_number)')) head.push('var<private> not_a_number: u32 = 0x7fc00000u;');
    this.#tables.forEach((text, i) => {
      head.push(`const table${i} = ${text};`);
    });
    return `${[...head, ...functions, ...this.#accessors.values(), body].join('\n')}\n`;
  }
}

/** The value whose memory this value takes: a state, where its new value takes its place. */
export const baseOf = ({ regions }: Surroundings, id: string): string => regions.get(id)?.name ?? id;

/** `inputs` of `inputs of train.1`. */
export function kindOf(arena: string): string {
  return arena.split(/[ .]/)[0] ?? arena;
}
