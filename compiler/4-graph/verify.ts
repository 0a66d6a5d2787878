/** Conditions that every graph must satisfy. A violation is a bug of the compiler: checking finds users' mistakes. */

import { ANY_DRAW, ANY_KEPT, weightName } from '../../spec/names.ts';
import { type Shape, sameShape } from '../../spec/program.ts';
import type { WeightInstance } from '../3-check/checked.ts';
import type { Expr } from '../operators/expr.ts';
import { isOperator, operators } from '../operators/table.ts';
import { leafOf } from './expression-text.ts';
import type { Graph, GraphLink, GraphNode } from './graph.ts';

export class GraphError extends Error {
  override readonly name = 'GraphError';
}

interface Leaf {
  readonly shape: Shape;
  readonly batched: boolean;
}
type Leaves = ReadonlyMap<string, Leaf>;

/** @throws GraphError with the first thing that is wrong */
export function verifyGraph(graph: Graph): void {
  const nodes = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (nodes.has(node.name)) throw new GraphError(`node ${node.name} is declared twice`);
    nodes.set(node.name, node);
    verifyNode(node);
  }
  const links = new Set<string>();
  const shared = new Map<string, Shape>();
  for (const link of graph.links) {
    if (links.has(link.name)) throw new GraphError(`link ${link.name} is declared twice`);
    links.add(link.name);
    verifyLink(link, nodes);
    verifyShared(link, shared);
  }
}

/** Leaves that the expressions of a node may read: `z`, its weights, and (the energy and the value only) `mu`. */
export function nodeLeaves(node: Pick<GraphNode, 'shape' | 'weights'>): Leaves {
  const value = { shape: node.shape, batched: true };
  return new Map<string, Leaf>([
    ...settlingLeaves(node.shape),
    ...weightLeaves(node.weights),
    ['distance', { shape: [], batched: false }],
    ['z', value],
    ['mu', value],
  ]);
}

/** Leaves that a link's body may read: `source` and its weights. */
export function linkLeaves(link: Pick<GraphLink, 'weights'>, source: Shape, target: Shape): Leaves {
  return new Map<string, Leaf>([
    ...settlingLeaves(target),
    ...weightLeaves(link.weights),
    ['source', { shape: source, batched: true }],
  ]);
}

/** Leaves that change from tick to tick, `tick` and draws of noise (`noise:0`, …), and masks that do not (`kept:0:0.1`). */
function settlingLeaves(shape: Shape): [string, Leaf][] {
  return [
    ['tick', { shape: [], batched: false }],
    [ANY_DRAW, { shape, batched: true }],
    [ANY_KEPT, { shape, batched: true }],
  ];
}

function weightLeaves(weights: readonly WeightInstance[]): [string, Leaf][] {
  return weights.map((w) => [w.name, { shape: w.shape, batched: false }]);
}

function verifyNode(node: GraphNode): void {
  const where = `node ${node.name}`;
  if (!node.shape.every((n) => Number.isInteger(n) && n > 0)) fail(where, `has shape [${node.shape}]`);
  if (node.rate !== undefined && !(node.role === 'sense' && node.rate > 0)) fail(where, `has rate ${node.rate}`);
  verifyWeights(where, node.weights, ['z', 'mu']);
  const leaves = nodeLeaves(node);
  const withoutPrediction = new Map([...leaves].filter(([name]) => name !== 'mu'));
  verifyExpression(`${where}: activation`, node.activation, withoutPrediction);
  verifyExpression(`${where}: energy`, node.energy, leaves);
  if (node.value) {
    verifyExpression(`${where}: value`, node.value, new Map([...leaves].filter(([name]) => name !== 'z')));
    if (!sameShape(node.value.shape, node.shape))
      fail(where, `has shape [${node.shape}], but its value gives [${node.value.shape}]`);
    for (const { of } of node.overBatch ?? []) verifyExpression(`${where}: mean`, of, leaves);
    if (node.energy.kind !== 'constant' || node.energy.value !== 0) fail(where, 'is exact and has an energy');
  }
  if (!sameShape(node.activation.shape, node.shape))
    fail(where, `has shape [${node.shape}], but its activation gives [${node.activation.shape}]`);
}

/** @param seen shapes of the shared weights of the links before, by name: the first link that has one owns it */
function verifyShared(link: GraphLink, seen: Map<string, Shape>): void {
  for (const { name, shape, shared } of link.weights) {
    if (shared === undefined) continue;
    const known = seen.get(shared);
    seen.set(shared, shape);
    if (!known && shared !== weightName(link.name, name))
      fail(`link ${link.name}`, `shares ${shared}, which no link before it has`);
    if (known && !sameShape(known, shape)) fail(`link ${link.name}`, `shares ${shared} in another shape`);
  }
}

function verifyLink(link: GraphLink, nodes: ReadonlyMap<string, GraphNode>): void {
  const where = `link ${link.name}`;
  const source = nodes.get(link.source) ?? fail(where, `begins at ${link.source}, which is not a node`);
  const target = nodes.get(link.target) ?? fail(where, `ends at ${link.target}, which is not a node`);
  if (!Number.isInteger(link.delay) || link.delay < 0) fail(where, `has delay ${link.delay}`);
  verifyWeights(where, link.weights, ['source']);
  verifyExpression(where, link.body, linkLeaves(link, source.shape, target.shape));
  if (!sameShape(link.body.shape, target.shape))
    fail(where, `predicts [${link.body.shape}], but ${target.name} has shape [${target.shape}]`);
  const { sparsity } = link;
  if (sparsity && !link.weights.some((w) => w.name === sparsity.weight))
    fail(where, `thins ${sparsity.weight}, which is not one of its weights`);
}

function verifyWeights(where: string, weights: readonly WeightInstance[], taken: readonly string[]): void {
  const names = new Set(taken);
  for (const { name, shape } of weights) {
    if (names.has(name)) fail(where, `uses the name ${name} twice`);
    names.add(name);
    if (!shape.every((n) => Number.isInteger(n) && n > 0)) fail(where, `has a weight ${name} of shape [${shape}]`);
  }
}

/** Leaves are known and of the right shape; every other shape follows by the operator table. */
function verifyExpression(where: string, expr: Expr, leaves: Leaves): void {
  if (expr.kind === 'constant') {
    if (expr.shape.length > 0) fail(where, `has a constant of shape [${expr.shape}]`);
    return;
  }
  if (expr.kind === 'leaf') {
    const known = leafOf(leaves, expr.name) ?? fail(where, `reads ${expr.name}, which it does not know`);
    if (!sameShape(known.shape, expr.shape))
      fail(where, `reads ${expr.name} as [${expr.shape}], but it is [${known.shape}]`);
    if (known.batched !== expr.batched)
      fail(where, `reads ${expr.name} as ${expr.batched ? 'a' : 'no'} value per sample`);
    return;
  }
  for (const argument of expr.args) verifyExpression(where, argument, leaves);
  if (!isOperator(expr.op)) fail(where, `applies ${String(expr.op)}, which is not an operator`);
  const row = operators[expr.op];
  const count = expr.args.length;
  if (row.arity === 'many' ? count === 0 : count !== row.arity) fail(where, `gives ${count} arguments to ${expr.op}`);
  for (const name of Object.keys(expr.attributes))
    if (!Object.hasOwn(row.attributes, name)) fail(where, `gives ${expr.op} an attribute ${name}`);
  const shape = row.shape(
    expr.args.map((a) => a.shape),
    expr.attributes,
  );
  if (!sameShape(shape, expr.shape)) fail(where, `has ${expr.op} of shape [${expr.shape}], not [${shape}]`);
}

function fail(where: string, what: string): never {
  throw new GraphError(`${where} ${what}`);
}
