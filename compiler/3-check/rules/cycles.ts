/** Cycles of undelayed links: legal, but some learning rules need a first and a last node. */
import { append } from '../../../spec/append.ts';
import type { Span } from '../../diagnostics/diagnostic.ts';
import { LineTable } from '../../diagnostics/lines.ts';
import type { Reporter } from '../../diagnostics/reporter.ts';
import type { LinkInstance, ModelInstance } from '../checked.ts';

/** Rules that go through the model once, from the inputs to the outputs. */
const ORDERED: Readonly<Record<string, string>> = {
  bp: 'Backpropagation',
  fixed_prediction: 'Fixed prediction',
  z_il: 'Z-IL',
  fa_z_il: 'Fa-Z-IL',
};
/** Longer cycles are shown by their first and last nodes. */
const SHOWN = 6;

/** A shortest cycle of undelayed links, as links in order; undefined when there is none. */
export function findCycle(model: ModelInstance): readonly LinkInstance[] | undefined {
  const out = new Map<string, LinkInstance[]>();
  for (const link of model.links) {
    if (link.delay > 0) continue;
    append(out, link.source, link);
  }
  const cyclic = nodesOnCycles(out);
  const [first] = [...cyclic];
  return first === undefined ? undefined : shortestFrom(first, out, cyclic);
}

/**
 * The nodes that remain when those without a way in or out are removed, again and again: cycles, and paths between
 * them.
 */
function nodesOnCycles(out: ReadonlyMap<string, readonly LinkInstance[]>): Set<string> {
  const rest = new Set(out.keys());
  const into = new Map<string, number>();
  for (const links of out.values()) for (const link of links) into.set(link.target, (into.get(link.target) ?? 0) + 1);
  const ready = [...rest].filter((name) => !into.has(name));
  for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
    rest.delete(name);
    for (const link of out.get(name) ?? []) {
      const left = (into.get(link.target) ?? 0) - 1;
      into.set(link.target, left);
      if (left === 0 && rest.has(link.target)) ready.push(link.target);
    }
  }
  return rest;
}

/** Follows links among the nodes left until one comes again, then looks for the shortest way round from there. */
function shortestFrom(
  first: string,
  out: ReadonlyMap<string, readonly LinkInstance[]>,
  rest: ReadonlySet<string>,
): LinkInstance[] {
  const order = new Map<string, number>();
  const into = new Map<string, string>();
  for (const name of rest)
    for (const link of out.get(name) ?? []) if (rest.has(link.target)) into.set(link.target, name);
  // Every node left has a way in from among them, so walking backwards must come round.
  let at = first;
  while (!order.has(at)) {
    order.set(at, order.size);
    at = into.get(at) ?? at;
  }
  return wayBack(at, out);
}

function wayBack(start: string, out: ReadonlyMap<string, readonly LinkInstance[]>): LinkInstance[] {
  const reachedBy = new Map<string, LinkInstance>();
  const queue = [start];
  for (const name of queue)
    for (const link of out.get(name) ?? []) {
      if (reachedBy.has(link.target)) continue;
      reachedBy.set(link.target, link);
      if (link.target === start) return trace(start, reachedBy);
      queue.push(link.target);
    }
  return [];
}

function trace(start: string, reachedBy: ReadonlyMap<string, LinkInstance>): LinkInstance[] {
  const links: LinkInstance[] = [];
  let name = start;
  do {
    const link = reachedBy.get(name);
    if (link === undefined) break;
    links.unshift(link);
    name = link.source;
  } while (name !== start);
  return links;
}

/** `assoc -> motor -> assoc (lines 21, 22)` */
export function showCycle(cycle: readonly LinkInstance[], texts: ReadonlyMap<string, string>): string {
  const names = [...cycle.map((link) => link.source), cycle[0]?.source ?? ''];
  const shown = names.length <= SHOWN ? names : [...names.slice(0, SHOWN - 2), '…', ...names.slice(-1)];
  const lines = [
    ...new Set(cycle.map((link) => new LineTable(texts.get(link.span.file) ?? '').position(link.span.start).line)),
  ];
  const few = lines.slice(0, SHOWN).join(', ');
  return `${shown.join(' -> ')} (line${lines.length === 1 ? '' : 's'} ${few}${lines.length > SHOWN ? ', …' : ''})`;
}

/** Refuses a rule that needs an order. @param methodSpan where the rule is chosen */
export function checkCycleRule(
  model: ModelInstance,
  method: string,
  methodSpan: Span,
  texts: ReadonlyMap<string, string>,
  reporter: Reporter,
): void {
  const rule = ORDERED[method];
  const cycle = rule && findCycle(model);
  if (!cycle) return;
  reporter.report(
    'cycle/rule',
    methodSpan,
    `${showCycle(cycle, texts)} has no delay, so none of its nodes is the last`,
    {
      message: `${rule} cannot train a model with a cycle`,
      repair: 'learn.il(...) or learn.ipc(...), which settle a cycle; or a delay on one of its links',
    },
  );
}

export function noteCycle(
  cycle: readonly LinkInstance[] | undefined,
  texts: ReadonlyMap<string, string>,
  reporter: Reporter,
): void {
  const [first] = cycle ?? [];
  if (cycle === undefined || first === undefined) return;
  reporter.report(
    'cycle/settles',
    first.span,
    `${showCycle(cycle, texts)}: its nodes begin at their \`start\` and settle together`,
  );
}
