/** Tasks become programs: one function that trains on a batch, one for each way of predicting. */

import {
  connectionsName,
  functionRole,
  LAST,
  MOVE,
  maskName,
  nodeLeaf,
  parseNodeLeaf,
  predictName,
  scoresName,
  startName,
  sumName,
  TRAIN,
  weightName,
  weightOrigin,
} from '../../spec/names.ts';
import type { Block, Input, Program, ProgramFunction, Result, State, Update } from '../../spec/program.ts';
import type { PredictTask, TrainTask, WeightInstance } from '../3-check/checked.ts';
import { readersOf } from '../3-check/starts.ts';
import { type Graph, type GraphLink, ownWeights } from '../4-graph/graph.ts';
import { components } from '../4-graph/order.ts';
import type { Expr } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { AtRest } from './arrivals.ts';
import { BlockBuilder, createNames } from './builder.ts';
import { readsTime } from './chance.ts';
import { inputsOf, lowerClamps, statisticsOf } from './clamps.ts';
import { keepingNan, keptInside } from './keep-nan.ts';
import { learns } from './learning.ts';
import { leavesOf } from './leaves.ts';
import { type Bindings, lowerExpression } from './lower-expression.ts';
import { memoryStates, moveMemory, readMemory } from './memory.ts';
import { hasSettling, methodOf, numberOf, wordOf } from './method.ts';
import { evaluate, freeNodes, type Network, nodeOf, sweep, withExact } from './network.ts';
import { bindNodeReads } from './node-reads.ts';
import { noiseStates, startNoise } from './noise.ts';
import { optimizerStates } from './optimizer.ts';
import { movedMeans } from './over-batch.ts';
import { microbatchSizes } from './pipeline.ts';
import { afterValues, insideValues, moveValues, type Settling } from './settle.ts';
import { entriesOf, isCompressed, masksOf, matrixOf } from './sparse-weights.ts';
import { lowerRule, moveBy, openTraining, startsOf, totalsBy } from './train-parts.ts';
import { closeBlock, energyGradients, newBlock, stateReader, toUpdates } from './training.ts';

export interface LowerOptions {
  /** Samples in one run of a prediction. */
  readonly predictBatch: number;
  /** Into so many equal parts a batch of training is divided (`pipelineProblem` says where it cannot be). */
  readonly microbatches?: number;
  /** Nodes that are kept at zero error until one can have come, by name or only where rounding would come between. */
  readonly atRest?: AtRest;
}

export function lowerProgram(
  graph: Graph,
  train: TrainTask | undefined,
  predicts: readonly PredictTask[],
  options: LowerOptions,
): Program {
  const parameters = parameterStates(graph);
  const statistics = new Map<string, State>();
  const known = train ? statisticsOf(readersOf(train), train.inputs ?? train.data.fields) : [];
  for (const task of predicts) known.push(...statisticsOf([...readersOf(task), ...task.reads], task.inputs));
  for (const state of known) statistics.set(state.id, state);
  const moving = parameters.filter((p) => learns(p.id, graph));
  const optimizer = train ? moving.flatMap((p) => optimizerStates(train.optimizer, p)) : [];
  const states = [...parameters, ...optimizer, ...statistics.values(), ...startStates(graph), ...maskStates(graph)];
  if (train) states.push(...memoryStates(graph, TRAIN, train.batch));
  for (const task of predicts) {
    const name = predictName(task.name);
    states.push(...memoryStates(graph, name, options.predictBatch));
    if (settlingOf(task, train).noise) states.push(...noiseStates(graph, task, name, options.predictBatch));
  }
  const functions: ProgramFunction[] = [];
  const { microbatches = 1, atRest = 'rounding' } = options;
  if (train && microbatches > 1) {
    states.push(...moving.map(sumState));
    functions.push(...lowerMicrobatches(graph, train, states, microbatches, atRest));
  } else if (train) functions.push(lowerTrain(graph, train, states, atRest));
  for (const task of predicts)
    functions.push(lowerPredict(graph, task, states, settlingOf(task, train), options.predictBatch));
  return { name: train ? `${graph.name}.${train.name}` : graph.name, states, functions };
}

export function parameterStates(graph: Graph): State[] {
  const state = (owner: string, w: WeightInstance): State => ({
    id: weightName(owner, w.name),
    shape: w.shape,
    role: 'parameter',
    init: w.init,
  });
  const ofLink = (link: GraphLink, w: WeightInstance): State => {
    const whole = state(link.name, w);
    if (isCompressed(link, w)) return { ...whole, shape: [entriesOf(link, w)] };
    const { sparsity } = link;
    return sparsity?.weight === w.name ? { ...whole, init: { kind: 'thinned', of: w.init, sparsity } } : whole;
  };
  return [
    ...graph.links.flatMap((link) => ownWeights(link).map((w) => ofLink(link, w))),
    ...graph.nodes.flatMap((node) => node.weights.map((w) => state(node.name, w))),
  ];
}

/** Which connections exist, of links that are thinned. They are drawn, not learned, and belong to the model. */
export function maskStates(graph: Graph): State[] {
  return graph.links.flatMap((link): State[] => {
    const { sparsity } = link;
    const weight = link.weights.find((w) => w.name === sparsity?.weight);
    if (!sparsity || !weight) return [];
    const name = weightName(link.name, weight.name);
    if (isCompressed(link, weight)) {
      const init = { kind: 'entries' as const, sparsity, matrix: matrixOf(weight) };
      return [{ id: connectionsName(name), shape: [2, entriesOf(link, weight)], role: 'statistic' as const, init }];
    }
    const init = { kind: 'connections' as const, sparsity };
    return [{ id: maskName(name), shape: weight.shape, role: 'statistic' as const, init }];
  });
}

/** The drawn values where nodes within cycles, and nodes that nothing predicts, begin: one for all samples. */
function startStates(graph: Graph): State[] {
  const cyclic = new Set(components(graph).flatMap((c) => (c.cyclic ? c.nodes : [])));
  const predicted = new Set(graph.links.map((l) => l.target));
  return graph.nodes
    .filter((n) => n.start.kind !== 'constant' && (cyclic.has(n.name) || !predicted.has(n.name)))
    .map((n) => ({ id: startName(n.name), shape: n.shape, role: 'statistic', init: n.start }));
}

function lowerTrain(graph: Graph, task: TrainTask, states: readonly State[], atRest: AtRest): ProgramFunction {
  const { training, inputs, outputs } = openTraining(graph, task, states, task.batch / task.replicas, atRest);
  const rest = lowerRule(methodOf(task), training, outputs, states);
  const { graph: levelled, past } = training.network;
  const means = movedMeans(training.start, levelled, training.network.means ?? new Map(), stateReader(states));
  const updates = [...rest.updates, ...toUpdates(means), ...moveMemory(levelled, TRAIN, past, rest.settled)];
  const blocks: Block[] = [closeBlock(training.start, 'start'), ...rest.blocks];
  return { name: TRAIN, role: 'train', batch: task.batch, inputs, blocks, updates, results: rest.results };
}

function sumState({ id, shape }: State): State {
  return { id: sumName(id), shape, role: 'sum', init: { kind: 'constant', value: 0 } };
}

/**
 * The same training for microbatches in flight side by side: `train` settles one of them and adds its part of the mean
 * gradients up on the device, `train.last` the last one where fewer samples are left for it; `train.move` moves the
 * weights by the sums and empties them. No weight is stale.
 */
function lowerMicrobatches(
  graph: Graph,
  task: TrainTask,
  states: readonly State[],
  microbatches: number,
  atRest: AtRest,
): ProgramFunction[] {
  const { size, last: left } = microbatchSizes(task.batch, microbatches);
  const part = (name: string, batch: number): Microbatch => lowerMicrobatch(graph, task, states, name, batch, atRest);
  const { settling, weights } = part(TRAIN, size);
  const last = left < size ? [part(LAST, left).settling] : [];
  return [settling, ...last, lowerMove(task, states, weights)];
}

interface Microbatch {
  readonly settling: ProgramFunction;
  readonly weights: readonly string[];
}

/** One microbatch, as far as its part of each weight's mean gradient is added to those of the others. */
function lowerMicrobatch(
  graph: Graph,
  task: TrainTask,
  states: readonly State[],
  name: string,
  batch: number,
  atRest: AtRest,
): Microbatch {
  const { training, inputs, outputs } = openTraining(graph, task, states, batch, atRest);
  const gradients = new Map<string, Value>();
  const rest = lowerRule(methodOf(task), { ...training, lane: gradients }, outputs, states);
  const reader = stateReader(states);
  const adding = newBlock(training);
  const updates: Update[] = [];
  for (const [weight, part] of gradients) {
    const state = sumName(weight);
    adding.origin = weightOrigin(weight);
    updates.push({ state, value: adding.op('add', [reader(state), part]).id });
  }
  const blocks: Block[] = [closeBlock(training.start, 'start'), ...rest.blocks, closeBlock(adding, 'sum')];
  const settling = { name, role: functionRole(name), batch, inputs, blocks, updates, results: rest.results };
  return { settling, weights: [...gradients.keys()] };
}

/** Moves the weights by what the microbatches have added up, and empties the sums. */
function lowerMove(task: TrainTask, states: readonly State[], weights: readonly string[]): ProgramFunction {
  const reader = stateReader(states);
  const masks = masksOf(states);
  const builder = new BlockBuilder(createNames());
  const updates: Update[] = [];
  const moving = weights.map((name) => ({ name, gradient: reader(sumName(name)) }));
  const totals = totalsBy(builder, task, reader, masks, moving);
  for (const { name, gradient: sum } of moving) {
    const state = sumName(name);
    updates.push(...moveBy(builder, task, reader, masks, name, sum, totals));
    const zero = builder.op('broadcast', [builder.constant(0)], { shape: [...sum.shape] });
    updates.push({ state, value: zero.id });
  }
  const blocks = [closeBlock(builder, 'start')];
  return { name: MOVE, role: 'move', batch: task.batch, inputs: [], blocks, updates, results: [] };
}

interface PredictSettling extends Settling {
  readonly steps: number;
  /** Free values begin at noise, not at the forward sweep. */
  readonly noise?: boolean;
}

function settlingOf(task: PredictTask, train: TrainTask | undefined): PredictSettling {
  if (task.settle) {
    const call = task.settle;
    return {
      steps: numberOf(call, 'steps'),
      rate: numberOf(call, 'rate'),
      momentum: numberOf(call, 'momentum', 0),
      tolerance: numberOf(call, 'tolerance', 0),
      noise: wordOf(call.arguments.start) === 'noise',
    };
  }
  const method = train ? methodOf(train) : undefined;
  if (method && hasSettling(method)) return { steps: method.steps, rate: method.rate, momentum: method.momentum };
  return { steps: 20, rate: 0.1, momentum: 0 };
}

/**
 * Whether the forward sweep is not yet the answer: nodes below a clamp, in a cycle, with several errors or with noise
 * have to settle.
 */
export function needsSettling(graph: Graph, clamped: ReadonlySet<string>): boolean {
  if (
    graph.links.some((l) => l.apart || readsTime(l.body)) ||
    graph.nodes.some((n) => readsTime(n.energy) || (n.value && readsTime(n.value)))
  )
    return true;
  return graph.links.some((l) => clamped.has(l.target)) || components(graph).some((c) => c.cyclic);
}

function lowerPredict(
  graph: Graph,
  task: PredictTask,
  states: readonly State[],
  settling: PredictSettling,
  batch: number,
): ProgramFunction {
  const names = createNames();
  const start = new BlockBuilder(names);
  const inputs = inputsOf([...readersOf(task), ...task.reads], task.inputs, batch);
  const statistics = states.filter((s) => s.role === 'statistic');
  // Every replica sees the same sample, so their answers can be put to a vote.
  const clamps = lowerClamps(start, graph, task.clamps, inputs, statistics, { batch, replicas: 1 });
  const begun = lowerClamps(start, graph, task.starts ?? [], inputs, statistics, { batch, replicas: 1 });
  const name = predictName(task.name);
  const past = readMemory(start, graph, name, batch);
  const network: Network = {
    graph,
    batch,
    samples: batch,
    answers: true,
    clamps,
    begun,
    starts: startsOf(graph, states),
    past,
  };
  const weights = new Map(
    states.filter((s) => s.role === 'parameter').map((s) => [s.id, { id: s.id, shape: s.shape }]),
  );
  const swept = sweep(start, network, weights);
  const z = settling.noise ? startNoise(start, network, name, states, swept) : swept;
  const blocks: Block[] = [];
  let settled: ReadonlyMap<string, Value> = z;
  let read = start;
  const open = settling.noise || begun.size > 0 || needsSettling(graph, new Set(clamps.keys()));
  if (open && freeNodes(network).length > 0) {
    const body = newBlock({ names });
    const inner = insideValues(network, z);
    const found = energyGradients(body, evaluate(body, network, inner, weights), [...inner.values()]);
    const carries = moveValues(body, start, network, z, found, settling);
    blocks.push(closeBlock(body, 'tick', settling.steps, 0, carries));
    settled = afterValues(network, z);
    read = newBlock({ names });
  }
  settled = withExact(read, network, settled, weights);
  const asked = bindNodeReads(read, network, settled, weights, task.reads);
  const readable = { z: settled, asked, inputs, statistics };
  const results = task.reads.flatMap((r) => lowerRead(read, graph, r, readable, batch));
  const behind = read === start ? [] : [closeBlock(read, 'read', 1, settling.steps)];
  return {
    name,
    role: 'predict',
    batch,
    inputs,
    blocks: [closeBlock(start, 'start'), ...blocks, ...behind],
    updates: moveMemory(graph, name, past, settled),
    results,
  };
}

/** Leaves that a read may be made of. */
interface Readable {
  readonly z: ReadonlyMap<string, Value>;
  /** Predictions and energies that some read asks for. */
  readonly asked: Bindings;
  readonly inputs: readonly Input[];
  readonly statistics: readonly State[];
}

/** A read, and for an argmax the scores that it chose from. */
function lowerRead(
  builder: BlockBuilder,
  graph: Graph,
  read: { name: string; value: Expr },
  { z, asked, inputs, statistics }: Readable,
  batch: number,
): Result[] {
  const bindings: Record<string, Bindings[string]> = { ...asked };
  for (const { id, shape } of [...inputs, ...statistics]) bindings[id] = { value: { id, shape } };
  for (const [name, value] of z) bindings[nodeLeaf('node', name)] = { value };
  const isChosen = read.value.kind === 'apply' && read.value.op === 'argmax';
  const value = read.value.kind === 'apply' && isChosen ? keptInside(read.value) : keepingNan(read.value);
  const results = [{ name: read.name, value: lowerExpression(builder, value, bindings, batch).id }];
  if (value.kind !== 'apply' || !isChosen) return results;
  const [chosen] = value.args;
  if (!chosen) return results;
  const scores = lowerExpression(builder, chosen, bindings, batch);
  const [first] = [...leavesOf(chosen)].flatMap((leaf) => {
    const read = parseNodeLeaf(leaf);
    return read && read.what !== 'energy' ? [read.node] : [];
  });
  const node = first === undefined ? undefined : nodeOf(graph, first);
  const isLogit = node?.energyKind === 'categorical' || node?.energyKind === 'cross_entropy';
  return [
    ...results,
    { name: scoresName(read.name), value: isLogit ? builder.op('softmax', [scores], {}).id : scores.id },
  ];
}
