/** Draws by counters as ONNX nodes: the rounds of Philox-2x32-10 on whole numbers of 64 bits, none of which overflows. */
import { CAST } from './casts.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';

const MULTIPLIER = 0xd256d193;
const BUMP = 0x9e3779b9;
const WORD = 2 ** 32;
const HALF = 2 ** 16;

const rows: Lowering = (op, e) => {
  e.node('Identity', [e.range(op.shape[0] as number)], {}, op.id);
};

const noise: Lowering = (op, e) => {
  const [x0, x1] = wordsOf(op.args, e);
  const size = e.node('Log', [e.node('Mul', [e.node('Add', [upperBits(e, x0), e.number(1)]), e.number(2 ** -24)])]);
  const angle = e.node('Mul', [upperBits(e, x1), e.number((2 * Math.PI) / 2 ** 24)]);
  const length = e.node('Sqrt', [e.node('Mul', [size, e.number(-2)])]);
  e.node('Mul', [length, e.node('Cos', [angle])], {}, op.id);
};

const chance: Lowering = (op, e) => {
  const [x0] = wordsOf(op.args, e);
  e.node('Mul', [upperBits(e, x0), e.number(2 ** -24)], {}, op.id);
};

/** Both words that are drawn for an element, a row and a key. */
function wordsOf(args: readonly string[], e: OnnxEmitter): [string, string] {
  const [element, row, key] = args.map((arg) => e.node('Cast', [arg], { to: CAST.int64 })) as [string, string, string];
  const index = (value: number): string => e.index(value);
  let [x0, x1, k] = [element, row, key];
  for (let round = 0; round < 10; round++) {
    // With a = a1 2^16 + a0: x a0 and x a1 are below 2^48.
    const upper = e.node('Mul', [x0, index(Math.floor(MULTIPLIER / HALF))]);
    const lower = e.node('Mul', [x0, index(MULTIPLIER % HALF)]);
    const high = e.node('Div', [e.node('Add', [upper, e.node('Div', [lower, index(HALF)])]), index(HALF)]);
    const shifted = e.node('Mul', [e.node('Mod', [upper, index(HALF)]), index(HALF)]);
    const low = e.node('Mod', [e.node('Add', [shifted, lower]), index(WORD)]);
    x0 = e.node('BitwiseXor', [e.node('BitwiseXor', [high, k]), x1]);
    x1 = low;
    k = e.node('Mod', [e.node('Add', [k, index(BUMP)]), index(WORD)]);
  }
  return [x0, x1];
}

/** The upper 24 of 32 bits, as a number of f32. */
function upperBits(e: OnnxEmitter, word: string): string {
  return e.node('Cast', [e.node('Div', [word, e.index(256)])], { to: CAST.float });
}

export const chanceLowerings = { rows, noise, chance } satisfies Record<string, Lowering>;
