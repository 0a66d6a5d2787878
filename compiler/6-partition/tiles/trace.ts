/** Finds what has to be cut with an axis of a link's source, target or weights, from the link's expression. */
import type { Expr } from '../../operators/expr.ts';
import { axesOf } from '../../operators/reduction.ts';
import { type Application, productOf, readsFor, resultOf } from './axes.ts';
import { type Layout, sameLayout } from './layout.ts';

/** Layouts of leaves, by name. */
export type Found = Map<string, Layout>;

/**
 * Cuts the leaves that a result cut so is made of.
 * @returns false where an operator couples its tiles, so that each needs all of something
 */
export function traceDown(expr: Expr, layout: Layout, found: Found): boolean {
  if (isFixed(expr) || expr.kind === 'constant') return true;
  if (expr.kind === 'leaf') {
    const known = found.get(expr.name);
    found.set(expr.name, layout);
    return !known || sameLayout(known, layout);
  }
  const reads = readsFor(applicationOf(expr), layout);
  return reads?.every((read, j) => !read || traceDown(expr.args[j] as Expr, read, found)) ?? false;
}

export interface Upward {
  /** Whether the leaf is in the expression at all. */
  readonly met: boolean;
  /** Where the axis is in the result; nothing where it was summed over, or never was. */
  readonly at?: Layout;
  /** Sums over the axis. */
  readonly sums: number;
  /** An operator needs all of the axis for each of its elements, and does more than to normalise them. */
  readonly coupled: boolean;
  /** It is normalised along the axis: done once with all of it, and cut again behind. */
  readonly normalised: boolean;
}

/** Follows an axis of a leaf to the result, and cuts the other leaves that it meets. */
export function traceUp(expr: Expr, leaf: string, layout: Layout, found: Found): Upward {
  if (expr.kind !== 'apply') {
    const here = expr.kind === 'leaf' && expr.name === leaf;
    if (here) found.set(leaf, layout);
    return { met: here, ...(here ? { at: layout } : {}), sums: 0, coupled: false, normalised: false };
  }
  const below = expr.args.map((arg) => traceUp(arg, leaf, layout, found));
  const sums = below.reduce((n, b) => n + b.sums, 0);
  const rest = {
    met: below.some((b) => b.met),
    coupled: below.some((b) => b.coupled),
    normalised: below.some((b) => b.normalised),
  };
  const cut = below.map((b) => b.at);
  const first = cut.findIndex((at) => at !== undefined);
  const at = cut[first];
  if (!at) return { sums, ...rest };
  const application = applicationOf(expr);
  const others = otherReads(application, cut);
  if (!others && NORMALISING.has(expr.op)) return { at, sums, ...rest, normalised: true };
  const fits = others?.reads.every((read, j) => {
    const own = cut[j];
    if (own) return sameLayout(own, read);
    // A sum over the axis is there as a whole, and is cut like any value.
    return !read || below[j]?.met === true || traceDown(expr.args[j] as Expr, read, found);
  });
  if (!others || !fits) return { sums, ...rest, coupled: true };
  return others.result ? { at: others.result, sums, ...rest } : { sums: sums + 1, ...rest };
}

const NORMALISING: ReadonlySet<string> = new Set(['layer_norm', 'softmax', 'log_softmax']);

/** How all arguments are read where some are cut; without a result where the axis is summed over. */
function otherReads(
  application: Application,
  cut: readonly (Layout | undefined)[],
): { reads: (Layout | undefined)[]; result?: Layout } | undefined {
  const inner = productOf(application)?.inner;
  const j = cut.findIndex((at) => at !== undefined);
  const at = cut[j] as Layout;
  if (inner && inner[j as 0 | 1] === at.axis) return { reads: inner.map((axis) => ({ ...at, axis })) };
  const { op, attributes, args } = application;
  if ((op === 'sum' || op === 'amax') && axesOf(attributes, args[0]?.length ?? 0).includes(at.axis))
    return { reads: [at] };
  const result = resultOf(application, j, at);
  const reads = result && readsFor(application, result);
  return reads && { reads, result };
}

function applicationOf(expr: Expr & { kind: 'apply' }): Application {
  const { op, attributes, args, shape } = expr;
  return { op, attributes, args: args.map((a) => a.shape), shape };
}

/** Made of constants alone: every shard makes it for itself, and cuts it as it likes. */
function isFixed(expr: Expr): boolean {
  return expr.kind === 'constant' || (expr.kind === 'apply' && expr.args.every(isFixed));
}
