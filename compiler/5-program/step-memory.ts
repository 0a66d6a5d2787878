/**
 * Memory of a shard whose weights are large: element-wise steps change them in place, and of their gradients one tile is
 * there at a time. This is how the CPU device runs them (`LARGE_GRADIENT_BYTES`).
 */
import { LARGE_GRADIENT_BYTES, tileElements } from '../../spec/cpu-manifest.ts';
import { type Op, type Program, type ProgramFunction, type ScalarExpr, sizeOf } from '../../spec/program.ts';
import { slotMemory } from './passes/slots.ts';
import { elementwiseTails, type TailChain } from './tail.ts';

const BYTES = 4;
const LARGE = LARGE_GRADIENT_BYTES / BYTES;

/** Bytes of the states and of the largest function's buffers, in f32. */
export function countInPlace(program: Program): number {
  const states = program.states.reduce((sum, s) => sum + sizeOf(s.shape), 0);
  const buffers = Math.max(0, ...program.functions.map((f) => buffersOf(program, f)));
  return (states + buffers) * BYTES;
}

function buffersOf(program: Program, f: ProgramFunction): number {
  const { elements } = slotMemory(f);
  const [block] = f.blocks;
  if (!block || f.blocks.length !== 1 || block.repeat !== 1 || elements < LARGE) return elements;
  const sizes = new Map(
    [...program.states, ...f.inputs, ...block.ops].map(({ id, shape }) => [id, sizeOf(shape)] as const),
  );
  const chains = elementwiseTails(block.ops, f, {
    elements: (id) => sizes.get(id) ?? 0,
    scalars: new Map(block.scalars.map(({ id, expr }): [string, ScalarExpr] => [id, expr])),
    constants: new Map(block.ops.flatMap((op) => (op.op === 'constant' ? [[op.id, Number(op.attributes.value)]] : []))),
  }).filter((chain) => chain.size >= LARGE);
  const late = lateGradients(block.ops, f, chains);
  const gone = new Set([...chains.flatMap((c) => c.ops.map((op) => op.id)), ...late.map((op) => op.id)]);
  const rest = { ...block, ops: block.ops.filter((op) => !gone.has(op.id)) };
  const largest = Math.max(0, ...late.map(({ shape }) => tileElements(shape)));
  return slotMemory({ ...f, blocks: [rest] }).elements + largest;
}

/** Products of fields and of what is made of them, each for one chain and for nothing else. */
function lateGradients(ops: readonly Op[], f: ProgramFunction, chains: readonly TailChain[]): Op[] {
  const byId = new Map(ops.map((op) => [op.id, op]));
  const given = new Set([...f.inputs.map((i) => i.id), ...byId.keys()]);
  const results = new Set([...f.results.map((r) => r.value), ...f.updates.map((u) => u.value)]);
  const inChains = new Set(chains.flatMap((c) => c.ops.map((op) => op.id)));
  const readElsewhere = new Set(ops.filter((op) => !inChains.has(op.id)).flatMap((op) => op.args));
  const isLate = (op: Op): boolean =>
    op.op === 'matmul' &&
    op.shape.length === 2 &&
    !results.has(op.id) &&
    !readElsewhere.has(op.id) &&
    op.args.every((arg) => given.has(arg) && byId.get(arg)?.op !== 'transpose');
  return chains.flatMap(({ tensors }) => {
    const own = tensors.flatMap((id) => byId.get(id) ?? []);
    const [gradient] = own;
    return gradient && own.length === 1 && isLate(gradient) ? [gradient] : [];
  });
}
