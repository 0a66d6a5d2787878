/** Errors kept under the rate of the value step, and carried from tick to tick: the same numbers, fewer nodes. */
import { expect, test } from 'vitest';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { unroll } from '../../../compiler/5-program/passes/peel.ts';
import { carryErrors } from '../../../compiler/7-kernels/onnx/carried-errors.ts';
import { fuseProducts } from '../../../compiler/7-kernels/onnx/gemm.ts';
import { scaleErrors } from '../../../compiler/7-kernels/onnx/scaled-errors.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import type { Op, Program, ProgramFunction } from '../../../spec/program.ts';
import {
  call,
  chain,
  initialise,
  randomInputs,
  readParameters,
  relativeError,
  tanh,
  trainTask,
} from '../../support/networks.ts';

const STEPS = 6;

function training(rule: 'il' | 'ipc'): { program: Program; f: ProgramFunction } {
  const method = call(`learn.${rule}`, { steps: STEPS, rate: 0.1, momentum: 0 });
  const graph = chain([9, 8, 7, 6, 3], { act: tanh, bias: false });
  const task = trainTask(graph, { method, batch: 5, clamped: ['l0', 'l4'] });
  const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
  const found = program.functions.find((one) => one.name === 'train');
  if (!found) throw new Error('no function');
  const straight = unroll(found);
  const [block] = straight.blocks;
  const ops = straight.blocks.flatMap((b) => b.ops);
  const scalars = straight.blocks.flatMap((b) => b.scalars);
  if (!block) throw new Error('no block');
  return { program, f: { ...straight, blocks: [{ ...block, repeat: 1, carries: [], scalars, ops }] } };
}

const opsOf = (f: ProgramFunction): readonly Op[] => f.blocks[0]?.ops ?? [];
const keptOf = (f: ProgramFunction): Set<string> =>
  new Set([...f.updates.map((u) => u.value), ...f.results.map((r) => r.value)]);
const constantsOf = (ops: readonly Op[]): Map<string, number> =>
  new Map(ops.filter((op) => op.op === 'constant').map((op) => [op.id, op.attributes.value as number]));

type Rewriting = (ops: readonly Op[], f: ProgramFunction) => readonly Op[];

const scaling: Rewriting = (ops, f) => scaleErrors(ops, keptOf(f), constantsOf(ops));
const both: Rewriting = (given, f) => {
  const { ops, rates } = carryErrors(given, keptOf(f), constantsOf(given));
  return scaleErrors(ops, keptOf(f), constantsOf(ops), rates);
};

const rewritten = (f: ProgramFunction, by: Rewriting): ProgramFunction => ({
  ...f,
  blocks: f.blocks.map((b) => ({ ...b, ops: by(b.ops, f) })),
});

/** Operations on tensors that are left once products have taken what they can. */
function left(program: Program, f: ProgramFunction): readonly Op[] {
  const ops = opsOf(f);
  const constants = constantsOf(ops);
  const shapes = new Map([...program.states, ...f.inputs, ...ops].map((v) => [v.id, v.shape]));
  const uniform = (id: string): number | undefined => constants.get(id);
  const { gemms, absorbed } = fuseProducts(ops, keptOf(f), uniform, (id) => shapes.get(id) ?? []);
  return ops.filter((op) => op.shape.length === 2 && !gemms.has(op.id) && !absorbed.has(op.id));
}

/** Nodes that multiply a tensor by a number. */
function multiplications(program: Program, f: ProgramFunction): number {
  const constants = constantsOf(opsOf(f));
  return left(program, f).filter((op) => op.op === 'mul' && op.args.some((id) => constants.get(id))).length;
}

function elementwise(program: Program, f: ProgramFunction): number {
  return left(program, f).filter((op) => op.op !== 'matmul').length;
}

test.each([
  ['il', 'scaled', scaling],
  ['il', 'scaled and carried', both],
  ['ipc', 'scaled', scaling],
  ['ipc', 'scaled and carried', both],
] as const)('%s with %s has the same energies and weights', async (rule, _, by) => {
  const { program, f } = training(rule);
  const after = rewritten(f, by);
  const found = [];
  for (const one of [f, after]) {
    const own = { ...program, functions: [one] };
    const session = await referenceDevice.open({ program: own, files: new Map() });
    await initialise(session, own, 3);
    const results = [];
    for (let batch = 0; batch < 3; batch++)
      results.push(await session.run('train', randomInputs(one, batch), { batch, batches: 3 }));
    found.push({ results, weights: await readParameters(session, own) });
    await session.close();
  }
  const [plain, other] = found;
  if (!plain || !other) throw new Error('two runs');
  for (const [name, weight] of plain.weights)
    expect(relativeError(other.weights.get(name) ?? [], weight)).toBeLessThan(1e-12);
  plain.results.forEach((results, batch) => {
    for (const [name, value] of Object.entries(results))
      expect(relativeError(other.results[batch]?.[name] ?? [], value), name).toBeLessThan(1e-12);
  });
});

test('a value step costs one node less for each error that comes from a product', () => {
  const { program, f } = training('il');
  const before = multiplications(program, f);
  // Of l2 and l3 in the ticks behind the peeled ones; the prediction of l1 never changes, so its error is not a product.
  expect(before - multiplications(program, rewritten(f, scaling))).toBeGreaterThanOrEqual(2 * (STEPS - 3));
});

test('an error against a prediction that never changes costs one node less in each tick', () => {
  const { program, f } = training('il');
  const [one, two] = [rewritten(f, scaling), rewritten(f, both)];
  expect(elementwise(program, one) - elementwise(program, two)).toBeGreaterThanOrEqual(STEPS - 3);
});

test('an error of exactly zero stays so, tick after tick', async () => {
  const { program, f } = training('il');
  const after = rewritten(f, both);
  const own = { ...program, functions: [after] };
  const session = await referenceDevice.open({ program: own, files: new Map() });
  await initialise(session, own, 3);
  // Without weights nothing comes back to l1, and its error is that of its own prediction.
  const weight = program.states.find((s) => s.id === 'l1->l2.w');
  if (!weight) throw new Error('no weight');
  await session.write(weight.id, new Float64Array(weight.shape.reduce((a, b) => a * b, 1)));
  const before = Array.from(await session.read('l0->l1.w'));
  await session.run('train', randomInputs(after, 0), { batch: 0, batches: 1 });
  expect(Array.from(await session.read('l0->l1.w'))).toEqual(before);
  await session.close();
});

test('errors that are read elsewhere stay as they are', () => {
  const { f } = training('il');
  const ops = opsOf(f);
  const everything = new Set(ops.map((op) => op.id));
  expect(scaleErrors(ops, everything, constantsOf(ops))).toEqual(ops);
  expect(carryErrors(ops, everything, constantsOf(ops)).ops).toEqual(ops);
});
