/**
 * Convolutions in the layout that ONNX Runtime's fastest kernels read: channels in blocks, a block's channels of one place
 * side by side. Pictures stay in it from one convolution to the next (`blocked-pictures.ts`). The library chooses it by
 * itself only for weights that never change. How many channels make a block is the processor's, so graphs are written
 * without it, and rewritten where they are loaded. A convolution of 3 x 3 places then takes 0.55 to 0.8 times as long, with
 * its picture and its kernel laid out and its result laid back (measured, 16 to 128 channels). A picture of fewer channels
 * than a block is read as it is: 0.7 to 0.85 times as long (3 to 8).
 */
import onnxProto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { sizeOf } from '../../../spec/program.ts';
import { BLOCKED_DOMAIN, inBlocks } from './blocked-pictures.ts';
import type { Model } from './proto-graph.ts';

const { onnx } = onnxProto;

export { BLOCKED_DOMAIN };

/** Channels of a block on processors that have such kernels. */
const BLOCKS = [16, 8];
/** A kernel of fewer places does too little between laying out and laying back. */
const MIN_PLACES = 4;
/** A larger graph is left as it is: rewriting it would take longer than it saves in short trainings. */
const MAX_GRAPH_BYTES = 4 * 1024 * 1024;

/** @returns the same graph where nothing in it can be done faster */
export async function withBlockedConvolutions(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length > MAX_GRAPH_BYTES) return bytes;
  const model = onnx.ModelProto.decode(bytes);
  const told = kernelsOf(model.graph);
  if (told.size === 0) return bytes;
  const block = await channelBlock();
  if (block === undefined) return bytes;
  const kernels = new Map([...told].filter(([, shape]) => fits(shape, block)));
  return kernels.size > 0 ? rewritten(model, kernels, block) : bytes;
}

/** Shapes of kernels, [out, in, height, width], as far as the graph tells them. */
function kernelsOf(graph: Model['graph']): Map<string, readonly number[]> {
  const told = new Map(
    (graph?.valueInfo ?? []).map((value) => [
      value.name ?? '',
      (value.type?.tensorType?.shape?.dim ?? []).map((dim) => Number(dim.dimValue ?? 0)),
    ]),
  );
  const kernels = new Map<string, readonly number[]>();
  for (const node of graph?.node ?? []) {
    const shape = node.opType === 'Conv' ? told.get(node.input?.[1] ?? '') : undefined;
    if (shape?.length === 4) kernels.set(node.input?.[1] ?? '', shape);
  }
  return kernels;
}

function rewritten(model: Model, kernels: ReadonlyMap<string, readonly number[]>, block: number): Uint8Array {
  const { graph } = model;
  if (!graph) return onnx.ModelProto.encode(model).finish();
  return onnx.ModelProto.encode({
    ...model,
    opsetImport: [...(model.opsetImport ?? []), { domain: BLOCKED_DOMAIN, version: 1 }],
    graph: inBlocks(graph, kernels, block),
  }).finish();
}

/** Pictures of fewer channels than a block are read as they are. */
function fits([to = 0, from = 0, ...places]: readonly number[], block: number): boolean {
  return to % block === 0 && (from < block || from % block === 0) && sizeOf(places) >= MIN_PLACES;
}

let found: Promise<number | undefined> | undefined;

/** Channels of a block here; nothing where there are no such kernels, or they give other results than the plain ones. */
export function channelBlock(): Promise<number | undefined> {
  found ??= findBlock();
  return found;
}

async function findBlock(): Promise<number | undefined> {
  for (const block of BLOCKS) if ((await agrees(block, 2 * block)) && (await agrees(block, NARROW))) return block;
  return undefined;
}

/** Fewer channels than any block has. */
const NARROW = 3;

/** Whether a convolution from so many channels to two blocks of them gives what a plain one gives. */
async function agrees(block: number, from: number): Promise<boolean> {
  const channels = 2 * block;
  const [picture, kernel] = [
    [1, from, 3, 4],
    [channels, from, 3, 3],
  ] as const;
  const plain = onnx.ModelProto.fromObject({
    irVersion: 9,
    opsetImport: [{ domain: '', version: 20 }],
    graph: {
      name: 'agrees',
      node: [{ opType: 'Conv', input: ['x', 'w'], output: ['y'] }],
      input: [floats('x', picture), floats('w', kernel)],
      output: [floats('y', [1, channels, 1, 2])],
    },
  });
  const feeds = { x: counted(picture), w: counted(kernel) };
  const run = async (graph: Uint8Array): Promise<Float32Array> => {
    const session = await ort.InferenceSession.create(graph, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    try {
      return (await session.run(feeds)).y?.data as Float32Array;
    } finally {
      await session.release();
    }
  };
  try {
    const expected = await run(onnx.ModelProto.encode(plain).finish());
    const made = await run(rewritten(plain, new Map([['w', kernel]]), block));
    return expected.every((value, i) => Math.abs(value - (made[i] ?? Number.NaN)) < TOLERANCE);
  } catch {
    return false;
  }
}

/** Of sums of some hundred products of numbers below a half: far below what another order of channels would change. */
const TOLERANCE = 1e-3;

function floats(name: string, shape: readonly number[]): object {
  const dim = shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT, shape: { dim } } } };
}

/** Numbers that do not repeat. */
function counted(shape: readonly number[]): ort.Tensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5);
  return new ort.Tensor('float32', data, [...shape]);
}
