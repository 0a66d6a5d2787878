/**
 * Operations that a batch of training cannot do without, and the time that ONNX Runtime takes for them alone: each once
 * alone, with operands that are fed and a result that stays in the library, times as often as the batch needs it, by all
 * threads together or by two halves of them, each with an operation of its own at the same time, whichever is faster. An
 * operation counts in the form and in the layout that is fastest, its operands laid out already. What a convolution's
 * gradients count is what they take themselves, not what a convolution of as many products takes: by its picture the
 * transposed convolution, or one with the kernel turned round; by its kernel a convolution over pages, or products of what
 * lies under each of its places. What goes element by element, pooling and normalisation among it, counts as nothing, as
 * does laying out, and of a softmax its gradient does.
 */
import { availableParallelism } from 'node:os';
import { straightCode } from '../../compiler/5-program/passes/straight.ts';
import type { OnnxNode } from '../../compiler/7-kernels/onnx/model.ts';
import { backward, between, type Convolution, forward } from '../../compiler/operators/convolution.ts';
import type { Picture, Windows } from '../../compiler/operators/window.ts';
import { BLOCKED_DOMAIN, channelBlock } from '../../runtime/device/cpu/blocked-convolutions.ts';
import { type Op, type Program, type Shape, sizeOf } from '../../spec/program.ts';
import { type Neighbour, openNeighbour } from './work-beside.ts';
import { openForm, type Work } from './work-form.ts';

export interface CountedWork {
  /** Several ways to the same: the fastest counts. */
  readonly ways: readonly Work[];
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
    const ways = waysOf(
      op,
      op.args.map((id) => shapes.get(id) ?? []),
    );
    if (ways.length === 0) continue;
    const key = JSON.stringify(ways);
    counted.set(key, { ways, times: (counted.get(key)?.times ?? 0) + 1 });
  }
  return [...counted.values()];
}

/** The ways in which the library can do an operation; none where it counts as nothing. */
function waysOf({ op, attributes, shape }: Op, [a = [], b = []]: readonly Shape[]): readonly Work[] {
  switch (op) {
    case 'conv2d':
      return [convolution(forward(a, b, attributes))];
    case 'conv_transpose2d':
      return backwards(backward(a, b, attributes));
    case 'conv2d_weight_gradient':
      return [overPages, ...byPlaces].map((way) => way(between(a, b, attributes)));
    case 'matmul': {
      const inner = (attributes.ta === true ? a.at(-2) : a.at(-1)) ?? 1;
      const [rows = 1, columns = 1] = shape.slice(-2);
      const inputs = [
        [...a.slice(0, -2), rows, inner],
        [...b.slice(0, -2), inner, columns],
      ];
      return [{ op: a.length + b.length === 4 ? 'Gemm' : 'MatMul', inputs, result: shape, attributes: {} }];
    }
    case 'softmax':
      return [{ op: 'Softmax', inputs: [a], result: shape, attributes: { axis: -1 } }];
    default:
      return [];
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

/** The gradient by the picture: the transposed convolution, or one of the windows with the kernel turned round. */
function backwards({ x, y, windows }: Convolution): readonly Work[] {
  const { kernel, stride, padding } = windows;
  const inputs = [
    [y.pages, y.channels, ...y.size],
    [y.channels, x.channels, ...kernel],
  ];
  const result = [x.pages, x.channels, ...x.size];
  const pads = [...padding, ...padding];
  const attributes = { kernel_shape: [...kernel], strides: [...stride], pads, output_padding: leftOver(x, y, windows) };
  const transposed: Work = { op: 'ConvTranspose', inputs, result, attributes };
  if (sizeOf(stride) > 1) return [transposed];
  const reach = [kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1]] as const;
  return [transposed, convolution({ x: y, y: x, windows: { kernel, stride, padding: reach } })];
}

const leftOver = (x: Picture, y: Picture, { kernel, stride, padding }: Windows): number[] =>
  ([0, 1] as const).map((axis) => {
    const covered = (y.size[axis] - 1) * stride[axis] + kernel[axis] - 2 * padding[axis];
    return x.size[axis] - covered;
  });

/**
 * The gradient by the kernel: a convolution of the picture by the gradients of its windows, whose channels are the pages.
 * The picture has its padding already: where the library pads it takes two to three times as long (measured).
 */
function overPages({ x, y, windows }: Convolution): Work {
  return {
    op: 'Conv',
    inputs: [
      [x.channels, x.pages, ...paddedSize(y, windows)],
      [y.channels, x.pages, ...y.size],
    ],
    result: [x.channels, y.channels, ...windows.kernel],
    attributes: { kernel_shape: [...y.size], dilations: [...windows.stride] },
  };
}

/** Of a picture with its padding, as far as windows reach. */
const paddedSize = (y: Picture, { kernel, stride }: Windows): readonly number[] =>
  ([0, 1] as const).map((axis) => (y.size[axis] - 1) * stride[axis] + kernel[axis]);

/**
 * The same as products of what lies under each place of the kernel: all of them side by side as one, or each by itself.
 * Here what is under a place has to be copied, which belongs to it.
 */
const byPlaces = [true, false].map((isOne) => ({ x, y, windows }: Convolution): Work => {
  const rows = x.pages * sizeOf(y.size);
  const { kernel, stride } = windows;
  const constants: Record<string, readonly number[]> = { axes: isOne ? [2, 3] : [1, 2], steps: stride };
  const nodes: OnnxNode[] = [];
  const add = (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): string => {
    nodes.push({ op, inputs: [...inputs], outputs: [output], attributes });
    return output;
  };
  const places = Array.from({ length: sizeOf(kernel) }, (_, i) => {
    const from = [Math.floor(i / kernel[1]), i % kernel[1]];
    constants[`from ${i}`] = from;
    constants[`to ${i}`] = from.map((n, axis) => n + ((y.size[axis] ?? 1) - 1) * (stride[axis] ?? 1) + 1);
    return add('Slice', ['x0', `from ${i}`, `to ${i}`, 'axes', 'steps'], `place ${i}`);
  });
  constants.flat = isOne ? [places.length * x.channels, rows] : [rows, x.channels];
  if (isOne) {
    const side = add('Reshape', [add('Concat', places, 'side', { axis: 0 }), 'flat'], 'matrix');
    add('Gemm', [side, 'x1'], 'made');
  } else {
    const products = places.map((place, i) =>
      add('Gemm', [add('Reshape', [place, 'flat'], `matrix ${i}`), 'x1'], `product ${i}`, { transA: 1 }),
    );
    add('Concat', products, 'made', { axis: 0 });
  }
  const size = paddedSize(y, windows);
  const picture = isOne ? [x.channels, x.pages, ...size] : [x.pages, ...size, x.channels];
  const result = [places.length * x.channels, y.channels];
  return { op: 'Gemm', nodes, constants, inputs: [picture, [rows, y.channels]], result, attributes: {} };
});

export interface OpenWork {
  /** Milliseconds of all the work of a batch. */
  time(): Promise<number>;
  close(): Promise<void>;
}

const THREADS = availableParallelism();
/** A form that takes so many times as long as another is not tried again. */
const HOPELESS = 2;

export async function openWork(counted: readonly CountedWork[]): Promise<OpenWork> {
  const neighbour = THREADS > 1 ? openNeighbour() : undefined;
  const open: OpenWork[] = [];
  for (const work of counted) open.push(await openOne(work, neighbour));
  return {
    time: async () => {
      let sum = 0;
      for (const one of open) sum += await one.time();
      return sum;
    },
    close: async () => {
      for (const one of open) await one.close();
      await neighbour?.close();
    },
  };
}

/** In each of its forms: the fastest counts. */
async function openOne({ ways, times }: CountedWork, neighbour: Neighbour | undefined): Promise<OpenWork> {
  const block = await channelBlock();
  const forms: OpenWork[] = [];
  for (const way of ways)
    for (const form of [
      way,
      ...(block !== undefined && fits(way, block) ? [{ ...way, domain: BLOCKED_DOMAIN }] : []),
    ]) {
      forms.push(await openForm(form, THREADS));
      if (neighbour) forms.push(await beside(form, neighbour));
    }
  let tried: readonly OpenWork[] = forms;
  return {
    time: async () => {
      const took: { readonly form: OpenWork; readonly milliseconds: number }[] = [];
      for (const form of tried) took.push({ form, milliseconds: await form.time() });
      const least = Math.min(...took.map(({ milliseconds }) => milliseconds));
      tried = took.filter(({ milliseconds }) => milliseconds < HOPELESS * least).map(({ form }) => form);
      return times * least;
    },
    close: async () => {
      for (const form of forms) await form.close();
    },
  };
}

/** Whether the library does it in blocks of channels: a picture of fewer channels is read as it is. */
function fits({ op, inputs: [x = []], result }: Work, block: number): boolean {
  const [, from = 0] = x;
  return op === 'Conv' && (from < block || from % block === 0) && (result[1] ?? 0) % block === 0;
}

/** Here and in the neighbour at the same time: each does half of the work. */
async function beside(form: Work, neighbour: Neighbour): Promise<OpenWork> {
  const threads = Math.floor(THREADS / 2);
  const here = await openForm(form, threads);
  const there = await neighbour.open(form, threads);
  return { time: async () => (await there.time(here.time)) / 2, close: here.close };
}
