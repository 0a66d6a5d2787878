/** Which weights learn, and how fast beside the others: `learn` of the links that they belong to. */
import type { LinkInstance } from '../3-check/checked.ts';
import { weightOfLink } from '../4-graph/graph.ts';

type Links = readonly Pick<LinkInstance, 'name' | 'weights' | 'learn'>[];

/** Of every list of links that was asked for. */
const known = new WeakMap<Links, ReadonlyMap<string, number>>();

/** What the optimizer's rate is multiplied by, of the weights for which that is not 1. */
export function learningOf({ links }: { readonly links: Links }): ReadonlyMap<string, number> {
  const found = known.get(links);
  if (found) return found;
  const made = new Map(
    links.flatMap(({ name, weights, learn }) =>
      learn === undefined ? [] : weights.map((w) => [weightOfLink({ name }, w), learn] as const),
    ),
  );
  known.set(links, made);
  return made;
}

/** Whether the weight is moved at all. */
export function learns(weight: string, model: { readonly links: Links }): boolean {
  return learningOf(model).get(weight) !== 0;
}
