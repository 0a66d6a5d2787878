/**
 * Delayed links read the values of steps before. They are states of the function that makes them, shifted by one at
 * its end; in the first step of a sequence they are zero (semantics.md, equation 17).
 */
import { memoryName, nodeOrigin, pastName } from '../../spec/names.ts';
import type { State, Update } from '../../spec/program.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { get, nodeOf, type Values } from './network.ts';

/** The longest delay at which each node is read. */
function delays(graph: Graph): Map<string, number> {
  const longest = new Map<string, number>();
  for (const link of graph.links)
    if (link.delay > 0) longest.set(link.source, Math.max(longest.get(link.source) ?? 0, link.delay));
  return longest;
}

/** @param f name of the function that keeps them: batches differ, and a prediction must not disturb a training */
export function memoryStates(graph: Graph, f: string, batch: number): State[] {
  return [...delays(graph)].flatMap(([node, longest]) =>
    Array.from({ length: longest }, (_, i) => ({
      id: memoryName(f, node, i + 1),
      shape: [batch, ...nodeOf(graph, node).shape],
      role: 'memory' as const,
      init: { kind: 'constant' as const, value: 0 },
    })),
  );
}

/** Values that delayed links read, by `pastName`. */
export function readMemory(builder: BlockBuilder, graph: Graph, f: string, batch: number): Map<string, Value> {
  const past = new Map<string, Value>();
  const states = memoryStates(graph, f, batch);
  if (states.length === 0) return past;
  const first = builder.scalar({ op: 'equal', args: ['step', 0] });
  for (const [node, longest] of delays(graph))
    for (let k = 1; k <= longest; k++) {
      const id = memoryName(f, node, k);
      const shape = [batch, ...nodeOf(graph, node).shape];
      builder.origin = nodeOrigin(node);
      past.set(pastName(node, k), builder.op('select', [first, builder.constant(0), { id, shape }]));
    }
  builder.origin = undefined;
  return past;
}

/** Moves memory on by a step: the values of 1 step before become those of 2 steps before, the present ones of 1. */
export function moveMemory(graph: Graph, f: string, past: Values, settled: Values): Update[] {
  return [...delays(graph)].flatMap(([node, longest]) =>
    Array.from({ length: longest }, (_, i) => ({
      state: memoryName(f, node, i + 1),
      value: i === 0 ? get(settled, node).id : get(past, pastName(node, i)).id,
    })),
  );
}
