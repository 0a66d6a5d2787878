/**
 * Operations that a batch of training cannot do without, and the time that ONNX Runtime takes for them alone: each once as
 * one node, with operands that are fed and a result that stays in the library, times as often as the batch needs it, by all
 * threads together or by two halves of them beside each other, whichever is faster. A convolution counts in the layout that
 * is fastest, its picture and its kernel laid out already. Its gradients by its data and by its weights are as many
 * operations as itself, and counted as itself; what goes element by element, pooling and normalisation among it, counts as
 * nothing, and of a softmax its gradient does.
 */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { straightCode } from '../../compiler/5-program/passes/straight.ts';
import { encodeModel, type OnnxAttribute } from '../../compiler/7-kernels/onnx/model.ts';
import { backward, between, type Convolution, forward } from '../../compiler/operators/convolution.ts';
import { BLOCKED_DOMAIN, channelBlock } from '../../runtime/device/cpu/blocked-convolutions.ts';
import { type Op, type Program, type Shape, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';

/** One ONNX node. */
export interface Work {
  readonly op: string;
  readonly inputs: readonly Shape[];
  readonly result: Shape;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface CountedWork extends Work {
  /** In one batch. */
  readonly times: number;
}

/** @throws on a program that trains nothing */
export function workOf(program: Program): readonly CountedWork[] {
  const train = program.functions.find((f) => f.role === 'train');
  if (!train) throw new Error('the program trains nothing');
  const states = new Map(program.states.map(({ id, shape }) => [id, shape]));
  const ops = straightCode(train, states).blocks.flatMap((block) => block.ops);
  const shapes = new Map<string, Shape>(
    [...program.states, ...train.inputs, ...ops].map(({ id, shape }) => [id, shape] as const),
  );
  const counted = new Map<string, CountedWork>();
  for (const op of ops) {
    const work = workIn(
      op,
      op.args.map((id) => shapes.get(id) ?? []),
    );
    if (!work) continue;
    const key = JSON.stringify(work);
    counted.set(key, { ...work, times: (counted.get(key)?.times ?? 0) + 1 });
  }
  return [...counted.values()];
}

function workIn({ op, attributes, shape }: Op, [a = [], b = []]: readonly Shape[]): Work | undefined {
  switch (op) {
    case 'conv2d':
      return convolution(forward(a, b, attributes));
    case 'conv_transpose2d':
      return convolution(backward(a, b, attributes));
    case 'conv2d_weight_gradient':
      return convolution(between(a, b, attributes));
    case 'matmul': {
      const inner = (attributes.ta === true ? a.at(-2) : a.at(-1)) ?? 1;
      const [rows = 1, columns = 1] = shape.slice(-2);
      const inputs = [
        [...a.slice(0, -2), rows, inner],
        [...b.slice(0, -2), inner, columns],
      ];
      return { op: a.length + b.length === 4 ? 'Gemm' : 'MatMul', inputs, result: shape, attributes: {} };
    }
    case 'softmax':
      return { op: 'Softmax', inputs: [a], result: shape, attributes: { axis: -1 } };
    default:
      return undefined;
  }
}

function convolution({ x, y, windows: { kernel, stride, padding } }: Convolution): Work {
  return {
    op: 'Conv',
    inputs: [
      [x.pages, x.channels, ...x.size],
      [y.channels, x.channels, ...kernel],
    ],
    result: [y.pages, y.channels, ...y.size],
    attributes: { kernel_shape: [...kernel], strides: [...stride], pads: [...padding, ...padding] },
  };
}

export interface OpenWork {
  /** Milliseconds of all the work of a batch. */
  time(): Promise<number>;
  close(): Promise<void>;
}

const RUNS = 4;
const THREADS = availableParallelism();

export async function openWork(counted: readonly CountedWork[]): Promise<OpenWork> {
  const open = await Promise.all(counted.map(openOne));
  return {
    time: async () => {
      let sum = 0;
      for (const one of open) sum += await one.time();
      return sum;
    },
    close: async () => {
      for (const one of open) await one.close();
    },
  };
}

/** In each of its forms: the fastest counts. */
async function openOne(work: CountedWork): Promise<OpenWork> {
  const block = work.op === 'Conv' ? await channelBlock() : undefined;
  const isBlocked =
    block !== undefined &&
    work.inputs.every(([, channels]) => (channels ?? 0) % block === 0) &&
    (work.result[1] ?? 0) % block === 0;
  const forms = await Promise.all(
    [work, ...(isBlocked ? [{ ...work, domain: BLOCKED_DOMAIN }] : [])].flatMap((form) => [
      openForm(form, { threads: THREADS, atOnce: 1 }),
      openForm(form, { threads: Math.max(1, Math.floor(THREADS / 2)), atOnce: Math.min(2, THREADS) }),
    ]),
  );
  return {
    time: async () => {
      let least = Number.POSITIVE_INFINITY;
      for (const form of forms) least = Math.min(least, await form.time());
      return least;
    },
    close: async () => {
      for (const form of forms) await form.close();
    },
  };
}

/** @param atOnce so many of them run beside each other, each on its part of the batch */
async function openForm(
  { op, inputs, result, attributes, domain, times }: CountedWork & { readonly domain?: string },
  { threads, atOnce }: { readonly threads: number; readonly atOnce: number },
): Promise<OpenWork> {
  const names = inputs.map((_, i) => `x${i}`);
  const port = (name: string, shape: Shape) => ({ name, type: 'float', shape }) as const;
  // Only its first number leaves: copying all of a result out of the library takes as long as many of the operations.
  const one = result.map(() => 1);
  const places = (name: string, at: bigint) =>
    ({ name, type: 'int64', shape: [result.length], data: new BigInt64Array(result.length).fill(at) }) as const;
  const model = encodeModel({
    name: op,
    inputs: inputs.map((shape, i) => port(`x${i}`, shape)),
    outputs: [port('y', one)],
    initializers: [places('begin', 0n), places('end', 1n)],
    nodes: [
      { op, inputs: names, outputs: ['made'], attributes, ...(domain === undefined ? {} : { domain }) },
      { op: 'Slice', inputs: ['made', 'begin', 'end'], outputs: ['y'], attributes: {} },
    ],
  });
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(inputs.map((shape, i) => [`x${i}`, filled(shape, `x${i}`)]));
  const fetches = { y: filled(one, 'y') };
  return {
    time: async () => {
      let least = Number.POSITIVE_INFINITY;
      for (let run = 0; run < RUNS; run++) {
        const started = performance.now();
        await session.run(feeds, fetches);
        least = Math.min(least, performance.now() - started);
      }
      return (times * least) / atOnce;
    },
    close: () => session.release(),
  };
}

function filled(shape: Shape, name: string): ort.Tensor {
  const rng = stream(0, name);
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.uniform(i) - 0.5);
  return new ort.Tensor('float32', data, [...shape]);
}
