/**
 * Whether algebra keeps errors at zero until they can have come (semantics.md, equation 3), or masks have to. Passes see
 * `z - mu = 0` in ticks that are written out. What stays a loop asks for a mask at every node: there the values of the
 * sweep and the predictions of a tick come out of different kernels, which may round differently.
 */
import type { Program } from '../../spec/program.ts';
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { levelGraph } from '../4-graph/level.ts';
import { type AtRest, arrivals, restingUnder } from './arrivals.ts';
import { methodOf } from './method.ts';
import type { ObservePass } from './passes/index.ts';
import { MAX_BODY_OPERATIONS } from './passes/peel.ts';

/** Ticks of a training before which some node is at rest. */
function lastArrival(written: Graph, { method, clamps, starts = [] }: TrainTask): number {
  const { rule } = methodOf({ method });
  const predicted = new Set(written.links.map((l) => l.target));
  const held = new Map(clamps.map(({ node, when }) => [node, { when }]));
  const outputs = new Set([...held.keys()].filter((name) => predicted.has(name)));
  const graph = rule === 'fa_z_il' ? levelGraph(written, outputs, new Set(held.keys())) : written;
  const begun = new Map(starts.map(({ node, when }) => [node, { when }]));
  return Math.max(0, ...restingUnder(rule, arrivals(graph, held, begun)).values());
}

export interface Lowered {
  readonly graph: Graph;
  readonly task: TrainTask | undefined;
  readonly lower: (atRest: AtRest) => Program;
}

/** Passes make a body of so many operations no five times smaller, and write out none that stays larger than that. */
const LARGE_BODY = 5 * MAX_BODY_OPERATIONS;

/** A program and what its passes made of it, with masks at all nodes where loops need them. */
export function passedAtRest(
  { graph, task, lower }: Lowered,
  pass: (program: Program) => Program,
): { readonly kept: Program; readonly program: Program } {
  const lowered = lower('rounding');
  const last = task ? lastArrival(graph, task) : 0;
  if (!hasLoopBefore(lowered, last, LARGE_BODY)) {
    const program = pass(lowered);
    if (!hasLoopBefore(program, last)) return { kept: lowered, program };
  }
  const kept = lower('all');
  return { kept, program: pass(kept) };
}

/** The program that is kept, behind all passes and behind each of them. */
export function passedInSteps(lowered: Lowered, pass: (program: Program, observe: ObservePass) => Program) {
  const behind = new Map<string, Program>();
  // Where the program is lowered anew, each of its passes takes the place of the one before.
  const passed = passedAtRest(lowered, (first) => pass(first, ({ name }, current) => behind.set(name, current)));
  return { ...passed, behind };
}

/** @param operations at least so many in its body */
function hasLoopBefore({ functions }: Program, tick: number, operations = 0): boolean {
  return functions.some(
    ({ role, blocks }) =>
      role !== 'predict' &&
      blocks.some((b) => b.carries.length > 0 && b.firstTick < tick && b.ops.length >= operations),
  );
}
