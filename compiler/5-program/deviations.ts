/**
 * Values that are kept as what they deviate from the forward sweep (equation 7e). The error z - mu of values that have
 * hardly moved is a small difference of large numbers, of which f32 leaves few digits. Of a deviation it has all of them,
 * for as long as the prediction is the sweep's.
 */
import { deviationName, nodeOrigin } from '../../spec/names.ts';
import type { Expr } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { type Deviation, freeNodes, get, type Network, type Values, zeros } from './network.ts';
import { after, inside } from './training.ts';

export interface Deviating {
  readonly network: Network;
  /** All values, as the links read them. */
  readonly z: Values;
}

/**
 * Nodes that are predicted, free in all samples, and whose energies read nothing but the difference of values and
 * prediction, so that both may be taken less the same. Others keep their values as they are.
 */
function deviating(network: Network): string[] {
  const predicted = new Set(network.graph.links.map((link) => link.target));
  return freeNodes(network)
    .filter(({ name, energy }) => predicted.has(name) && !network.clamps.has(name) && readsDifference(energy))
    .map(({ name }) => name);
}

/** Whether `z` and `mu` are read as `z - mu` and `mu - z` alone. */
export function readsDifference(energy: Expr): boolean {
  if (energy.kind === 'constant') return true;
  if (energy.kind === 'leaf') return energy.name !== 'z' && energy.name !== 'mu';
  const [left, right] = energy.args;
  const read = [left, right].map((e) => (e?.kind === 'leaf' ? e.name : ''));
  if (energy.op === 'sub' && read.includes('z') && read.includes('mu')) return true;
  return energy.args.every(readsDifference);
}

/**
 * As the body of a tick reads them: deviations are carried, and begin at zero.
 * @param sweep all values as the sweep leaves them
 * @param moved all values as the body reads them where they are kept as they are
 */
export function insideDeviations(
  body: BlockBuilder,
  outside: BlockBuilder,
  network: Network,
  sweep: Values,
  moved: Values,
): Deviating {
  const by = (name: string): Value => inside(deviationName(name), zeros(outside, get(sweep, name).shape));
  return addedTo(body, network, sweep, moved, by);
}

/** As the last tick leaves them. */
export function afterDeviations(builder: BlockBuilder, network: Network, sweep: Values, moved: Values): Deviating {
  return addedTo(builder, network, sweep, moved, (name) => after(deviationName(name), get(sweep, name)));
}

function addedTo(
  builder: BlockBuilder,
  network: Network,
  sweep: Values,
  moved: Values,
  deviationOf: (name: string) => Value,
): Deviating {
  const z = new Map(moved);
  const deviations = new Map<string, Deviation>();
  for (const name of deviating(network)) {
    const from = get(sweep, name);
    const by = deviationOf(name);
    deviations.set(name, { from, by });
    builder.origin = nodeOrigin(name);
    z.set(name, builder.op('add', [from, by]));
  }
  builder.origin = undefined;
  return { network: { ...network, deviations }, z };
}
