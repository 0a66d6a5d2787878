/**
 * The network as operations: predictions, energies and the forward sweep, for whatever values and weights it is given.
 * Every learning rule and every prediction is made of these three.
 */

import { append } from '../../spec/append.ts';
import { connectionsName, linkOrigin, nodeOrigin, pastName, weightName } from '../../spec/names.ts';
import { sameShape } from '../../spec/program.ts';
import type { WeightInstance } from '../3-check/checked.ts';
import { exactNodes } from '../4-graph/exact.ts';
import { type Graph, type GraphLink, type GraphNode, weightOfLink } from '../4-graph/graph.ts';
import { components } from '../4-graph/order.ts';
import type { Value } from '../operators/operator.ts';
import { atRest } from './arrivals.ts';
import type { BlockBuilder } from './builder.ts';
import { settlingBindings } from './chance.ts';
import { distanceBinding } from './distance-binding.ts';
import { type Bindings, lowerExpression } from './lower-expression.ts';
import { type BatchMeans, takeMeans } from './over-batch.ts';
import { isCompressed, matrixOf } from './sparse-weights.ts';

export type Values = ReadonlyMap<string, Value>;

/** A node held at given values; `when` is not 0 for the samples [B], or the elements [B, …shape], that are held. */
export interface Clamp {
  readonly value: Value;
  readonly when?: Value;
}

/** The values of a node as the sweep left them, and by how much they have moved since. */
export interface Deviation {
  readonly from: Value;
  readonly by: Value;
}

export interface Network {
  readonly graph: Graph;
  readonly batch: number;
  /** Samples of the whole batch, of which these may be one lane: means are over all of them. */
  readonly samples: number;
  readonly clamps: ReadonlyMap<string, Clamp>;
  /** Where nodes begin that no forward sweep reaches, drawn once for all samples; the others' are constants. */
  readonly starts: Values;
  /** Where the task lets nodes begin that are free, for all samples or some. */
  readonly begun?: ReadonlyMap<string, Clamp>;
  /** Values that delayed links read: those of n steps before, by `pastName`. */
  readonly past: Values;
  /** Of a training: means over its batch, as its sweep finds them. */
  readonly means?: BatchMeans | undefined;
  /** What elements are multiplied by of which a training drops some (equation 14g). */
  readonly masks?: Values | undefined;
  /** Nothing is learnt: noise is the same for the same input. */
  readonly answers?: boolean;
  /** Of nodes whose values are kept so. */
  readonly deviations?: ReadonlyMap<string, Deviation>;
  /** Nodes that are at rest until this tick; asked where it is said which tick it is. */
  readonly resting?: ReadonlyMap<string, number>;
}

export interface Evaluation {
  /** All values, those of exact nodes among them. */
  readonly z: Values;
  /** Predictions of the nodes that any link predicts. */
  readonly mu: Values;
  /** Energies by element, one tensor a node. */
  readonly energies: Values;
}

/** Nodes whose values move: not exact, and not clamped, or not for every sample. */
export function freeNodes(network: Network): GraphNode[] {
  return network.graph.nodes.filter((n) => {
    if (n.value) return false;
    const clamp = network.clamps.get(n.name);
    return !clamp || clamp.when !== undefined;
  });
}

export function batchedShape(network: Network, node: GraphNode): number[] {
  return [network.batch, ...node.shape];
}

export function zeros(builder: BlockBuilder, shape: readonly number[]): Value {
  return builder.op('broadcast', [builder.constant(0)], { shape: [...shape] });
}

/**
 * Predictions and energies at the values `z` (equations 1 and 2). All links read the same old values; exact nodes that
 * have none take theirs from these.
 *
 * @param now which tick after the sweep it is, where it is one
 */
export function evaluate(
  builder: BlockBuilder,
  network: Network,
  given: Values,
  weights: Values,
  now?: number | 'tick',
): Evaluation {
  const activated = new Map<string, Value>();
  const mu = new Map<string, Value>();
  const others = new Map<string, Value[]>();
  const energies = new Map<string, Value>();
  const z = new Map(given);
  for (const node of exactNodes(network.graph)) {
    if (z.has(node.name)) continue;
    const links = linksInto(network.graph, node.name);
    const prediction = predict(builder, network, node, links, z, weights, activated, now);
    mu.set(node.name, prediction);
    z.set(node.name, exactValue(builder, network, node, prediction, weights, now));
  }
  for (const node of network.graph.nodes) {
    if (mu.has(node.name)) continue;
    const [first, ...rest] = errorGroups(network.graph, node.name);
    const of = (links: readonly GraphLink[]): Value =>
      predict(builder, network, node, links, z, weights, activated, now);
    if (first) mu.set(node.name, of(first));
    if (rest.length > 0) others.set(node.name, rest.map(of));
  }
  for (const node of network.graph.nodes) {
    const energy = energyOf(builder, network, node, z, mu.get(node.name), weights, now);
    const more = (others.get(node.name) ?? []).flatMap(
      (prediction) => energyOf(builder, network, node, z, prediction, weights, now) ?? [],
    );
    if (energy) energies.set(node.name, addUp(builder, node, [energy, ...more]));
  }
  return { z, mu, energies };
}

/** The values without those of exact nodes, which follow from them. */
export function withoutExact(graph: Graph, z: Values): Map<string, Value> {
  const values = new Map(z);
  for (const { name } of exactNodes(graph)) values.delete(name);
  return values;
}

/** The values with those of exact nodes that are missing. */
export function withExact(builder: BlockBuilder, network: Network, z: Values, weights: Values): Values {
  const missing = exactNodes(network.graph).some(({ name }) => !z.has(name));
  return missing ? evaluate(builder, network, z, weights).z : z;
}

/** The values of an exact node (equation 2a). */
function exactValue(
  builder: BlockBuilder,
  network: Network,
  node: GraphNode,
  mu: Value,
  weights: Values,
  now: number | 'tick' | undefined,
): Value {
  const { value } = node;
  if (!value) throw new Error(`${node.name} is not exact`);
  builder.origin = nodeOrigin(node.name);
  const bindings = {
    ...distanceBinding(network, node.name, value),
    ...settlingBindings(builder, network, `value ${node.name}`, value, node.shape, now),
    ...weightBindings(node, weights),
    mu: { value: mu },
  };
  // What does not learn is what it is in predictions.
  const { means } = network;
  const taken = means && node.learn !== 0 ? takeMeans(builder, node, bindings, network.batch, means) : {};
  const made = lowerExpression(builder, value, { ...bindings, ...taken }, network.batch);
  const shape = batchedShape(network, node);
  const whole = made.shape.length === shape.length ? made : own(builder, made, shape);
  builder.origin = undefined;
  return whole;
}

function addUp(builder: BlockBuilder, node: GraphNode, [first, ...rest]: readonly [Value, ...Value[]]): Value {
  if (rest.length === 0) return first;
  builder.origin = nodeOrigin(node.name);
  const sum = rest.reduce((total, energy) => builder.op('add', [total, energy]), first);
  builder.origin = undefined;
  return sum;
}

/** mu of one node: the sum of what these links predict, in the order they were written. */
function predict(
  builder: BlockBuilder,
  network: Network,
  node: GraphNode,
  links: readonly GraphLink[],
  z: Values,
  weights: Values,
  activated: Map<string, Value>,
  now: number | 'tick' | undefined,
): Value {
  let sum: Value | undefined;
  for (const link of links) {
    const source =
      link.delay === 0
        ? activate(builder, network, link.source, z, weights, activated)
        : activatePast(builder, network, link, weights);
    builder.origin = linkOrigin(link.name);
    const bindings = settlingBindings(builder, network, linkOrigin(link.name), link.body, node.shape, now);
    bindings.source = { value: source };
    for (const w of link.weights) bindings[w.name] = { value: weightOf(builder, link, w, weights) };
    const before = builder.ops.length;
    const part = lowerExpression(builder, link.body, bindings, network.batch);
    const fresh = builder.ops.length > before && builder.ops.at(-1)?.id === part.id;
    const shape = batchedShape(network, node);
    if (sum) sum = builder.op('add', [sum, part]);
    else sum = fresh && part.shape.length === shape.length ? part : own(builder, part, shape);
  }
  builder.origin = undefined;
  if (!sum) throw new Error(`no link predicts ${node.name}`);
  return sum;
}

/** Links by target, of every graph that was asked for. */
const byTarget = new WeakMap<Graph, Map<string, GraphLink[]>>();

function linksInto(graph: Graph, target: string): readonly GraphLink[] {
  let links = byTarget.get(graph);
  if (!links) {
    links = new Map();
    for (const link of graph.links) append(links, link.target, link);
    byTarget.set(graph, links);
  }
  return links.get(target) ?? [];
}

/** The links whose predictions add, and each one that is apart: a node has an error from each of these groups. */
export function errorGroups(graph: Graph, target: string): GraphLink[][] {
  const links = linksInto(graph, target);
  const joined = links.filter((l) => !l.apart);
  const apart = links.filter((l) => l.apart).map((l) => [l]);
  return joined.length === 0 ? apart : [joined, ...apart];
}

/** A weight as the link uses it: a matrix, even where only a list of its connections is kept. */
function weightOf(builder: BlockBuilder, link: GraphLink, weight: WeightInstance, weights: Values): Value {
  const name = weightOfLink(link, weight);
  const value = get(weights, name);
  if (link.sparsity?.weight !== weight.name || !isCompressed(link, weight)) return value;
  const connections = { id: connectionsName(name), shape: [2, ...value.shape] };
  return builder.op('scatter_matrix', [value, connections], { matrix: matrixOf(weight) });
}

/**
 * A value with a name of its own, even where it is another value unchanged (a link that hands values on): gradients
 * tell values apart by their names. One that is the same for all samples is repeated.
 */
function own(builder: BlockBuilder, value: Value, shape: readonly number[]): Value {
  const repeats = value.shape.length < shape.length;
  return builder.op(repeats ? 'broadcast' : 'reshape', [value], { shape: [...shape] });
}

function activate(
  builder: BlockBuilder,
  network: Network,
  name: string,
  z: Values,
  weights: Values,
  activated: Map<string, Value>,
): Value {
  const known = activated.get(name);
  if (known) return known;
  const node = nodeOf(network.graph, name);
  builder.origin = nodeOrigin(name);
  const value = lowerExpression(builder, node.activation, nodeBindings(node, z, undefined, weights), network.batch);
  activated.set(name, value);
  return value;
}

/** f of the values that the link's source had `delay` steps before: constant within a step. */
function activatePast(builder: BlockBuilder, network: Network, link: GraphLink, weights: Values): Value {
  const node = nodeOf(network.graph, link.source);
  builder.origin = nodeOrigin(node.name);
  const past = new Map([[node.name, get(network.past, pastName(node.name, link.delay))]]);
  return lowerExpression(builder, node.activation, nodeBindings(node, past, undefined, weights), network.batch);
}

function energyOf(
  builder: BlockBuilder,
  network: Network,
  node: GraphNode,
  z: Values,
  mu: Value | undefined,
  weights: Values,
  now: number | 'tick' | undefined,
): Value | undefined {
  if (node.value) return undefined;
  const clamp = network.clamps.get(node.name);
  const held = clamp !== undefined && clamp.when === undefined;
  if (!mu && (held || node.prior === 'none')) return undefined;
  if (node.clampedOnly && !clamp) return undefined;
  builder.origin = nodeOrigin(node.name);
  const arrival = now === undefined ? undefined : network.resting?.get(node.name);
  const given = { z: get(z, node.name), mu: mu ?? zeros(builder, batchedShape(network, node)) };
  const both = withoutSweep(builder, network, node.name, given);
  const read = arrival === undefined || now === undefined ? both : atRest(builder, both, arrival, now);
  const bindings = {
    ...distanceBinding(network, node.name, node.energy),
    ...settlingBindings(builder, network, `node ${node.name}`, node.energy, node.shape, now),
    ...nodeBindings(node, new Map([[node.name, read.z]]), read.mu, weights),
  };
  const energy = lowerExpression(builder, node.energy, bindings, network.batch);
  const masked = maskEnergy(builder, node, energy, clamp?.when, mu !== undefined);
  builder.origin = undefined;
  return masked;
}

/** Values and prediction; of values that are kept as deviations, both less those of the sweep. */
export function withoutSweep(
  builder: BlockBuilder,
  network: Network,
  name: string,
  both: { readonly z: Value; readonly mu: Value },
): { readonly z: Value; readonly mu: Value } {
  const deviation = network.deviations?.get(name);
  return deviation ? { z: deviation.by, mu: builder.op('sub', [both.mu, deviation.from]) } : both;
}

/** Where a clamp holds for some samples or elements only, those alone have (or lack) the energy. */
function maskEnergy(
  builder: BlockBuilder,
  node: GraphNode,
  energy: Value,
  when: Value | undefined,
  predicted: boolean,
): Value {
  if (!when) return energy;
  const mask = alignMask(builder, energyMask(builder, when, energy), energy.shape.length);
  const zero = builder.constant(0);
  if (node.clampedOnly) return builder.op('select', [mask, energy, zero]);
  return predicted ? energy : builder.op('select', [mask, zero, energy]);
}

/** Where each element is held or not, but the energy is of all of them together: held where every element is. */
function energyMask(builder: BlockBuilder, when: Value, energy: Value): Value {
  if (when.shape.length <= 1 || sameShape(when.shape, energy.shape)) return when;
  const zero = builder.constant(0);
  const axes = when.shape.map((_, i) => i).slice(1);
  return builder.op('equal', [builder.op('amax', [builder.op('equal', [when, zero])], { axes }), zero]);
}

/** A mask of [B] with axes of size 1 behind, to stand beside a tensor of `rank` axes. */
export function alignMask(builder: BlockBuilder, mask: Value, rank: number): Value {
  if (mask.shape.length >= rank) return mask;
  const ones = new Array<number>(rank - mask.shape.length).fill(1);
  return builder.op('reshape', [mask], { shape: [...mask.shape, ...ones] });
}

function nodeBindings(node: GraphNode, z: Values, mu: Value | undefined, weights: Values): Bindings {
  const bindings: Record<string, Bindings[string]> = { z: { value: get(z, node.name) } };
  if (mu) bindings.mu = { value: mu };
  return { ...bindings, ...weightBindings(node, weights) };
}

function weightBindings(node: GraphNode, weights: Values): Bindings {
  return Object.fromEntries(node.weights.map((w) => [w.name, { value: get(weights, weightName(node.name, w.name)) }]));
}

/**
 * The forward sweep (equation 3): every free node begins at its prediction, in the order of the graph's components;
 * nodes within a cycle, and nodes that nothing predicts, begin at their `start`. Exact nodes within a cycle follow from
 * the others.
 */
export function sweep(builder: BlockBuilder, network: Network, weights: Values): Map<string, Value> {
  const z = new Map<string, Value>();
  const activated = new Map<string, Value>();
  for (const [name, clamp] of network.clamps) if (!clamp.when) z.set(name, clamp.value);
  for (const component of components(network.graph)) {
    const open = component.nodes.map((name) => nodeOf(network.graph, name)).filter((n) => !z.has(n.name));
    for (const node of component.cyclic ? exactLast(network.graph, open) : open) {
      const [links] = errorGroups(network.graph, node.name);
      if (node.value) {
        const mu = predict(builder, network, node, links ?? [], z, weights, activated, 0);
        z.set(node.name, exactValue(builder, network, node, mu, weights, 0));
        continue;
      }
      const begin =
        component.cyclic || !links ? undefined : predict(builder, network, node, links, z, weights, activated, 0);
      // The value is not the prediction: it moves away from it, and has a gradient of its own.
      const value = begin && own(builder, begin, batchedShape(network, node));
      const first = value ?? startValue(builder, network, node);
      z.set(node.name, hold(builder, network, node, beginAt(builder, network, node, first)));
    }
  }
  return z;
}

/** Nodes of a cycle: the exact ones behind all others, each behind those that it follows from. */
function exactLast(graph: Graph, nodes: readonly GraphNode[]): GraphNode[] {
  const within = new Set(nodes);
  return [...nodes.filter((n) => !n.value), ...exactNodes(graph).filter((n) => within.has(n))];
}

function startValue(builder: BlockBuilder, network: Network, node: GraphNode): Value {
  builder.origin = nodeOrigin(node.name);
  const drawn = network.starts.get(node.name);
  const start = drawn ?? builder.constant(node.start.kind === 'constant' ? node.start.value : 0);
  return builder.op('broadcast', [start], { shape: batchedShape(network, node) });
}

/** Where a node begins: at the task's `start`, for the samples or elements that it is about. */
export function beginAt(builder: BlockBuilder, network: Network, node: GraphNode, value: Value): Value {
  const begun = network.begun?.get(node.name);
  if (!begun?.when) return begun?.value ?? value;
  return builder.op('select', [alignMask(builder, begun.when, value.shape.length), begun.value, value]);
}

/** The value that a node takes: the clamp's for the samples in which it holds. */
export function hold(builder: BlockBuilder, network: Network, node: GraphNode, value: Value): Value {
  const clamp = network.clamps.get(node.name);
  if (!clamp?.when) return value;
  return builder.op('select', [alignMask(builder, clamp.when, value.shape.length), clamp.value, value]);
}

export function nodeOf(graph: Graph, name: string): GraphNode {
  const node = graph.nodes.find((n) => n.name === name);
  if (!node) throw new Error(`no node ${name}`);
  return node;
}

export function get<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no value for ${name}`);
  return value;
}
