/**
 * Weights that products read in half precision: two in a word, unpacked where they are read, summed in f32. A function
 * makes its copies before everything else, from the weights in f32 that its steps change: code that writes a state need
 * not update copies.
 */
import { weightOrigin } from '../../../spec/names.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import type { Flat, FlatOp } from './flat.ts';
import { loweringOf } from './operators.ts';
import type { ModuleWriter } from './writer.ts';

/** A copy moves 6 bytes of each weight, and every product that reads it 2 fewer. */
const WORTH_READS = 4;

/** The flat code with copies of all weights for which that is worth it. */
export function withHalves(flat: Flat, program: Program): Flat {
  const reads = readsOf(flat);
  const weights = program.states.filter((s) => s.role === 'parameter' && (reads.get(s.id) ?? 0) >= WORTH_READS);
  const halves = new Map(weights.map((s) => [s.id, `${s.id}:f16`]));
  const packs = weights.map(
    (s): FlatOp => ({
      id: halves.get(s.id) ?? s.id,
      op: 'pack',
      uses: [{ base: s.id, shape: s.shape }],
      attributes: {},
      shape: [Math.ceil(sizeOf(s.shape) / 2)],
      origin: weightOrigin(`${s.id} in f16`),
    }),
  );
  const ops = flat.ops.map((op) =>
    isProduct(op) ? { ...op, uses: op.uses.map((u) => ({ ...u, base: halves.get(u.base) ?? u.base })) } : op,
  );
  return {
    ...flat,
    ops: [...packs, ...ops],
    types: new Map([...flat.types, ...packs.map((op) => [op.id, 'f16'] as const)]),
  };
}

const isProduct = (op: FlatOp): boolean => loweringOf(op.op).kind === 'product';

/** How many products read each value. */
function readsOf(flat: Flat): Map<string, number> {
  const reads = new Map<string, number>();
  for (const op of flat.ops.filter(isProduct))
    for (const base of new Set(op.uses.map((u) => u.base))) reads.set(base, (reads.get(base) ?? 0) + 1);
  return reads;
}

/** Writes how the word `at` is put together of two neighbours; behind the last of an odd number lies nothing. */
export function writePack(w: ModuleWriter, op: FlatOp): void {
  const [use] = op.uses;
  if (!use) throw new Error('a copy needs an argument');
  w.need('half_bits');
  const from = w.bind(use.base, 'in0', 'read');
  const to = w.bind(op.id, 'out0', 'write');
  w.line(`var word = half_bits(${w.read(from, '2u * at')});`);
  w.block(`if (2u * at + 1u < ${w.named('count', sizeOf(use.shape))})`, () => {
    w.line(`word |= half_bits(${w.read(from, '2u * at + 1u')}) << 16u;`);
  });
  w.store(to, 'at', 'word');
}
