/** One tick of inference (equation 5): every free node descends the energy, all from the same old values. */
import { deviationName, nodeOrigin, valueName, velocityName } from '../../spec/names.ts';
import type { Carry } from '../../spec/program.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { alignMask, freeNodes, get, hold, type Network, type Values, withoutExact, zeros } from './network.ts';
import { after, carried, inside } from './training.ts';

export interface Settling {
  readonly rate: number;
  readonly momentum: number;
  /** A sample whose values all moved by no more than this in a tick stays as it is from then on; 0: all ticks count. */
  readonly tolerance?: number;
  /** Of nodes that may rest, [B]: 1 in the samples in which they stay as they are. */
  readonly rests?: Values;
}

/** The values as a tick's body reads them: carried for free nodes, fixed for the clamped; exact nodes have none yet. */
export function insideValues(network: Network, z: Values): Map<string, Value> {
  const values = withoutExact(network.graph, z);
  for (const node of freeNodes(network)) values.set(node.name, inside(valueName(node.name), get(z, node.name)));
  return values;
}

export function afterValues(network: Network, z: Values): Map<string, Value> {
  const values = withoutExact(network.graph, z);
  for (const node of freeNodes(network)) values.set(node.name, after(valueName(node.name), get(z, node.name)));
  return values;
}

/**
 * Moves the free nodes of a tick's body.
 * @param outside the block before, where velocities begin at zero
 * @returns the carries of values and velocities, and of which samples still move
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
  const moves: Move[] = [];
  const values = insideValues(network, z);
  for (const node of freeNodes(network)) {
    body.origin = nodeOrigin(node.name);
    const deviation = network.deviations?.get(node.name);
    const old = deviation?.by ?? get(values, node.name);
    const carry = deviation
      ? { name: deviationName(node.name), begin: zeros(outside, old.shape) }
      : { name: valueName(node.name), begin: get(z, node.name) };
    const gradient = found.get(old.id);
    if (!gradient) {
      carries.push(carried(carry.name, carry.begin, old));
      continue;
    }
    let direction = gradient;
    if (settling.momentum !== 0) {
      const velocity = inside(velocityName(node.name), old);
      const kept = body.op('mul', [velocity, body.constant(settling.momentum)]);
      direction = body.op('add', [kept, gradient]);
      carries.push(carried(velocityName(node.name), zeros(outside, old.shape), direction));
    }
    const moved = body.op('sub', [old, body.op('mul', [direction, body.constant(settling.rate)])]);
    const held = hold(body, network, node, moved);
    const rests = settling.rests?.get(node.name);
    const next = rests ? body.op('select', [alignMask(body, rests, old.shape.length), old, held]) : held;
    moves.push({ ...carry, old, next });
  }
  body.origin = undefined;
  const stopped = settling.tolerance
    ? stopSettled(body, outside, network, moves, settling.tolerance)
    : { moves, carries: [] };
  for (const { name, begin, next } of stopped.moves) carries.push(carried(name, begin, next));
  return [...carries, ...stopped.carries];
}

interface Move {
  /** Of the carry. */
  readonly name: string;
  readonly begin: Value;
  readonly old: Value;
  readonly next: Value;
}

/** Keeps a mask of the samples that still move: the others keep their values, whatever the batch around them does. */
function stopSettled(
  body: BlockBuilder,
  outside: BlockBuilder,
  network: Network,
  moves: readonly Move[],
  tolerance: number,
): { moves: Move[]; carries: Carry[] } {
  const all = outside.op('broadcast', [outside.constant(1)], { shape: [network.batch] });
  const moving = inside('moving', all);
  let largest: Value | undefined;
  for (const { old, next } of moves) {
    const axes = old.shape.map((_, i) => i).slice(1);
    const change = body.op('abs', [body.op('sub', [next, old])]);
    const most = axes.length === 0 ? change : body.op('amax', [change], { axes });
    largest = largest ? body.op('max', [largest, most]) : most;
  }
  if (!largest) return { moves: [...moves], carries: [] };
  const goesOn = body.op('greater', [largest, body.constant(tolerance)]);
  const kept = moves.map((move) => {
    const mask = alignMask(body, moving, move.old.shape.length);
    return { ...move, next: body.op('select', [mask, move.next, move.old]) };
  });
  return { moves: kept, carries: [carried('moving', all, body.op('mul', [moving, goesOn]))] };
}
