/**
 * How strongly the energy is curved in the values where settling begins: the largest eigenvalue of its Hessian, by
 * power iteration with differences of the program's own gradients. A step of `rate` along the gradient overshoots for
 * good where rate exceeds 2 / curvature (Polyak 1964: 2 (1 + m) / curvature with momentum m).
 */
import type { Carry, Program } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { lowerProgram } from './lower.ts';
import {
  alignMask,
  batchedShape,
  evaluate,
  freeNodes,
  get,
  type Network,
  type Values,
  withoutExact,
} from './network.ts';
import { openTraining } from './train-parts.ts';
import { after, carried, closeBlock, energyGradients, inside, newBlock } from './training.ts';

/** Enough for two digits where the second eigenvalue is nine tenths of the first. */
const ROUNDS = 20;
/** Root mean square of the steps between which gradients are compared. */
const STEP = 0.01;

/** A program of one function, `probe`, which takes a batch of the training and gives `curvature`. */
export function lowerProbe(graph: Graph, task: TrainTask): Program {
  const states = lowerProgram(graph, task, [], { predictBatch: 1 }).states.filter((s) => s.role !== 'optimizer');
  const { training, inputs } = openTraining(graph, task, states, task.batch / task.replicas);
  const { network, weights, start, z } = training;
  const nodes = freeNodes(network);
  const elements = nodes.reduce((sum, n) => sum + sizeOf(batchedShape(network, n)), 0);
  const reach = STEP * Math.sqrt(elements);

  const directions = new Map(nodes.map((n, i) => [n.name, firstDirection(start, batchedShape(network, n), i)]));
  const body = newBlock(training);
  const inner = new Map([...directions].map(([name, value]) => [name, inside(`p.${name}`, value)]));
  const length = body.op('sqrt', [
    total(
      body,
      [...inner.values()].map((p) => body.op('square', [p])),
    ),
  ]);
  const unit = new Map([...inner].map(([name, p]) => [name, body.op('div', [p, length])]));
  const forwards = gradientsAt(body, network, z, weights, unit, reach);
  const backwards = gradientsAt(body, network, z, weights, unit, -reach);
  const carries: Carry[] = [];
  const parts: Value[] = [];
  for (const node of nodes) {
    const direction = get(directions, node.name);
    const change = differenceOf(body, forwards.get(node.name), backwards.get(node.name), reach);
    const bent = change && whereFree(body, network, node.name, change);
    // A node that no energy depends on has no curvature: its direction dies out.
    const next = bent ?? body.op('mul', [get(inner, node.name), body.constant(0)]);
    carries.push(carried(`p.${node.name}`, direction, next));
    if (bent) parts.push(body.op('mul', [get(unit, node.name), bent]));
  }
  const curvature = total(body, parts);
  carries.push(carried('curvature', start.constant(0), curvature));
  const results = [{ name: 'curvature', value: after('curvature', curvature).id }];
  const blocks = [closeBlock(start, 'start'), closeBlock(body, 'round', ROUNDS, 0, carries)];
  return {
    name: graph.name,
    states,
    functions: [{ name: 'probe', role: 'other', batch: task.batch, inputs, blocks, updates: [], results }],
  };
}

/** Any direction will do that is not orthogonal to the one sought. */
function firstDirection(builder: BlockBuilder, shape: readonly number[], node: number): Value {
  const numbered = builder.op('range', [], { size: sizeOf(shape) });
  const turned = builder.op('sin', [builder.op('mul', [numbered, builder.constant(1.7 + 0.1 * (node % 7))])]);
  return builder.op('reshape', [turned], { shape: [...shape] });
}

function total(builder: BlockBuilder, parts: readonly Value[]): Value {
  return parts
    .map((part) => builder.op('sum', [part], {}))
    .reduce((sum, part) => builder.op('add', [sum, part]), builder.constant(0));
}

function gradientsAt(
  builder: BlockBuilder,
  network: Network,
  z: Values,
  weights: Values,
  unit: Values,
  reach: number,
): Map<string, Value> {
  const moved = withoutExact(network.graph, z);
  for (const [name, direction] of unit) {
    const step = builder.op('mul', [direction, builder.constant(reach)]);
    moved.set(name, builder.op('add', [get(z, name), step]));
  }
  const targets = [...unit.keys()].map((name) => get(moved, name));
  const found = energyGradients(builder, evaluate(builder, network, moved, weights), targets);
  return new Map(
    [...unit.keys()].flatMap((name) => {
      const gradient = found.get(get(moved, name).id);
      return gradient ? [[name, gradient] as const] : [];
    }),
  );
}

function differenceOf(
  builder: BlockBuilder,
  ahead: Value | undefined,
  behind: Value | undefined,
  reach: number,
): Value | undefined {
  if (!ahead || !behind) return undefined;
  return builder.op('mul', [builder.op('sub', [ahead, behind]), builder.constant(1 / (2 * reach))]);
}

function whereFree(builder: BlockBuilder, network: Network, name: string, value: Value): Value {
  const when = network.clamps.get(name)?.when;
  if (!when) return value;
  return builder.op('select', [alignMask(builder, when, value.shape.length), builder.constant(0), value]);
}
