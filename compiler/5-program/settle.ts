/** One tick of inference (equation 5): every free node descends the energy, all from the same old values. */
import type { Carry } from '../../spec/program.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { freeNodes, get, hold, type Network, type Values, zeros } from './network.ts';
import { after, carried, inside } from './training.ts';

export interface Settling {
  readonly rate: number;
  readonly momentum: number;
}

/** The values as a tick's body reads them: carried for free nodes, fixed for the clamped. */
export function insideValues(network: Network, z: Values): Map<string, Value> {
  const values = new Map(z);
  for (const node of freeNodes(network)) values.set(node.name, inside(`z.${node.name}`, get(z, node.name)));
  return values;
}

export function afterValues(network: Network, z: Values): Map<string, Value> {
  const values = new Map(z);
  for (const node of freeNodes(network)) values.set(node.name, after(`z.${node.name}`, get(z, node.name)));
  return values;
}

/**
 * Moves the free nodes of a tick's body.
 * @param outside the block before, where velocities begin at zero
 * @returns the carries of values and velocities
 */
export function moveValues(
  body: BlockBuilder,
  outside: BlockBuilder,
  network: Network,
  z: Values,
  found: ReadonlyMap<string, Value>,
  settling: Settling,
): Carry[] {
  const carries: Carry[] = [];
  const values = insideValues(network, z);
  for (const node of freeNodes(network)) {
    body.origin = `node ${node.name}`;
    const old = get(values, node.name);
    const gradient = found.get(old.id);
    if (!gradient) {
      carries.push(carried(`z.${node.name}`, get(z, node.name), old));
      continue;
    }
    let direction = gradient;
    if (settling.momentum !== 0) {
      const velocity = inside(`v.${node.name}`, old);
      const kept = body.op('mul', [velocity, body.constant(settling.momentum)]);
      direction = body.op('add', [kept, gradient]);
      carries.push(carried(`v.${node.name}`, zeros(outside, old.shape), direction));
    }
    const next = body.op('sub', [old, body.op('mul', [direction, body.constant(settling.rate)])]);
    carries.push(carried(`z.${node.name}`, get(z, node.name), hold(body, network, node, next)));
  }
  body.origin = undefined;
  return carries;
}
