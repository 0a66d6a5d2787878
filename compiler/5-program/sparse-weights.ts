/**
 * How the weights of a thinned link are kept: where few connections exist, those alone, as a list beside the places
 * they have in the matrix; where many do, the whole matrix and a mask.
 */
import { maskName } from '../../spec/names.ts';
import type { State } from '../../spec/program.ts';
import { connectionRoom } from '../../spec/topologies.ts';
import type { WeightInstance } from '../3-check/checked.ts';
import type { GraphLink } from '../4-graph/graph.ts';
import type { Value } from '../operators/operator.ts';

/**
 * Up to this density a list is kept. It decides the shape of a state, which all devices, all shards and all saved runs of
 * a plan have in common: so no device chooses for itself, and the choice is made here, where states are. Most of it is
 * numbers kept, whatever the device: an entry of a list takes three, its row and column included (and an optimiser's as
 * many as the weight), an element of a masked matrix two. Speed does not speak against it: with 2048 x 2048 units on the
 * CPU, in shares of the dense link's time, a list takes 0.70 at density 0.01, 0.94 at 0.1 and 1.04 at 0.25, a mask 1.00
 * whatever the density.
 */
const MAX_LISTED_DENSITY = 1 / 6;

/** Whether the weight is kept as a list of the connections that exist. */
export function isCompressed(link: GraphLink, weight: WeightInstance): boolean {
  const { sparsity } = link;
  // The identity is about rows and columns, which a list has not.
  return sparsity?.weight === weight.name && sparsity.density <= MAX_LISTED_DENSITY && weight.init.kind !== 'identity';
}

/** [targets, sources] of a thinned weight. */
export function matrixOf({ shape }: WeightInstance): [number, number] {
  const [targets = 1, sources = 1] = shape;
  return [targets, sources];
}

const counted = new WeakMap<object, number>();

/** Length of the list. */
export function entriesOf({ sparsity }: GraphLink, weight: WeightInstance): number {
  if (!sparsity) throw new Error(`${weight.name} is not thinned`);
  const known = counted.get(sparsity);
  if (known !== undefined) return known;
  const [targets, sources] = matrixOf(weight);
  const found = connectionRoom(sparsity, sources, targets);
  counted.set(sparsity, found);
  return found;
}

/** Masks by the name of their weight. */
export function masksOf(states: readonly State[]): ReadonlyMap<string, Value> {
  return new Map(
    states.flatMap(({ id, shape, init }) =>
      init.kind === 'thinned' ? [[id, { id: maskName(id), shape }] as const] : [],
    ),
  );
}
