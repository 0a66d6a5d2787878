/** Shapes of the values of a graph, as far as pictures pass through its nodes. */
import { constantsOf, type Graph, integerOf, integersOf, type Node, type Shape, toldShapes } from './proto-graph.ts';

/** Nodes of one argument that have a result for each of its numbers. */
export const UNARY: ReadonlySet<string> = new Set(
  'Abs Cast Clip Cos Elu Erf Exp Floor Gelu Identity LeakyRelu Log Neg Relu Sigmoid Sign Sin Sqrt Tanh'.split(' '),
);

/** Nodes of several arguments, one of which may be repeated to the shape of the others. */
export const ELEMENTWISE: ReadonlySet<string> = new Set(
  'Add Sub Mul Div Min Max Pow Equal Greater GreaterOrEqual Less LessOrEqual Where'.split(' '),
);

export const REDUCTIONS: ReadonlySet<string> = new Set(['ReduceSum', 'ReduceMean', 'ReduceMax']);

/** Nodes whose results have the shape of their first argument, and need all of it. */
const SAME: ReadonlySet<string> = new Set('Softmax LogSoftmax LayerNormalization ScatterElements'.split(' '));

/** Shapes by names; what another kind of node makes is left out, and what follows from it. */
export function shapesOf(graph: Graph): Map<string, Shape> {
  const shapes = toldShapes(graph);
  const constants = constantsOf(graph);
  for (const node of graph.node ?? []) {
    const made = shapeOf(node, shapes, constants);
    const [output] = node.output ?? [];
    if (made && output !== undefined && !shapes.has(output)) shapes.set(output, made);
  }
  return shapes;
}

type Shapes = ReadonlyMap<string, Shape>;
type Constants = ReadonlyMap<string, readonly number[]>;

function shapeOf(node: Node, shapes: Shapes, constants: Constants): Shape | undefined {
  const { opType = '' } = node;
  const inputs = (node.input ?? []).map((name) => shapes.get(name));
  const [first, second] = inputs;
  if (opType === null || !first) return undefined;
  if (UNARY.has(opType) || SAME.has(opType)) return first;
  if (ELEMENTWISE.has(opType)) return broadcast(inputs);
  const constant = constants.get(node.input?.[1] ?? '');
  if (opType === 'Reshape') return constant && reshaped(first, constant);
  if (opType === 'Gather' && second && integerOf(node, 'axis', 0) === 0) return [...second, ...first.slice(1)];
  if (opType === 'Expand') return constant && broadcast([first, constant]);
  if (REDUCTIONS.has(opType)) return constant && reduced(node, first, constant);
  if (opType === 'Gemm') return second && productOf(node, first, second);
  if (opType === 'Transpose') return integersOf(node, 'perm')?.map((axis) => first[axis] ?? 0);
  if (opType === 'Slice')
    return sliced(
      first,
      (node.input ?? []).slice(1).map((name) => constants.get(name)),
    );
  if (opType === 'Concat') return joined(inputs, integerOf(node, 'axis', 0));
  if (opType === 'Pad')
    return constant && first.map((n, i) => n + (constant[i] ?? 0) + (constant[i + first.length] ?? 0));
  if (opType === 'Resize') {
    const times = constants.get(node.input?.[2] ?? '');
    return times?.length === first.length ? first.map((n, i) => n * (times[i] ?? 0)) : undefined;
  }
  if (first.length !== 4) return undefined;
  if (opType === 'Conv') return second && [first[0] ?? 0, second[0] ?? 0, ...windowsOf(node, first)];
  if (opType === 'MaxPool' || opType === 'AveragePool') return [...first.slice(0, 2), ...windowsOf(node, first)];
  return opType === 'ConvTranspose' && second ? spreadBy(node, first, second) : undefined;
}

/** The shape that all of them are repeated to. */
export function broadcast(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  const rank = Math.max(...shapes.map((shape) => shape?.length ?? 0));
  const made = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    if (!shape) return undefined;
    shape.forEach((n, i) => {
      const axis = rank - shape.length + i;
      if (n !== 1) made[axis] = n;
    });
  }
  return made;
}

/** @param settings first and last places, axes and steps */
function sliced(shape: Shape, [starts, ends, axes, steps]: readonly (Shape | undefined)[]): Shape | undefined {
  if (!starts || !ends || !axes) return undefined;
  const made = [...shape];
  axes.forEach((axis, i) => {
    const n = shape[axis] ?? 0;
    const step = steps?.[i] ?? 1;
    const inside = (place: number): number => Math.min(Math.max(place < 0 ? place + n : place, step < 0 ? -1 : 0), n);
    made[axis] = Math.ceil((inside(ends[i] ?? n) - Math.min(inside(starts[i] ?? 0), step < 0 ? n - 1 : n)) / step);
  });
  return made;
}

function joined(shapes: readonly (Shape | undefined)[], axis: number): Shape | undefined {
  const [first] = shapes;
  if (!first || shapes.includes(undefined)) return undefined;
  return first.map((n, i) => (i === axis ? shapes.reduce((sum, shape) => sum + (shape?.[axis] ?? 0), 0) : n));
}

/** The shape of sums over these axes. */
function reduced(node: Node, shape: Shape, axes: readonly number[]): Shape {
  const over = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  const left = integerOf(node, 'keepdims', 1) === 1 ? [1] : [];
  return shape.flatMap((n, axis) => (over.has(axis) ? left : [n]));
}

function productOf(node: Node, a: Shape, b: Shape): Shape {
  const rows = a[integerOf(node, 'transA', 0) === 1 ? 1 : 0] ?? 0;
  return [rows, b[integerOf(node, 'transB', 0) === 1 ? 0 : 1] ?? 0];
}

function reshaped(from: Shape, to: Shape): Shape | undefined {
  if (to.includes(0)) return undefined;
  const known = to.reduce((product, n) => (n < 0 ? product : product * n), 1);
  const all = from.reduce((product, n) => product * n, 1);
  return to.map((n) => (n < 0 ? all / known : n));
}

/** How many windows there are, one below the other and side by side. */
function windowsOf(node: Node, picture: Shape): Shape {
  const { kernel, strides, pads } = windowAttributesOf(node);
  return [0, 1].map((axis) => {
    const room = (picture[axis + 2] ?? 0) + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0) - (kernel[axis] ?? 1);
    return Math.floor(room / (strides[axis] ?? 1)) + 1;
  });
}

function spreadBy(node: Node, first: Shape, kernelShape: Shape): Shape {
  const { kernel, strides, pads } = windowAttributesOf(node);
  const more = integersOf(node, 'output_padding') ?? [0, 0];
  const size = [0, 1].map((axis) => {
    const between = ((first[axis + 2] ?? 0) - 1) * (strides[axis] ?? 1);
    return between + (kernel[axis] ?? 1) + (more[axis] ?? 0) - (pads[axis] ?? 0) - (pads[axis + 2] ?? 0);
  });
  return [first[0] ?? 0, kernelShape[1] ?? 0, ...size];
}

function windowAttributesOf(node: Node): { kernel: Shape; strides: Shape; pads: Shape } {
  return {
    kernel: integersOf(node, 'kernel_shape') ?? [1, 1],
    strides: integersOf(node, 'strides') ?? [1, 1],
    pads: integersOf(node, 'pads') ?? [0, 0, 0, 0],
  };
}
