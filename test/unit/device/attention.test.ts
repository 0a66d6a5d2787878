/** Attention without masks and wide sums: the same numbers from fewer passes over what is as wide as the text. */
import { expect, test } from 'vitest';
import { withoutMasks } from '../../../compiler/7-kernels/onnx/masks.ts';
import { withNarrowSums } from '../../../compiler/7-kernels/onnx/row-sums.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import type { Op, Program } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { randomInputs, relativeError } from '../../support/networks.ts';

/** How the tokens of a head lie, and its two products. */
const ROWS = { shape: [3, 5, 2], heard: 'matmul(%p, v)', back: 'matmul(g, v, tb=true)' };
const COLUMNS = { shape: [3, 2, 5], heard: 'matmul(v, %p, tb=true)', back: 'matmul(g, v, ta=true)' };

/** Heads of width 2 over a text of 5, forward and backward. @param mask how a row's place has to stand to a column's */
function attention(mask: string, { shape, heard, back }: typeof ROWS = ROWS): Program {
  const lying = shape.join(', ');
  return parseProgram(`program attention

function f batch 3
  input s : f32[3, 5, 5] = s
  input v : f32[${lying}] = v
  input g : f32[${lying}] = g
  block start from 0
    %range = range(size=5) : [5] @0
    %column = reshape(%range, shape=[5,1]) : [5, 1] @1
    %mask = ${mask}(%column, %range) : [5, 5] @2
    %low = constant(value=-1000000000) : [] @0
    %zero = constant(value=0) : [] @0
    %scores = select(%mask, s, %low) : [3, 5, 5] @3
    %p = softmax(%scores) : [3, 5, 5] @4
    %o = ${heard} : [${lying}] @5
    %back = ${back} : [3, 5, 5] @1
    %each = mul(%back, %p) : [3, 5, 5] @5
    %sum = sum(%each, axes=[2], keep=true) : [3, 5, 1] @6
    %less = sub(%back, %sum) : [3, 5, 5] @7
    %change = mul(%p, %less) : [3, 5, 5] @8
    %masked = select(%mask, %change, %zero) : [3, 5, 5] @9
    %end = mul(%masked, %change) : [3, 5, 5] @10
  result o = %o
  result end = %end
`);
}

const opsOf = ({ functions }: Program): readonly Op[] => functions[0]?.blocks[0]?.ops ?? [];

function rewritten(program: Program, results = ['%o', '%end']): Program {
  const kept = new Set(results);
  const constants = new Map(
    opsOf(program).flatMap((op) => (op.op === 'constant' ? [[op.id, op.attributes.value as number] as const] : [])),
  );
  const ops = withoutMasks(withNarrowSums(opsOf(program), kept), kept, constants);
  return {
    ...program,
    functions: program.functions.map((f) => ({ ...f, blocks: f.blocks.map((b) => ({ ...b, ops })) })),
  };
}

async function run(program: Program): Promise<Readonly<Record<string, ArrayLike<number>>>> {
  const session = await referenceDevice.open({ program, files: new Map() });
  const [f] = program.functions;
  if (!f) throw new Error('no function');
  const results = await session.run('f', randomInputs(f, 1), { batch: 0, batches: 1 });
  await session.close();
  return results;
}

const masks = (program: Program): number => opsOf(program).filter((op) => op.op === 'select').length;

const differences = (program: Program): number =>
  opsOf(program).filter(({ op, shape }) => op === 'sub' && shape.length === 3).length;

test.each([
  ['rows', ROWS],
  ['columns', COLUMNS],
])('causal attention over %s has the same results without its masks, and without a difference', async (_, lying) => {
  const before = attention('greater_equal', lying);
  const after = rewritten(before);
  expect([masks(before), masks(after)]).toEqual([2, 0]);
  expect([differences(before), differences(after)]).toEqual([1, 0]);
  const [expected, found] = [await run(before), await run(after)];
  for (const [name, values] of Object.entries(expected))
    expect(relativeError(found[name] ?? [], values), name).toBeLessThan(1e-12);
});

test('the sums of a softmax’s gradient go over heads, not over the text', () => {
  const wide = ({ args }: Op, ops: readonly Op[]): number => ops.find((op) => op.id === args[0])?.shape.at(-1) ?? 0;
  const widths = [attention('greater_equal'), rewritten(attention('greater_equal'))].map((program) =>
    opsOf(program).flatMap((op) => (op.op === 'sum' ? [wide(op, opsOf(program))] : [])),
  );
  expect(widths).toEqual([[5], [2]]);
});

test.each([
  ['rows', ROWS],
  ['columns', COLUMNS],
])('a gradient over %s that something else reads has narrow sums besides', async (_, lying) => {
  const before = attention('greater_equal', lying);
  const [f] = before.functions;
  const shared: Program = {
    ...before,
    functions: f ? [{ ...f, results: [...f.results, { name: 'back', value: '%back' }] }] : [],
  };
  const after = rewritten(shared, ['%o', '%end', '%back']);
  expect(differences(after)).toBe(1);
  const [expected, found] = [await run(shared), await run(after)];
  for (const [name, values] of Object.entries(expected))
    expect(relativeError(found[name] ?? [], values), name).toBeLessThan(1e-12);
});

test('a mask that leaves nothing of a row stays: its softmax is not zero', async () => {
  const before = attention('greater');
  const after = rewritten(before);
  expect(masks(after)).toBe(2);
  const [expected, found] = [await run(before), await run(after)];
  expect(relativeError(found.end ?? [], expected.end ?? [])).toBeLessThan(1e-12);
});
