/** Factors of pages and channels put together before a picture is gone over: the same numbers, fewer passes. */
import { expect, test } from 'vitest';
import { shareFactors } from '../../../compiler/7-kernels/onnx/shared-factors.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { relativeError } from '../../support/networks.ts';

const PICTURE = '[4, 4, 3, 8]';

/** A picture without its mean by its deviation, with a scale for each channel, and the gradients of both. */
const NORMALISED = parseProgram(`program normalised

function f batch 4
  input x : f32${PICTURE} = x
  input g : f32${PICTURE} = g
  input s : f32[8] = s
  block start from 0
    %m = mean(x, axes=[1,2,3], keep=true) : [4, 1, 1, 1] @0
    %c = sub(x, %m) : ${PICTURE} @1
    %q = mul(%c, %c) : ${PICTURE} @2
    %v = mean(%q, axes=[1,2,3], keep=true) : [4, 1, 1, 1] @3
    %d = sqrt(%v) : [4, 1, 1, 1] @4
    %h = div(%c, %d) : ${PICTURE} @5
    %y = mul(%h, s) : ${PICTURE} @6
    %a = mul(g, %h) : ${PICTURE} @7
    %ds = sum(%a, axes=[0,1,2]) : [8] @8
    %gs = mul(g, s) : ${PICTURE} @9
    %b = div(%gs, %d) : ${PICTURE} @10
    %t = mul(%gs, %h) : ${PICTURE} @11
    %u = div(%t, %d) : ${PICTURE} @12
    %w = sum(%u, axes=[1,2,3]) : [4] @13
    %r = reshape(%w, shape=[4,1,1,1]) : [4, 1, 1, 1] @14
    %z = mul(%r, %c) : ${PICTURE} @15
    %k = constant(value=-0.01) : [] @16
    %zk = mul(%z, %k) : ${PICTURE} @17
    %dx = add(%b, %zk) : ${PICTURE} @18
    %whole = sum(%b, axes=[0,1,2,3]) : [] @19
    %fixed = mul(g, %k) : ${PICTURE} @20
  result y = %y
  result ds = %ds
  result dx = %dx
  result whole = %whole
  result fixed = %fixed
`);

function shared(program: Program): Program {
  const [f] = program.functions;
  if (!f) throw new Error('no function');
  const shapes = new Map(f.inputs.map(({ id, shape }) => [id, shape]));
  const kept = new Set(f.results.map(({ value }) => value));
  const blocks = f.blocks.map((block) => ({
    ...block,
    ops: shareFactors(block.ops, kept, new Map([['%k', -0.01]]), (id) => shapes.get(id) ?? []),
  }));
  return { ...program, functions: [{ ...f, blocks }] };
}

/** Products and quotients as large as the picture. */
const passes = ({ functions }: Program): number =>
  functions
    .flatMap((f) => f.blocks.flatMap((block) => block.ops))
    .filter(({ op, shape }) => (op === 'mul' || op === 'div') && sizeOf(shape) === 4 * 4 * 3 * 8).length;

test('a picture is gone over once for all of them, and sums take them behind it, with the same results', async () => {
  const numbers = (length: number, from: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => 1 + Math.sin(from + i * i));
  const inputs = { x: numbers(384, 1), g: numbers(384, 2), s: numbers(8, 3) };
  const after = shared(NORMALISED);
  const results = [];
  for (const program of [NORMALISED, after]) {
    const session = await referenceDevice.open({ program, files: new Map() });
    results.push(await session.run('f', inputs, { batch: 0, batches: 1 }));
    await session.close();
  }
  const [expected = {}, made = {}] = results;
  expect(Object.keys(made)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected))
    expect(relativeError(made[name] ?? [], value), name).toBeLessThan(1e-12);
  // Left are the square, both of x and g for all sums, y, both parts of dx, and g by a number, which is left alone.
  expect([passes(NORMALISED), passes(after)]).toEqual([11, 6]);
});

test('a program that divides no picture stays as it is', () => {
  const ops = NORMALISED.functions[0]?.blocks[0]?.ops.filter(({ op }) => op !== 'div') ?? [];
  expect(shareFactors(ops, new Set(), new Map(), () => [8])).toBe(ops);
});
