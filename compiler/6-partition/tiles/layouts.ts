/**
 * How each value of a function is cut, from how weights and nodes are. Sums over a cut axis are sums of parts, made in
 * the order of the tiles; what an operator cannot do tile by tile it does with the whole.
 */
import { type Op, type ProgramFunction, type Shape, type State, sizeOf } from '../../../spec/program.ts';
import type { Graph } from '../../4-graph/graph.ts';
import { axesOf } from '../../operators/reduction.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { type Layout, sameLayout, stateLayout, type Tiling, valueLayout, weightLayouts } from './tiling.ts';

/** How one operation is done. */
export type Way =
  | { readonly kind: 'whole' }
  /** Tile by tile: `args[j]` says how argument j is read. */
  | { readonly kind: 'tiles'; readonly layout: Layout; readonly args: readonly (Layout | undefined)[] }
  /** As a sum over tiles of `args`; the result is cut as `layout` says. */
  | {
      readonly kind: 'parts';
      readonly args: readonly (Layout | undefined)[];
      readonly over: Layout;
      readonly layout: Layout | undefined;
    };

export const WHOLE: Way = { kind: 'whole' };

export interface Layouts {
  of(id: string): Layout | undefined;
  way(op: Op): Way;
}

export function findLayouts(graph: Graph, tiling: Tiling, states: readonly State[], f: ProgramFunction): Layouts {
  const weights = weightLayouts(graph, tiling);
  const layouts = new Map<string, Layout | undefined>();
  const shapes = new Map<string, Shape>([...states, ...f.inputs].map((v) => [v.id, v.shape]));
  for (const state of states) layouts.set(state.id, stateLayout(graph, tiling, weights, state));
  for (const block of f.blocks) {
    for (const scalar of block.scalars) shapes.set(scalar.id, []);
    for (const op of block.ops) shapes.set(op.id, op.shape);
    for (const carry of block.carries) for (const id of [carry.id, carry.result]) shapes.set(id, carry.shape);
  }
  const weightLike = new Set([...weights.keys()]);
  const wishes = new Map<string, Layout | 'whole'>();
  const ways = new Map<string, Way>();
  const context: Context = { layouts, shapes, wishes, weightLike, weights };
  const forward = (): void => {
    for (const block of f.blocks) {
      for (const carry of block.carries) {
        const node = graph.nodes.find((n) => carry.id === `in:z.${n.name}` || carry.id === `in:v.${n.name}`);
        const layout = node ? valueLayout(node, tiling, 1) : layouts.get(carry.init);
        for (const id of [carry.id, carry.result]) layouts.set(id, layout);
        if (weightLike.has(carry.init)) weightLike.add(carry.id).add(carry.result);
      }
      for (const op of block.ops) {
        const way = wayOf(op, context);
        ways.set(op.id, way);
        layouts.set(op.id, way.kind === 'whole' ? undefined : way.layout);
        if (op.origin?.startsWith('weight ') === true) weightLike.add(op.id);
      }
    }
  };
  forward();
  findWishes(f, context);
  forward();
  return { of: (id) => layouts.get(id), way: (op) => ways.get(op.id) ?? WHOLE };
}

interface Context {
  readonly layouts: ReadonlyMap<string, Layout | undefined>;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** How those who read a value want it. */
  readonly wishes: Map<string, Layout | 'whole'>;
  readonly weightLike: ReadonlySet<string>;
  readonly weights: ReadonlyMap<string, Layout>;
}

/** What serves a weight is cut as the weight is, or not at all. */
function weightOf(op: Op): string | undefined {
  return op.origin?.startsWith('weight ') === true ? op.origin.slice('weight '.length) : undefined;
}

/** How those who read a value would like it. */
function findWishes(f: ProgramFunction, { layouts, shapes, wishes, weights }: Context): void {
  const wish = (id: string, layout: Layout | 'whole' | undefined): void => {
    if (layout && !wishes.has(id)) wishes.set(id, layout);
  };
  for (const { state, value } of f.updates) wish(value, layouts.get(state));
  for (const block of [...f.blocks].reverse()) {
    for (const carry of block.carries) wish(carry.next, layouts.get(carry.id));
    for (const carry of block.carries) wish(carry.init, layouts.get(carry.id));
    for (const op of [...block.ops].reverse()) {
      const weight = weightOf(op);
      const own = weight === undefined ? (wishes.get(op.id) ?? layouts.get(op.id)) : (weights.get(weight) ?? 'whole');
      if (!own || !isOperator(op.op)) continue;
      for (const arg of op.args) {
        const shape = shapes.get(arg) ?? [];
        if (operators[op.op].elementwise && String(shape) === String(op.shape)) wish(arg, own);
        if (op.op === 'reshape') wish(arg, own === 'whole' ? own : throughReshape(own, op.shape, shape));
      }
    }
  }
}

function wayOf(op: Op, context: Context): Way {
  const { layouts, shapes, wishes } = context;
  if (!isOperator(op.op)) return WHOLE;
  const cut = op.args.map((a) => layouts.get(a));
  if (cut.every((l) => l === undefined)) return WHOLE;
  const shapeOf = (i: number): Shape => shapes.get(op.args[i] ?? '') ?? [];
  const weight = weightOf(op);
  if (weight !== undefined && !context.weights.has(weight)) return WHOLE;
  if (operators[op.op].elementwise) return elementwise(op, cut, shapeOf);
  const [first] = cut;
  switch (op.op) {
    case 'matmul':
      return product(op, context);
    case 'sum':
    case 'amax':
      return first ? reduction(op, first, shapeOf(0), layoutIn(wishes.get(op.id))) : WHOLE;
    case 'reshape': {
      const layout = first && throughReshape(first, shapeOf(0), op.shape);
      return layout ? { kind: 'tiles', layout, args: [first] } : WHOLE;
    }
    case 'transpose': {
      const order =
        (op.attributes.order as readonly number[] | undefined) ?? op.shape.map((_, i) => op.shape.length - 1 - i);
      const axis = first ? order.indexOf(first.axis) : -1;
      return first && axis >= 0 ? { kind: 'tiles', layout: { ...first, axis }, args: [first] } : WHOLE;
    }
    case 'broadcast': {
      const axis = first ? op.shape.length - shapeOf(0).length + first.axis : -1;
      return first && axis >= 0 ? { kind: 'tiles', layout: { ...first, axis }, args: [first] } : WHOLE;
    }
    default:
      return WHOLE;
  }
}

function elementwise(op: Op, cut: readonly (Layout | undefined)[], shapeOf: (i: number) => Shape): Way {
  const rank = op.shape.length;
  const found = cut.findIndex((l) => l !== undefined);
  const layout = cut[found];
  if (!layout) return WHOLE;
  const axis = rank - shapeOf(found).length + layout.axis;
  const whole = { ...layout, axis };
  const args = cut.map((_, i) => {
    const own = axis - (rank - shapeOf(i).length);
    return own >= 0 && (shapeOf(i)[own] ?? 1) > 1 ? { ...layout, axis: own } : undefined;
  });
  return { kind: 'tiles', layout: whole, args };
}

function product(op: Op, { layouts, shapes, wishes, weightLike }: Context): Way {
  const [a = '', b = ''] = op.args;
  const [la, lb] = [layouts.get(a), layouts.get(b)];
  const [ra, rb, rank] = [shapes.get(a)?.length ?? 0, shapes.get(b)?.length ?? 0, op.shape.length];
  if (ra !== 2 || rb !== 2) return WHOLE;
  const [rows, inner] = op.attributes.ta === true ? [1, 0] : [0, 1];
  const [within, columns] = op.attributes.tb === true ? [1, 0] : [0, 1];
  const wished = wishes.get(op.id);
  const wish = layoutIn(wished);
  const [left, right] = [la?.axis === inner ? la : undefined, lb?.axis === within ? lb : undefined];
  const over = (l: Layout): Way => ({
    kind: 'parts',
    over: l,
    args: [
      { ...l, axis: inner },
      { ...l, axis: within },
    ],
    layout: wish,
  });
  if (left && right && sameCuts(left, right)) return over(right);
  // The change of a weight that is not cut: its factors come together, it never does.
  if (wished === 'whole') return WHOLE;
  const byRows = la?.axis === rows ? { ...la, axis: rank - 2 } : undefined;
  const byColumns = lb?.axis === columns ? { ...lb, axis: rank - 1 } : undefined;
  const tilesOf = (layout: Layout): Way => ({
    kind: 'tiles',
    layout,
    args: layout === byRows ? [la, undefined] : [undefined, lb],
  });
  if (byRows && sameLayout(byRows, wish)) return tilesOf(byRows);
  if (byColumns && sameLayout(byColumns, wish)) return tilesOf(byColumns);
  if (byColumns) return tilesOf(byColumns);
  // A weight is never moved: what it is multiplied with is cut as it is.
  if (right && weightLike.has(b)) return over(right);
  if (left && weightLike.has(a)) return over(left);
  return byRows ? tilesOf(byRows) : WHOLE;
}

function layoutIn(wish: Layout | 'whole' | undefined): Layout | undefined {
  return wish === 'whole' ? undefined : wish;
}

function sameCuts(a: Layout, b: Layout): boolean {
  return sameLayout(a, { ...b, axis: a.axis });
}

function reduction(op: Op, layout: Layout, shape: Shape, wish: Layout | undefined): Way {
  const axes = axesOf(op.attributes, shape.length);
  if (axes.includes(layout.axis)) return { kind: 'parts', over: layout, args: [layout], layout: wish };
  const before = op.attributes.keep === true ? 0 : axes.filter((a) => a < layout.axis).length;
  return { kind: 'tiles', layout: { ...layout, axis: layout.axis - before }, args: [layout] };
}

/** The same cuts after a change of shape, where there is an axis for them. */
export function throughReshape(layout: Layout, from: Shape, to: Shape): Layout | undefined {
  const outer = sizeOf(from.slice(0, layout.axis));
  const size = from[layout.axis] ?? 1;
  const inner = sizeOf(from.slice(layout.axis + 1));
  for (let axis = 0; axis < to.length; axis++) {
    if (sizeOf(to.slice(0, axis)) !== outer) continue;
    const there = to[axis] ?? 1;
    const scale = there / size;
    if (there === 1 && size > 1) continue;
    if (scale > inner) continue;
    const offsets = layout.offsets.map((n) => n * scale);
    if (offsets.every(Number.isInteger)) return { ...layout, axis, offsets };
  }
  return undefined;
}
