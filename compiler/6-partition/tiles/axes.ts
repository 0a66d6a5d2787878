/**
 * Along which axes operators can be done in parts: what each argument is cut like where the result is cut, and over
 * which axes products are summed. The same for the expressions of links and the operations of programs.
 */
import type { Attributes, Shape } from '../../operators/expr.ts';
import { permutationOf } from '../../operators/layout.ts';
import { axesOf, axisOf } from '../../operators/reduction.ts';
import { type OperatorName, operators } from '../../operators/table.ts';
import { type Layout, throughReshape } from './layout.ts';

/** An operator with what it is applied to. */
export interface Application {
  readonly op: OperatorName;
  readonly attributes: Attributes;
  readonly args: readonly Shape[];
  readonly shape: Shape;
}

/** A sum of products of two arguments. */
export interface Product {
  /** The axis of either argument over which is summed; the batch's, over which kernels' gradients are, does not count. */
  readonly inner?: readonly [number, number];
  /** Axes that only one argument has, and what they are in the result. */
  readonly free: readonly [FreeAxis | undefined, FreeAxis | undefined];
  /** Axes in front that both have: a product for each page. */
  readonly pages: number;
}

interface FreeAxis {
  readonly arg: number;
  readonly result: number;
}

export function productOf({ op, attributes, args, shape }: Application): Product | undefined {
  const [first, second] = args.map((s) => s.length - 1) as [number, number];
  const last = shape.length - 1;
  const free = (arg: number, result: number): FreeAxis => ({ arg, result });
  switch (op) {
    case 'matmul': {
      const [ta, tb] = [attributes.ta === true ? 1 : 0, attributes.tb === true ? 1 : 0];
      return {
        inner: [first - ta, second - 1 + tb],
        free: [free(first - 1 + ta, last - 1), free(second - tb, last)],
        pages: last - 1,
      };
    }
    case 'conv2d':
      return { inner: [first, 2], free: [undefined, free(3, last)], pages: 0 };
    case 'conv_transpose2d':
      return { inner: [first, 3], free: [undefined, free(2, last)], pages: 0 };
    case 'conv2d_weight_gradient':
      return { free: [free(first, 2), free(second, 3)], pages: 0 };
    case 'embed':
      return { free: [free(1, last), undefined], pages: 0 };
    case 'embed_gradient':
      return { free: [undefined, free(second, 1)], pages: 0 };
    default:
      return undefined;
  }
}

/** How one argument is read: cut, or (undefined) whole. */
export type Read = Layout | undefined;

/** How each argument is read for a result that is cut so; nothing where the operator couples the tiles. */
export function readsFor(application: Application, layout: Layout): Read[] | undefined {
  const { op, attributes, args, shape } = application;
  const rank = shape.length;
  const same = (): Read[] => args.map(() => layout);
  const product = productOf(application);
  if (product) return readsOfProduct(application, product, layout);
  if (operators[op].elementwise || op === 'broadcast')
    return args.map((arg) => {
      const axis = layout.axis - (rank - arg.length);
      return (arg[axis] ?? 1) > 1 ? { ...layout, axis } : undefined;
    });
  switch (op) {
    case 'reshape': {
      const read = throughReshape(layout, shape, args[0] ?? []);
      return read && [read];
    }
    case 'transpose':
      return [{ ...layout, axis: permutationOf(attributes, rank)[layout.axis] ?? 0 }];
    case 'sum':
    case 'mean':
    case 'amax':
      return readsOfReduction(application, layout);
    case 'slice':
    case 'pad':
    case 'concatenate':
    case 'softmax':
    case 'log_softmax':
      return axisOf(attributes, rank) === layout.axis ? undefined : same();
    case 'layer_norm':
      return layout.axis === rank - 1 ? undefined : same();
    case 'max_pool2d':
    case 'max_pool2d_gradient':
    case 'average_pool2d':
    case 'average_pool2d_gradient':
      return layout.axis === rank - 1 ? same() : undefined;
    default:
      return undefined;
  }
}

function readsOfProduct({ args, shape }: Application, { free, pages }: Product, layout: Layout): Read[] | undefined {
  const owner = free.findIndex((f) => f?.result === layout.axis);
  if (owner >= 0) return args.map((_, j) => (j === owner ? { ...layout, axis: free[j]?.arg ?? 0 } : undefined));
  if (layout.axis >= pages) return undefined;
  return args.map((arg) => {
    const axis = layout.axis - (shape.length - arg.length);
    return axis >= 0 && (arg[axis] ?? 1) > 1 ? { ...layout, axis } : undefined;
  });
}

function readsOfReduction({ attributes, args }: Application, layout: Layout): Read[] | undefined {
  const rank = args[0]?.length ?? 0;
  const axes = axesOf(attributes, rank);
  if (attributes.keep === true) return axes.includes(layout.axis) ? undefined : [layout];
  const kept = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !axes.includes(axis));
  const axis = kept[layout.axis];
  return axis === undefined ? undefined : [{ ...layout, axis }];
}

/** How the result is cut where argument `j` is; nothing where the operator sums over the axis, or couples its tiles. */
export function resultOf(application: Application, j: number, layout: Layout): Layout | undefined {
  const { op, args, shape } = application;
  const size = args[j]?.[layout.axis];
  if (op === 'reshape') return throughReshape(layout, args[0] ?? [], shape);
  for (const axis of shape.keys()) {
    if (shape[axis] !== size) continue;
    const candidate = { ...layout, axis };
    if (readsFor(application, candidate)?.[j]?.axis === layout.axis) return candidate;
  }
  return undefined;
}
