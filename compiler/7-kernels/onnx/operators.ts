/** The ONNX column of the operator table: every primitive operator as ONNX nodes. */
import type { Op } from '../../../spec/program.ts';
import { permutationOf } from '../../operators/layout.ts';
import { axesOf, axisOf, epsilonOf } from '../../operators/reduction.ts';
import type { OperatorName } from '../../operators/table.ts';
import { CAST } from './casts.ts';
import { chanceLowerings } from './chance.ts';
import { convolutionLowerings } from './convolution.ts';
import { indexingLowerings } from './indexing.ts';
import type { Lowering } from './lowering.ts';
import { orNotANumber } from './not-a-number.ts';
import { pageLowerings } from './pages.ts';
import { poolingLowerings } from './pooling.ts';
import { emitProduct } from './product.ts';
import { sparseLowerings } from './sparse.ts';

const arg = (op: Op, i: number): string => op.args[i] ?? '';

/** The same node under another name. */
const plain =
  (name: string, attributes: Readonly<Record<string, number | string>> = {}): Lowering =>
  (op, e) => {
    e.node(name, op.args, attributes, op.id);
  };

/** A comparison gives booleans; programs have numbers. */
const comparison =
  (name: string): Lowering =>
  (op, e) => {
    e.node('Cast', [e.node(name, op.args)], { to: CAST.float }, op.id);
  };

const reduction =
  (name: string): Lowering =>
  (op, e) => {
    const axes = axesOf(op.attributes, e.shapeOf(arg(op, 0)).length);
    if (axes.length === 0) e.node('Identity', op.args, {}, op.id);
    else e.node(name, [arg(op, 0), e.integers(axes)], { keepdims: op.attributes.keep === true ? 1 : 0 }, op.id);
  };

const largest: Lowering = (op, e) => {
  const x = arg(op, 0);
  const axes = axesOf(op.attributes, e.shapeOf(x).length);
  if (axes.length === 0) {
    e.node('Identity', op.args, {}, op.id);
    return;
  }
  const over = (of: string): string =>
    e.node('ReduceMax', [of, e.integers(axes)], { keepdims: op.attributes.keep === true ? 1 : 0 });
  orNotANumber(e, x, over, op.id);
};

const normalisation =
  (name: string): Lowering =>
  (op, e) => {
    e.node(name, op.args, { axis: axisOf(op.attributes, op.shape.length) }, op.id);
  };

const GELU_K = Math.sqrt(2 / Math.PI);
const GELU_C = 0.044715;

export const onnxLowerings: Readonly<Record<OperatorName, Lowering>> = {
  neg: plain('Neg'),
  abs: plain('Abs'),
  sign: plain('Sign'),
  exp: plain('Exp'),
  log: plain('Log'),
  sqrt: plain('Sqrt'),
  square: (op, e) => {
    e.node('Mul', [arg(op, 0), arg(op, 0)], {}, op.id);
  },
  cos: plain('Cos'),
  sin: plain('Sin'),
  tanh: plain('Tanh'),
  sigmoid: plain('Sigmoid'),
  relu: plain('Relu'),
  step: (op, e) => {
    e.node('Cast', [e.node('Greater', [arg(op, 0), e.number(0)])], { to: CAST.float }, op.id);
  },
  leaky_relu: (op, e) => {
    const slope = typeof op.attributes.slope === 'number' ? op.attributes.slope : 0.01;
    e.node('LeakyRelu', op.args, { alpha: { float: slope } }, op.id);
  },
  gelu: plain('Gelu', { approximate: 'tanh' }),
  gelu_slope: (op, e) => {
    // 0.5 (1 + t) + 0.5 x (1 - t²) (k + 3 k c x²), t = tanh(x (k + k c x²))
    const x = arg(op, 0);
    const x2 = e.node('Mul', [x, x]);
    const inner = e.node('Add', [e.node('Mul', [x2, e.number(GELU_K * GELU_C)]), e.number(GELU_K)]);
    const t = e.node('Tanh', [e.node('Mul', [x, inner])]);
    const half = e.node('Add', [e.node('Mul', [t, e.number(0.5)]), e.number(0.5)]);
    const bend = e.node('Sub', [e.number(0.5), e.node('Mul', [e.node('Mul', [t, t]), e.number(0.5)])]);
    const outer = e.node('Add', [e.node('Mul', [x2, e.number(3 * GELU_K * GELU_C)]), e.number(GELU_K)]);
    e.node('Add', [half, e.node('Mul', [e.node('Mul', [x, bend]), outer])], {}, op.id);
  },
  silu: (op, e) => {
    e.node('Mul', [arg(op, 0), e.node('Sigmoid', op.args)], {}, op.id);
  },
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  pow: plain('Pow'),
  max: plain('Max'),
  min: plain('Min'),
  greater: comparison('Greater'),
  greater_equal: comparison('GreaterOrEqual'),
  less: comparison('Less'),
  less_equal: comparison('LessOrEqual'),
  equal: comparison('Equal'),
  mod: (op, e) => {
    const whole = e.node('Floor', [e.node('Div', op.args)]);
    e.node('Sub', [arg(op, 0), e.node('Mul', [arg(op, 1), whole])], {}, op.id);
  },
  select: (op, e) => {
    e.node('Where', [e.node('Cast', [arg(op, 0)], { to: CAST.bool }), arg(op, 1), arg(op, 2)], {}, op.id);
  },
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  amax: largest,
  softmax: normalisation('Softmax'),
  log_softmax: normalisation('LogSoftmax'),
  layer_norm: (op, e) => {
    const scale = e.filled(1, [op.shape[op.shape.length - 1] as number]);
    const attributes = { axis: -1, epsilon: { float: epsilonOf(op.attributes) } };
    e.node('LayerNormalization', [arg(op, 0), scale], attributes, op.id);
  },
  argmax: (op, e) => {
    const axis = axisOf(op.attributes, e.shapeOf(arg(op, 0)).length);
    e.node('Cast', [e.node('ArgMax', op.args, { axis, keepdims: 0, select_last_index: 0 })], { to: CAST.float }, op.id);
  },
  one_hot: (op, e) => {
    const depth = op.attributes.depth as number;
    const whole = e.node('Floor', op.args);
    const column = e.node('Reshape', [whole, e.integers([...e.shapeOf(arg(op, 0)), 1])]);
    e.node('Cast', [e.node('Equal', [column, e.range(depth)])], { to: CAST.float }, op.id);
  },
  matmul: emitProduct,
  transpose: (op, e) => {
    e.node('Transpose', op.args, { perm: permutationOf(op.attributes, op.shape.length) }, op.id);
  },
  reshape: (op, e) => {
    e.node('Reshape', [arg(op, 0), e.integers(op.shape)], {}, op.id);
  },
  broadcast: (op, e) => {
    e.node('Expand', [arg(op, 0), e.integers(op.shape)], {}, op.id);
  },
  slice: (op, e) => {
    const axis = axisOf(op.attributes, op.shape.length);
    const from = op.attributes.from as number;
    const end = from + (op.attributes.size as number);
    e.node('Slice', [arg(op, 0), e.integers([from]), e.integers([end]), e.integers([axis])], {}, op.id);
  },
  pad: (op, e) => {
    const axis = axisOf(op.attributes, op.shape.length);
    const before = op.shape.map((_, i) => (i === axis ? (op.attributes.before as number) : 0));
    const after = op.shape.map((_, i) => (i === axis ? (op.attributes.after as number) : 0));
    e.node('Pad', [arg(op, 0), e.integers([...before, ...after]), e.number(0)], { mode: 'constant' }, op.id);
  },
  concatenate: (op, e) => {
    e.node('Concat', op.args, { axis: axisOf(op.attributes, op.shape.length) }, op.id);
  },
  ...convolutionLowerings,
  ...poolingLowerings,
  ...indexingLowerings,
  ...pageLowerings,
  ...sparseLowerings,
  ...chanceLowerings,
};

const PICTURE_LOWERINGS = { ...convolutionLowerings, ...poolingLowerings };

/** Whether its lowering resolves its arguments itself. */
export function isPictureOperator(op: string): op is keyof typeof PICTURE_LOWERINGS {
  return Object.hasOwn(PICTURE_LOWERINGS, op);
}
