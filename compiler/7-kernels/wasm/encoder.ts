/** The little of WebAssembly's binary format that a loop over vectors needs. */

export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

export function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

export function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
}

export const TYPE = { i32: 0x7f, f32: 0x7d, v128: 0x7b, function: 0x60 } as const;

const SIMD = {
  load: 0x00,
  store: 0x0b,
  splat: 0x13,
  bitselect: 0x52,
  ne: 0x42,
  lt: 0x43,
  gt: 0x44,
  le: 0x45,
  ge: 0x46,
  eq: 0x41,
  and: 0x4e,
  abs: 0xe0,
  neg: 0xe1,
  sqrt: 0xe3,
  add: 0xe4,
  sub: 0xe5,
  mul: 0xe6,
  div: 0xe7,
  min: 0xe8,
  max: 0xe9,
} as const;

/** An instruction on four floats at once. */
export function simd(op: keyof typeof SIMD): number[] {
  return [0xfd, ...unsigned(SIMD[op])];
}

export const get = (local: number): number[] => [0x20, ...unsigned(local)];
export const set = (local: number): number[] => [0x21, ...unsigned(local)];

/** Four floats so many bytes behind the address in `local`. */
export const load = (local: number, offset: number): number[] => [
  ...get(local),
  ...simd('load'),
  4,
  ...unsigned(offset),
];
/** Stores what is on the stack above the address, so many bytes behind it. */
export const store = (offset: number): number[] => [...simd('store'), 4, ...unsigned(offset)];

export function floatConstant(value: number): number[] {
  return [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];
}

export const advance = (local: number, bytes: number): number[] => [
  ...get(local),
  0x41,
  ...signed(bytes),
  0x6a,
  ...set(local),
];

/** Signed LEB128 of a small non-negative number. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, value >> 7];
}

/** `do { body } while (local < end)`, addresses compared without sign. */
export function doWhileBelow(local: number, end: number, body: readonly number[]): number[] {
  return [0x03, 0x40, ...body, ...get(local), ...get(end), 0x49, 0x0d, 0, 0x0b];
}

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly number[];
  /** Types of further locals, behind the parameters. */
  readonly locals: readonly number[];
  readonly body: readonly number[];
}

/** A module of exported functions over one imported memory (`env.memory`). */
export function encodeModule(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map((f) => [TYPE.function, ...list(f.parameters.map((p) => [p])), 0]);
  const bodies = functions.map((f) => {
    const code = [...list(f.locals.map((type) => [1, type])), ...f.body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(types)),
    ...section(2, list([[...name('env'), ...name('memory'), 0x02, 0x00, 0x01]])),
    ...section(3, list(functions.map((_, i) => unsigned(i)))),
    ...section(7, list(functions.map((f, i) => [...name(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, list(bodies)),
  ]);
}
