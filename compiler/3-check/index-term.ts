/** `of[…]`: elements of arrays of nodes and clusters, of lists and of tensors; sizes of a type. */
import type { Expression, Index, IndexItem } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { apply, type Expr } from '../operators/expr.ts';
import { type Environment, inside, lookup } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { isDone, settleShape } from './shapes.ts';
import { showExpression } from './show.ts';
import { describe, isKind, isPoison, type Place, POISON, type Term, tensor } from './term.ts';

/** Positions `from` … `to`, both included. */
export interface Positions {
  readonly from: number;
  readonly to: number;
  readonly single: boolean;
}

export function indexTerm(of: Term, expression: Index, environment: Environment, evaluate: Evaluate): Term {
  if (isKind(of, 'type')) {
    const sizes = expression.items.map((item) => (item.kind === 'at' ? evaluate(item.value, environment) : POISON));
    const shape = settleShape(sizes, expression.span, environment);
    return isDone(shape) ? { ...of, shape } : POISON;
  }
  if (isKind(of, 'places')) return indexPlaces(of, expression, environment, evaluate);
  const [item] = expression.items;
  if (isKind(of, 'list') && item !== undefined && expression.items.length === 1) {
    const at = elements(item, of.items.length, listName(expression.of), environment, evaluate);
    if (at === undefined) return POISON;
    const items = of.items.slice(at.from, at.to + 1);
    return at.single ? (items[0] ?? POISON) : { kind: 'list', items };
  }
  if (isKind(of, 'tensor')) return indexTensor(of.expr, expression, environment, evaluate);
  environment.session.reporter.report('index/none', expression.span, `${describe(of)} has no elements to choose from`);
  return POISON;
}

function indexPlaces(
  of: Extract<Term, { kind: 'places' }>,
  expression: Index,
  environment: Environment,
  evaluate: Evaluate,
): Term {
  const { whole } = of;
  const [item] = expression.items;
  if (whole === undefined || item === undefined) {
    if (environment.placesAreTensors === true && of.places.length === 1 && of.places[0]?.kind === 'node')
      return unreadable(expression, environment);
    const name = nameOf(of.places[0]);
    environment.session.reporter.report(
      'index/none',
      expression.span,
      `\`${name}\` is one ${of.places[0]?.kind ?? 'place'}, not an array`,
      {
        repair: `\`${name}\``,
      },
    );
    return POISON;
  }
  if (expression.items.length > 1) {
    environment.session.reporter.report(
      'index/none',
      expression.span,
      `arrays have one index, here are ${expression.items.length}`,
    );
    return POISON;
  }
  const chosen: Place[] = [];
  let single = true;
  for (const array of whole.arrays) {
    const at = elements(item, array.length, `\`${whole.name}\``, environment, evaluate);
    if (at === undefined) return POISON;
    chosen.push(...array.slice(at.from, at.to + 1));
    single &&= at.single;
  }
  return { kind: 'places', places: chosen, plural: of.plural || !single };
}

function unreadable(expression: Index, environment: Environment): Term {
  environment.session.reporter.report(
    'index/none',
    expression.span,
    'a node is not an array; elements of its values are taken with `slice`',
  );
  return POISON;
}

function nameOf(place: Place | undefined): string {
  return place === undefined ? 'this' : place.kind === 'node' ? place.node.name : place.cluster.name;
}

function listName(expression: Expression): string {
  return expression.kind === 'list' ? 'the list' : `\`${showExpression(expression)}\``;
}

/** Elements of a tensor, one index for each of its first axes. */
function indexTensor(x: Expr, expression: Index, environment: Environment, evaluate: Evaluate): Term {
  if (expression.items.length > x.shape.length) {
    environment.session.reporter.report(
      'index/none',
      expression.span,
      `${describe(tensor(x))} has ${x.shape.length} axes, here are ${expression.items.length} indices`,
    );
    return POISON;
  }
  const kept: number[] = [];
  let sliced = x;
  for (const [axis, size] of x.shape.entries()) {
    const item = expression.items[axis];
    const at = item === undefined ? undefined : elements(item, size, `axis ${axis}`, environment, evaluate);
    if (item !== undefined && at === undefined) return POISON;
    if (at === undefined || !at.single) kept.push(at === undefined ? size : at.to - at.from + 1);
    if (at !== undefined && (at.from > 0 || at.to < size - 1))
      sliced = apply('slice', [sliced], { axis: axis - x.shape.length, from: at.from, size: at.to - at.from + 1 });
  }
  return tensor(kept.length === x.shape.length ? sliced : apply('reshape', [sliced], { shape: kept }));
}

/** `positions`, where `last` is the number of the last element unless something has that name. */
function elements(
  item: IndexItem,
  count: number,
  what: string,
  environment: Environment,
  evaluate: Evaluate,
): Positions | undefined {
  const named = lookup(environment, LAST) !== undefined;
  const scope = named ? environment : inside(environment, new Map([[LAST, count - 1]]));
  return positions(item, count, what, scope, evaluate);
}

const LAST = 'last';

/** Which of `count` elements an index means; undefined after a report when they are not all there. */
export function positions(
  item: IndexItem,
  count: number,
  what: string,
  environment: Environment,
  evaluate: Evaluate,
): Positions | undefined {
  if (item.kind === 'all') return { from: 0, to: count - 1, single: false };
  const ends = item.kind === 'at' ? [item.value, item.value] : [item.from, item.to];
  const [from, to] = ends.map((end) => whole(evaluate(end, environment), end.span, environment));
  if (from === undefined || to === undefined) return undefined;
  if (from < 0 || to >= count || to < from) {
    const reason =
      to < from
        ? `the range ${from}..${to} runs backwards`
        : `${what} has ${count} element${count === 1 ? '' : 's'}, 0 to ${count - 1}; ${to >= count ? to : from} is outside`;
    // Inside a definition the place that matters is where it is used: `shape(source)[1]` of a vector.
    if (environment.onShape) environment.onShape(item.span, reason);
    else environment.session.reporter.report('index/outside', item.span, reason);
    return undefined;
  }
  return { from, to, single: item.kind === 'at' };
}

function whole(term: Term, span: Span, environment: Environment): number | undefined {
  if (isPoison(term)) return undefined;
  if (typeof term === 'number' && Number.isSafeInteger(term)) return term;
  environment.session.reporter.report('index/outside', span, `an index is a whole number, not ${describe(term)}`);
  return undefined;
}
