/** Threads of a CPU that share a batch of training, their number and the part that each of them runs. */
import { gradientName, LANE, STEP } from '../../../spec/names.ts';
import {
  type Block,
  type Input,
  type Program,
  type ProgramFunction,
  type State,
  sizeOf,
  type Update,
} from '../../../spec/program.ts';
import type { TrainTask } from '../../3-check/checked.ts';
import type { Graph } from '../../4-graph/graph.ts';
import type { AtRest } from '../../5-program/arrivals.ts';
import { BlockBuilder, createNames } from '../../5-program/builder.ts';
import { noisyPart } from '../../5-program/chance.ts';
import { parameterStates } from '../../5-program/lower.ts';
import { type Method, methodOf } from '../../5-program/method.ts';
import { batchNode } from '../../5-program/over-batch.ts';
import { masksOf } from '../../5-program/sparse-weights.ts';
import { lowerRule, moveBy, openTraining, totalsBy } from '../../5-program/train-parts.ts';
import { closeBlock, stateReader } from '../../5-program/training.ts';
import type { Value } from '../../operators/operator.ts';
import { LANES } from './parts.ts';

/** Rows below which a lane's products are too small to be worth their own thread. */
const MIN_LANE_ROWS = 16;
/** In larger models a product has work for all threads, and every lane would hold a copy of all weights. */
const MAX_LANE_LINKS = 256;

/** So many weights are handed over and moved twice in the time that is saved by sharing one value of a sweep. */
const WEIGHTS_OF_A_VALUE = 2;

/**
 * Elements of products of pages, such as the scores of attention, above which a lane takes its share in parts: what it
 * makes for fewer samples stays in the caches. A batch of `transformer.pcn` with scores of 2²⁰ elements takes 15 % less so.
 */
const MAX_PAGES = 2 ** 19;

/** @returns 1 where a batch is better left whole, or does not divide */
export function lanesFor(graph: Graph, task: Pick<TrainTask, 'batch' | 'method'>): number {
  const samples = task.batch / LANES;
  const divides = Number.isInteger(samples) && samples * rowsOfSample(graph) >= MIN_LANE_ROWS;
  return divides && graph.links.length <= MAX_LANE_LINKS && sharesMore(graph, task) ? LANES : 1;
}

/** Of the products that predict values: one for each token of a text, and as many as the node has that has fewest. */
function rowsOfSample({ nodes, links }: Graph): number {
  const predicted = new Set(links.map((l) => l.target));
  const rows = nodes.flatMap(({ name, shape }) => (predicted.has(name) ? [sizeOf(shape.slice(0, -1))] : []));
  return rows.length === 0 ? 1 : Math.min(...rows);
}

/**
 * Whether lanes share more than they hand over: values, as often as they are worked out, against a gradient of every
 * weight. By backpropagation of dense links all weights are read once for every sample, and handing gradients over and
 * moving all weights twice takes as long as the products.
 */
function sharesMore(graph: Graph, task: Pick<TrainTask, 'batch' | 'method'>): boolean {
  const predicted = new Set(graph.links.map((l) => l.target));
  const values = graph.nodes.reduce((sum, n) => sum + (predicted.has(n.name) ? sizeOf(n.shape) : 0), 0);
  const weights = parameterStates(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return WEIGHTS_OF_A_VALUE * task.batch * values * sweepsOf(graph, methodOf(task)) >= weights;
}

/** How often a batch works out all values, at most. */
function sweepsOf({ links }: Graph, method: Method): number {
  if ('steps' in method) return 1 + method.steps;
  return method.rule === 'bp' ? 1 : 1 + links.length;
}

/** What the lanes of a training are made from. */
interface LaneSource {
  readonly graph: Graph;
  readonly task: TrainTask | undefined;
  readonly atRest?: AtRest;
}

/**
 * A program with what lanes run, behind its training; as it is where it has microbatches or trains nothing.
 *
 * @param lanes equal shares of a batch that are trained apart
 */
export function withLanes(program: Program, { graph, task, atRest }: LaneSource, lanes: number): Program {
  if (!task || lanes < 2 || program.functions.some((f) => f.role === 'move')) return program;
  const own = inParts(lanes, (parts) => laneFunctions(graph, task, program.states, parts, atRest));
  return { ...program, functions: program.functions.flatMap((f) => (f.role === 'train' ? [f, ...own] : [f])) };
}

/**
 * Parts are not so small that adding up their gradients would take as long as making them.
 *
 * @param made functions of a lane's share, or of an equal part of it, by how many of them make a batch
 */
function inParts(lanes: number, made: (parts: number) => ProgramFunction[]): ProgramFunction[] {
  const functions = made(lanes);
  const handed = functions.flatMap(({ inputs, role }) => (role === 'step' ? inputs : []));
  const weights = handed.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (functions.length === 0 || largestPages(functions) <= Math.max(MAX_PAGES, weights)) return functions;
  const smaller = inParts(2 * lanes, made);
  return smaller.length > 0 ? smaller : functions;
}

/** Elements of the largest product of pages, such as the scores of attention. */
function largestPages(functions: readonly ProgramFunction[]): number {
  const products = functions.flatMap(({ blocks }) =>
    blocks.flatMap(({ ops }) => ops.filter(({ op, shape }) => op === 'matmul' && shape.length > 2)),
  );
  return Math.max(0, ...products.map(({ shape }) => sizeOf(shape)));
}

/** Rules that move weights once, behind all that settles. */
const ONE_STEP: ReadonlySet<string> = new Set(['il', 'pc_alm', 'z_il', 'fixed_prediction', 'bp']);

/**
 * The same training in two parts: `train.lane` takes a share of the batch as far as its part of the mean gradients,
 * `train.step` moves the weights by their sum. Rules that move weights while values settle, and models whose values
 * outlive a batch, have no such seam.
 */
function laneFunctions(
  graph: Graph,
  task: TrainTask,
  states: readonly State[],
  lanes: number,
  atRest: AtRest | undefined,
): ProgramFunction[] {
  const { rule } = methodOf(task);
  const batch = task.batch / lanes;
  const seam =
    task.replicas === 1 &&
    ONE_STEP.has(rule) &&
    graph.links.every((l) => l.delay === 0) &&
    noisyPart(graph) === undefined &&
    batchNode(graph) === undefined;
  if (!seam || !Number.isInteger(batch)) return [];
  const { training, inputs, outputs } = openTraining(graph, task, states, batch, atRest);
  const gradients = new Map<string, Value>();
  const rest = lowerRule(methodOf(task), { ...training, lane: gradients }, outputs, states);
  const results = [...gradients].map(([name, value]) => ({ name: gradientName(name), value: value.id }));
  const blocks: Block[] = [closeBlock(training.start, 'start'), ...rest.blocks];
  const given = { updates: [], results: [...rest.results, ...results] };
  const step = lowerStep(task, states, [...gradients.keys()]);
  return [{ name: LANE, role: 'lane', batch, inputs, blocks, ...given }, step];
}

function lowerStep(task: TrainTask, states: readonly State[], weights: readonly string[]): ProgramFunction {
  const builder = new BlockBuilder(createNames());
  const reader = stateReader(states);
  const masks = masksOf(states);
  const inputs: Input[] = [];
  const updates: Update[] = [];
  const moving = weights.map((name) => ({ name, gradient: { id: gradientName(name), shape: reader(name).shape } }));
  const totals = totalsBy(builder, task, reader, masks, moving);
  for (const { name, gradient } of moving) {
    const { id, shape } = gradient;
    inputs.push({ id, field: id, type: 'f32', shape });
    updates.push(...moveBy(builder, task, reader, masks, name, gradient, totals));
  }
  const blocks = [closeBlock(builder, 'start')];
  return { name: STEP, role: 'step', batch: task.batch, inputs, blocks, updates, results: [] };
}
