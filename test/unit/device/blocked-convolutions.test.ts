/** Convolutions in the processor's own layout give what the plain ones give, where it has one. */
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { lowerFunction } from '../../../compiler/7-kernels/onnx/lower.ts';
import { encodeModel, type OnnxNode } from '../../../compiler/7-kernels/onnx/model.ts';
import { channelBlock, withBlockedConvolutions } from '../../../runtime/device/cpu/blocked-convolutions.ts';
import { type ProgramFunction, sizeOf } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { relativeError } from '../../support/networks.ts';

const DOMAIN = 'com.microsoft.nchwc';
const pictureOf = (channels: number): readonly number[] => [2, channels, 6, 5];

/** Two convolutions of one picture, the second also by the first one's kernel turned round, as a program has them. */
function graphOf(channels: number, places: readonly [number, number], from = 32): Uint8Array {
  const attributes = { kernel_shape: [...places], strides: [2, 1], pads: [1, 1, 1, 1] };
  const node = (op: string, inputs: string[], output: string, more: OnnxNode['attributes'] = {}): OnnxNode => ({
    ...{ op, inputs, outputs: [output], attributes: more },
  });
  const kernel = [channels, from, ...places];
  const port = (name: string, shape: readonly number[]) => ({ name, type: 'float', shape }) as const;
  const result = [2, channels, Math.floor((8 - places[0]) / 2) + 1, 8 - places[1]];
  return encodeModel({
    name: 'convolutions',
    inputs: [port('x', pictureOf(from)), port('w', [...places, from, channels]), port('c', [channels])],
    outputs: [port('y', result), port('z', result)],
    initializers: [],
    nodes: [
      node('Transpose', ['w'], 'k', { perm: [3, 2, 0, 1] }),
      node('Conv', ['x', 'k', 'c'], 'y', attributes),
      node('Relu', ['x'], 'r'),
      node('Conv', ['r', 'k'], 'z', attributes),
    ],
    values: [port('k', kernel)],
  });
}

function numbers(shape: readonly number[], scale = 1): ort.Tensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(1 + i * i));
  return new ort.Tensor('float32', data, [...shape]);
}

const CHAIN_RESULTS = ['mean', 'sum', 'last', 'z', 'taken'];

/** Two convolutions with what programs have between them. @param isKnown whether all of it has a size that can be known */
function chainOf(isKnown: boolean): Uint8Array {
  const node = (op: string, inputs: string[], output: string, attributes: OnnxNode['attributes'] = {}): OnnxNode => ({
    ...{ op, inputs, outputs: [output], attributes },
  });
  const port = (name: string, shape: readonly number[]) => ({ name, type: 'float', shape }) as const;
  const integers = (name: string, values: readonly number[]) =>
    ({ name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) }) as const;
  const floats = (name: string, shape: readonly number[], values: readonly number[]) =>
    ({ name, type: 'float', shape, data: Float32Array.from(values) }) as const;
  const [same, halves] = [
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    { kernel_shape: [2, 1], strides: [2, 1] },
  ];
  const nearest = { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' };
  return encodeModel({
    name: 'chain',
    inputs: [port('x', pictureOf(16)), port('w', [32, 16, 3, 3]), port('v', [32, 32, 3, 3]), port('c', [32])],
    outputs: [
      port('mean', [2, 1, 1, 1]),
      port('sum', [32]),
      port('last', [2, 6, 5, 32]),
      port('z', [2, 32, 6, 5]),
      port('taken', [2, 32, 6, 5]),
    ],
    initializers: [
      integers('of a channel', [32, 1, 1]),
      integers('inside', [1, 2, 3]),
      integers('pages and places', [0, 2, 3]),
      floats(
        'ranks',
        [6, 5],
        Array.from({ length: 30 }, (_, i) => i),
      ),
      floats('none', [0], []),
      floats('times', [4], [1, 1, 2, 1]),
    ],
    nodes: [
      // Of what is unknown here nothing follows for what comes of it.
      node(isKnown ? 'Abs' : 'Softplus', ['x'], 'positive'),
      node('Conv', ['positive', 'w', 'c'], 'y', same),
      node('Reshape', ['c', 'of a channel'], 'scale'),
      node('Mul', ['y', 'scale'], 'scaled'),
      node('ReduceMean', ['scaled', 'inside'], 'mean', { keepdims: 1 }),
      node('Sub', ['scaled', 'mean'], 'less'),
      node('Tanh', ['less'], 'bent'),
      node('MaxPool', ['bent'], 'pooled', halves),
      node('Resize', ['pooled', 'none', 'times'], 'wide', nearest),
      node('Equal', ['bent', 'wide'], 'largest'),
      node('Cast', ['largest'], 'ones', { to: 1 }),
      node('Mul', ['ones', 'ranks'], 'taken'),
      node('ReduceSum', ['taken', 'pages and places'], 'sum', { keepdims: 0 }),
      node('Transpose', ['bent'], 'last', { perm: [0, 2, 3, 1] }),
      node('Conv', ['bent', 'v'], 'z', same),
    ],
    values: [port('w', [32, 16, 3, 3]), port('v', [32, 32, 3, 3])],
  });
}

/** @param stride of windows over a picture of so many channels; [rows, columns] of them */
const gradientOf = (channels: number, stride: readonly [number, number], [rows, columns]: readonly [number, number]) =>
  parseProgram(`program gradient

function f batch 16
  input x : f32[16, 6, 5, ${channels}] = x
  input w : f32[3, 3, ${channels}, 32] = w
  block start from 0
    %y = conv2d(x, w, padding=[1, 0], stride=[${stride}]) : [16, ${rows}, ${columns}, 32] @0
    %g = conv2d_weight_gradient(x, %y, kernel=[3, 3], padding=[1, 0], stride=[${stride}]) : [3, 3, ${channels}, 32] @1
  result g = %g
`);

const count = (graph: Uint8Array, op: string): number => Buffer.from(graph).toString('latin1').split(op).length - 1;

async function run(
  graph: Uint8Array,
  feeds: Record<string, ort.Tensor>,
  names: readonly string[] = ['y', 'z'],
): Promise<number[]> {
  const session = await ort.InferenceSession.create(graph, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const made = await session.run(feeds);
  await session.release();
  return names.flatMap((name) => [...((made[name]?.data ?? []) as Float32Array)]);
}

describe('convolutions of whole blocks of channels', () => {
  test.each([32, 5])('are laid out in blocks, with the same results, from %i channels on', async (from) => {
    const places = [3, 2] as const;
    const graph = graphOf(48, places, from);
    const blocked = await withBlockedConvolutions(graph);
    // On a processor without such kernels the graph stays as it is.
    expect(Buffer.from(blocked).includes(DOMAIN)).toBe((await channelBlock()) !== undefined);
    const feeds = { x: numbers(pictureOf(from)), w: numbers([...places, from, 48]), c: numbers([48]) };
    const [expected, made] = [await run(graph, feeds), await run(blocked, feeds)];
    expect(made).toHaveLength(expected.length);
    expect(Math.max(...made.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(1e-4);
  });

  test.each([
    ['keep blocks through all that lies between them', true],
    ['are laid back at once where sizes are unknown', false],
  ])('%s, with the same results', async (_, isKnown) => {
    const graph = chainOf(isKnown);
    const blocked = await withBlockedConvolutions(graph);
    const feeds = {
      x: numbers(pictureOf(16)),
      w: numbers([32, 16, 3, 3], 0.05),
      v: numbers([32, 32, 3, 3]),
      c: numbers([32]),
    };
    const [expected, made] = [await run(graph, feeds, CHAIN_RESULTS), await run(blocked, feeds, CHAIN_RESULTS)];
    expect(made).toHaveLength(expected.length);
    const worst = Math.max(...made.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))));
    expect(worst).toBeLessThan(1e-4);
    if ((await channelBlock()) === undefined) return;
    // Where all sizes are known, a picture is laid back only for who asks for it.
    expect(count(blocked, 'ReorderOutput')).toBe(isKnown ? 3 : 2);
  });

  test.each([
    ['blocks of channels', 16, [1, 1], [6, 3], 9],
    ['fewer channels than a block', 3, [1, 1], [6, 3], 1],
    ['windows with gaps, which leave a place out', 16, [2, 2], [3, 2], 9],
  ] as const)(
    'the gradient of a kernel is a convolution over blocks of pages, with the same result, of %s',
    async (_, channels, stride, size, products) => {
      const program = gradientOf(channels, stride, size);
      const { graph } = lowerFunction(program, program.functions[0] as ProgramFunction, true);
      const plain = encodeModel(graph);
      const blocked = await withBlockedConvolutions(plain);
      const feeds = { 'in:x': numbers([16, 6, 5, channels]), 'in:w': numbers([3, 3, channels, 32], 0.1) };
      const names = graph.outputs.map(({ name }) => name);
      const [expected, made] = [await run(plain, feeds, names), await run(blocked, feeds, names)];
      expect(relativeError(made, expected)).toBeLessThan(1e-5);
      const counted = [count(plain, 'Gemm'), count(blocked, 'Gemm')];
      if ((await channelBlock()) !== undefined) expect(counted).toEqual([products, 0]);
    },
  );

  test.each([
    ['channels that fill no block', 20, [3, 3]],
    ['a kernel of one place', 32, [1, 1]],
  ] as const)('leave a graph as it is with %s', async (_, channels, places) => {
    const graph = graphOf(channels, places);
    expect(await withBlockedConvolutions(graph)).toBe(graph);
  });
});
