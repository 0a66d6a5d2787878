/**
 * How each value of a function is cut, from how weights and nodes are. Sums over a cut axis are sums of parts, made in
 * the order of the tiles; what an operator cannot do tile by tile it does with the whole.
 */
import { servesWeight, weightServed } from '../../../spec/names.ts';
import { type Op, type ProgramFunction, type Shape, type State, sameShape } from '../../../spec/program.ts';
import { axesOf } from '../../operators/reduction.ts';
import { isOperator, type OperatorName, operators } from '../../operators/table.ts';
import { type Application, type Product, productOf, type Read, readsFor, resultOf } from './axes.ts';
import { type Layout, sameCuts, sameLayout } from './layout.ts';
import type { StateCuts } from './state-cuts.ts';

/** How one operation is done. */
export type Way =
  | { readonly kind: 'whole' }
  /** Tile by tile: `args[j]` says how argument j is read. */
  | { readonly kind: 'tiles'; readonly layout: Layout; readonly args: readonly Read[] }
  /** As a sum over tiles of `args`; the result is cut as `layout` says. */
  | {
      readonly kind: 'parts';
      readonly args: readonly Read[];
      readonly over: Layout;
      readonly layout: Layout | undefined;
    };

export const WHOLE: Way = { kind: 'whole' };

export interface Layouts {
  of(id: string): Layout | undefined;
  way(op: Op): Way;
}

export function findLayouts(cuts: StateCuts, states: readonly State[], f: ProgramFunction): Layouts {
  const { weights } = cuts;
  const layouts = new Map<string, Layout | undefined>();
  const shapes = new Map<string, Shape>([...states, ...f.inputs].map((v) => [v.id, v.shape]));
  for (const state of states) layouts.set(state.id, cuts.ofState(state));
  for (const block of f.blocks) {
    for (const scalar of block.scalars) shapes.set(scalar.id, []);
    for (const op of block.ops) shapes.set(op.id, op.shape);
    for (const carry of block.carries) for (const id of [carry.id, carry.result]) shapes.set(id, carry.shape);
  }
  const weightLike = new Set([...weights.keys()]);
  const preferences = new Map<string, Layout | 'whole'>();
  const ways = new Map<string, Way>();
  const context: Context = { layouts, shapes, preferences, weightLike, weights };
  const forward = (): void => {
    for (const block of f.blocks) {
      for (const carry of block.carries) {
        const layout = cuts.ofCarry(carry.id, layouts.get(carry.init));
        for (const id of [carry.id, carry.result]) layouts.set(id, layout);
        if (weightLike.has(carry.init)) weightLike.add(carry.id).add(carry.result);
      }
      for (const op of block.ops) {
        const way = wayOf(op, context);
        ways.set(op.id, way);
        layouts.set(op.id, way.kind === 'whole' ? undefined : way.layout);
        if (servesWeight(op.origin) || isMasked(op, weightLike, shapes)) weightLike.add(op.id);
      }
    }
  };
  forward();
  findPreferences(f, context);
  forward();
  return { of: (id) => layouts.get(id), way: (op) => ways.get(op.id) ?? WHOLE };
}

/** A weight times a mask or a number is as large, and moved as little, as the weight. */
function isMasked(op: Op, weightLike: ReadonlySet<string>, shapes: ReadonlyMap<string, Shape>): boolean {
  if (!isOperator(op.op) || !operators[op.op].elementwise) return false;
  return op.args.some((a) => weightLike.has(a) && sameShape(shapes.get(a) ?? [], op.shape));
}

interface Context {
  readonly layouts: ReadonlyMap<string, Layout | undefined>;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The layout in which a value is read. */
  readonly preferences: Map<string, Layout | 'whole'>;
  readonly weightLike: ReadonlySet<string>;
  readonly weights: ReadonlyMap<string, Layout>;
}

/** The layout that the readers of a value prefer. */
function findPreferences(f: ProgramFunction, { layouts, shapes, preferences, weights }: Context): void {
  const prefer = (id: string, layout: Layout | 'whole' | undefined): void => {
    if (layout && !preferences.has(id)) preferences.set(id, layout);
  };
  for (const { state, value } of f.updates) prefer(value, layouts.get(state));
  for (const block of [...f.blocks].reverse()) {
    for (const carry of block.carries) prefer(carry.next, layouts.get(carry.id));
    for (const carry of block.carries) prefer(carry.init, layouts.get(carry.id));
    for (const op of [...block.ops].reverse()) {
      const weight = weightServed(op.origin);
      // What is reduced is no longer as large as the weight.
      const likeWeight = weight !== undefined && sameShape(op.shape, shapes.get(weight) ?? op.shape);
      const own = !likeWeight ? (preferences.get(op.id) ?? layouts.get(op.id)) : (weights.get(weight) ?? 'whole');
      if (!own || !isOperator(op.op)) continue;
      const application = applicationOf(op, op.op, shapes);
      preferredReads(application, own).forEach((read, j) => {
        prefer(op.args[j] ?? '', read);
      });
    }
  }
}

/** How a result that is wanted so would have its arguments: those that are as large as it is. */
function preferredReads(application: Application, wanted: Layout | 'whole'): readonly (Read | 'whole')[] {
  const { op, args, shape } = application;
  if (operators[op].elementwise) return args.map((arg) => (sameShape(arg, shape) ? wanted : undefined));
  if (wanted === 'whole') return op === 'reshape' ? [wanted] : [];
  return CARRYING.has(op) ? (readsFor(application, wanted) ?? []) : [];
}

const CARRYING: ReadonlySet<string> = new Set([
  'reshape',
  'transpose',
  'max_pool2d',
  'max_pool2d_gradient',
  'average_pool2d',
  'average_pool2d_gradient',
]);

function applicationOf(
  { attributes, args, shape }: Op,
  op: OperatorName,
  shapes: ReadonlyMap<string, Shape>,
): Application {
  return { op, attributes, args: args.map((a) => shapes.get(a) ?? []), shape };
}

function wayOf(op: Op, context: Context): Way {
  const { layouts, shapes, preferences } = context;
  if (!isOperator(op.op)) return WHOLE;
  const cut = op.args.map((a) => layouts.get(a));
  const isPreferred = op.op === 'matmul' && layoutIn(preferences.get(op.id)) !== undefined;
  if (!isPreferred && cut.every((l) => l === undefined)) return WHOLE;
  // What serves a weight is cut as the weight is, or not at all.
  const weight = weightServed(op.origin);
  if (weight !== undefined && !context.weights.has(weight)) return WHOLE;
  const application = applicationOf(op, op.op, shapes);
  const product = productOf(application);
  if (product) return wayOfProduct(op, application, product, context);
  const [first] = cut;
  if (
    (op.op === 'sum' || op.op === 'amax') &&
    first &&
    axesOf(op.attributes, application.args[0]?.length ?? 0).includes(first.axis)
  )
    return { kind: 'parts', over: first, args: [first], layout: layoutIn(preferences.get(op.id)) };
  for (const [j, own] of cut.entries()) {
    const layout = own && resultOf(application, j, own);
    if (layout) return inTiles(application, layout);
  }
  return WHOLE;
}

function inTiles(application: Application, layout: Layout): Way {
  return { kind: 'tiles', layout, args: readsFor(application, layout) ?? [] };
}

function wayOfProduct(op: Op, application: Application, { inner }: Product, context: Context): Way {
  const { layouts, preferences, weightLike } = context;
  const [a = '', b = ''] = op.args;
  const [la, lb] = [layouts.get(a), layouts.get(b)];
  const preference = preferences.get(op.id);
  const preferred = layoutIn(preference);
  const left = inner && la?.axis === inner[0] ? la : undefined;
  const right = inner && lb?.axis === inner[1] ? lb : undefined;
  const over = (l: Layout): Way => ({
    kind: 'parts',
    over: l,
    args: (inner ?? []).map((axis) => ({ ...l, axis })),
    layout: preferred,
  });
  if (left && right && sameCuts(left, right)) return over(right);
  // The change of a weight that is not cut: its factors come together, it never does.
  if (preference === 'whole') return WHOLE;
  const byFirst = la && resultOf(application, 0, la);
  const bySecond = lb && resultOf(application, 1, lb);
  if (byFirst && sameLayout(byFirst, preferred)) return inTiles(application, byFirst);
  if (bySecond) return inTiles(application, bySecond);
  // A weight is never moved: what it is multiplied with is cut as it is.
  if (right && weightLike.has(b)) return over(right);
  if (left && weightLike.has(a)) return over(left);
  // The change of a weight that is cut, a sum over samples: each tile makes its own part.
  if (preferred && op.op === 'matmul' && inner?.[0] === 0 && inner[1] === 0 && readsFor(application, preferred))
    return inTiles(application, preferred);
  return byFirst ? inTiles(application, byFirst) : WHOLE;
}

function layoutIn(preferred: Layout | 'whole' | undefined): Layout | undefined {
  return preferred === 'whole' ? undefined : preferred;
}
