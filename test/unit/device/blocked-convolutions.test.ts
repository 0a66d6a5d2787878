/** Convolutions in the processor's own layout give what the plain ones give, where it has one. */
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel, type OnnxNode } from '../../../compiler/7-kernels/onnx/model.ts';
import { channelBlock, withBlockedConvolutions } from '../../../runtime/device/cpu/blocked-convolutions.ts';
import { sizeOf } from '../../../spec/program.ts';

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

function numbers(shape: readonly number[]): ort.Tensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + i * i));
  return new ort.Tensor('float32', data, [...shape]);
}

async function run(graph: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<number[]> {
  const session = await ort.InferenceSession.create(graph, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const made = await session.run(feeds);
  await session.release();
  return ['y', 'z'].flatMap((name) => [...((made[name]?.data ?? []) as Float32Array)]);
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
    ['channels that fill no block', 20, [3, 3]],
    ['a kernel of one place', 32, [1, 1]],
  ] as const)('leave a graph as it is with %s', async (_, channels, places) => {
    const graph = graphOf(channels, places);
    expect(await withBlockedConvolutions(graph)).toBe(graph);
  });
});
