/**
 * Layers that rest while others still settle (`freeze`): once the error of a node has hardly changed for three ticks, its
 * values stay, and it sends on the error that it had then (equation 7c).
 */
import {
  afterName,
  calmName,
  dualName,
  insideName,
  nodeOrigin,
  restingErrorName,
  restName,
} from '../../../spec/names.ts';
import type { Carry } from '../../../spec/program.ts';
import type { Value } from '../../operators/operator.ts';
import type { BlockBuilder } from '../builder.ts';
import {
  alignMask,
  batchedShape,
  type Evaluation,
  errorGroups,
  freeNodes,
  get,
  type Network,
  type Values,
  zeros,
} from '../network.ts';
import { after, carried, energyGradients, inside } from '../training.ts';
import type { Bound } from './multipliers.ts';

/** Ticks in a row in which an error has to change little. */
const CALM_TICKS = 3;
/** The square of the smallest error that counts as one: what is smaller may not have arrived yet. */
const MIN_SQUARE = 1e-6;

export interface Resting {
  /** Names of the nodes that may rest. */
  readonly names: readonly string[];
  /** Of each, [B]: 1 in the samples in which it rests. */
  readonly rests: Values;
  /** Of each, the error that it sends in those samples: -∂E/∂mu as it was. */
  readonly errors: Values;
}

/** Which nodes rest as a tick begins, and how its end leaves that. */
export interface TickOfRest {
  readonly evaluation: Evaluation;
  /** Of each node, [B]: 1 in the samples in which its values stay. */
  readonly rests: Values;
  readonly carries: Carry[];
}

/** Nodes that may rest: free in all samples, predicted by links that add, with no weights of their own in their energies. */
function mayRest(network: Network, { energies, mu }: Evaluation): string[] {
  return freeNodes(network)
    .filter(
      ({ name, weights }) => !network.clamps.has(name) && weights.length === 0 && energies.has(name) && mu.has(name),
    )
    .map(({ name }) => name)
    .filter((name) => errorGroups(network.graph, name).length === 1);
}

/** In a tick: who rests by the errors of this tick, and the energies that others descend. */
export function restInTick(
  body: BlockBuilder,
  outside: BlockBuilder,
  network: Network,
  { evaluation, carries: bound }: Pick<Bound, 'evaluation' | 'carries'>,
  share: number,
): TickOfRest {
  const names = mayRest(network, evaluation);
  const energies = new Map(names.map((name) => [name, get(evaluation.energies, name)]));
  const predictions = names.map((name) => get(evaluation.mu, name));
  const slopes = energyGradients(body, { ...evaluation, energies }, predictions);
  const carries: Carry[] = [];
  const rests = new Map<string, Value>();
  const before: { rests: Map<string, Value>; errors: Map<string, Value> } = { rests: new Map(), errors: new Map() };
  for (const name of names) {
    const slope = slopes.get(get(evaluation.mu, name).id);
    if (!slope) continue;
    body.origin = nodeOrigin(name);
    const shape = batchedShapeOf(network, name);
    const noError = zeros(outside, shape);
    const none = zeros(outside, [network.batch]);
    const rested = inside(restName(name), none);
    const old = inside(restingErrorName(name), noError);
    const fresh = body.op('neg', [slope]);
    const kept = body.op('select', [alignMask(body, rested, shape.length), old, fresh]);
    const size = squareOfSample(body, kept);
    const change = squareOfSample(body, body.op('sub', [kept, old]));
    const calm = body.op('mul', [
      body.op('greater', [body.op('mul', [size, body.constant(share * share)]), change]),
      body.op('greater_equal', [size, body.constant(MIN_SQUARE)]),
    ]);
    const count = inside(calmName(name), none);
    const counted = body.op('mul', [calm, body.op('add', [count, body.constant(1)])]);
    const now = body.op('max', [rested, body.op('greater_equal', [counted, body.constant(CALM_TICKS)])]);
    carries.push(carried(restingErrorName(name), noError, kept));
    carries.push(carried(calmName(name), none, counted));
    carries.push(carried(restName(name), none, now));
    rests.set(name, now);
    before.rests.set(name, rested);
    before.errors.set(name, old);
  }
  body.origin = undefined;
  const resting = { names: [...rests.keys()], ...before };
  const held = holdMultipliers(body, bound, before.rests);
  return { evaluation: withResting(body, evaluation, resting), rests, carries: [...held, ...carries] };
}

/** Multipliers of nodes that rest stay, too. */
function holdMultipliers(body: BlockBuilder, carries: readonly Carry[], rests: Values): Carry[] {
  const names = new Map([...rests.keys()].map((name) => [insideName(dualName(name)), name]));
  return carries.map((carry) => {
    const name = names.get(carry.id);
    if (name === undefined) return carry;
    const { id, shape, next } = carry;
    const rested = alignMask(body, get(rests, name), shape.length);
    const args = [rested, { id, shape: [...shape] }, { id: next, shape: [...shape] }];
    return { ...carry, next: body.op('select', args).id };
  });
}

/** What the last tick leaves. */
export function restAfter(network: Network, { rests }: Pick<TickOfRest, 'rests'>): Resting {
  const names = [...rests.keys()];
  const errorOf = (name: string): Value => ({
    id: afterName(restingErrorName(name)),
    shape: batchedShapeOf(network, name),
  });
  return {
    names,
    rests: new Map([...rests].map(([name, value]) => [name, after(restName(name), value)])),
    errors: new Map(names.map((name) => [name, errorOf(name)])),
  };
}

/** In the samples in which a node rests, an energy that sends on the error that it had: -error ∘ mu. */
export function withResting(
  builder: BlockBuilder,
  evaluation: Evaluation,
  { names, rests, errors }: Resting,
): Evaluation {
  const energies = new Map(evaluation.energies);
  for (const name of names) {
    builder.origin = nodeOrigin(name);
    const held = builder.op('mul', [get(errors, name), get(evaluation.mu, name)]);
    const term = builder.op('neg', [sumOfSample(builder, held)]);
    energies.set(name, builder.op('select', [get(rests, name), term, sumOfSample(builder, get(energies, name))]));
  }
  builder.origin = undefined;
  return { ...evaluation, energies };
}

function batchedShapeOf(network: Network, name: string): number[] {
  const node = network.graph.nodes.find((n) => n.name === name);
  if (!node) throw new Error(`there is no node ${name}`);
  return batchedShape(network, node);
}

function squareOfSample(builder: BlockBuilder, value: Value): Value {
  return sumOfSample(builder, builder.op('mul', [value, value]));
}

function sumOfSample(builder: BlockBuilder, value: Value): Value {
  const axes = value.shape.map((_, i) => i).slice(1);
  return axes.length === 0 ? value : builder.op('sum', [value], { axes });
}
