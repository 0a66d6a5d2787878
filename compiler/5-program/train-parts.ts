/** What the functions of a training are made of: how it begins, what its rule makes, and how weights move. */

import { fieldLeaf, SAMPLE_NUMBER, sampleLeaf, startName, TRAIN, weightOrigin } from '../../spec/names.ts';
import type { Input, State, Update } from '../../spec/program.ts';
import type { TrainTask } from '../3-check/checked.ts';
import { readersOf } from '../3-check/starts.ts';
import type { Graph } from '../4-graph/graph.ts';
import { levelGraph } from '../4-graph/level.ts';
import type { Value } from '../operators/operator.ts';
import { type AtRest, arrivals, masked, restingUnder } from './arrivals.ts';
import { BlockBuilder, createNames } from './builder.ts';
import { drawMasks, dropsElements } from './chance.ts';
import { inputsOf, lowerClamps } from './clamps.ts';
import { learningOf } from './learning.ts';
import type { Bindings } from './lower-expression.ts';
import { readMemory } from './memory.ts';
import { type Method, methodOf } from './method.ts';
import { type Network, sweep } from './network.ts';
import { nudgeOutputs } from './nudge.ts';
import { step, totalsOf } from './optimizer.ts';
import { backpropagation } from './rules/bp.ts';
import { fixedPrediction } from './rules/fixed-prediction.ts';
import { inferenceLearning } from './rules/il.ts';
import { incremental } from './rules/ipc.ts';
import { firstArrival, zeroDivergence } from './rules/z-il.ts';
import { masksOf } from './sparse-weights.ts';
import { stateReader, type Trained, type Training, toUpdates } from './training.ts';

/** Where nodes begin that do not begin at zero, by name. */
export function startsOf(graph: Graph, states: readonly State[]): Map<string, Value> {
  const byId = new Map(states.map((s) => [s.id, { id: s.id, shape: s.shape }]));
  return new Map(
    graph.nodes.flatMap((n) => {
      const state = byId.get(startName(n.name));
      return state ? [[n.name, state] as const] : [];
    }),
  );
}

/** The beginning of every rule: the clamps and the forward sweep. The block `start` is still open. */
export function openTraining(
  written: Graph,
  task: TrainTask,
  states: readonly State[],
  batch: number,
  atRest: AtRest = 'rounding',
): { training: Training; inputs: Input[]; outputs: ReadonlySet<string> } {
  const method = methodOf(task);
  const names = createNames();
  const start = new BlockBuilder(names);
  const inputs = inputsOf(readersOf(task), task.inputs ?? task.data.fields, batch * task.replicas);
  const numbers = dropsElements(written) ? numbersOf(start, batch, task.replicas) : undefined;
  if (numbers) inputs.push(numbers.input);
  const statistics = states.filter((s) => s.role === 'statistic');
  const clamps = lowerClamps(start, written, task.clamps, inputs, statistics, { batch, replicas: task.replicas });
  const begun = lowerClamps(start, written, task.starts ?? [], inputs, statistics, { batch, replicas: task.replicas });
  const predicted = new Set(written.links.map((l) => l.target));
  const outputs = new Set([...clamps.keys()].filter((name) => predicted.has(name)));
  const levelled = method.rule === 'z_il' || method.rule === 'fa_z_il';
  const graph = levelled ? levelGraph(written, outputs, new Set(clamps.keys())) : written;
  const weights = new Map(
    states.filter((s) => s.role === 'parameter').map((s) => [s.id, { id: s.id, shape: s.shape }]),
  );
  const nudge = 'nudge' in method ? method.nudge : undefined;
  const clamped: Network = {
    graph,
    batch,
    samples: task.batch,
    clamps,
    starts: startsOf(graph, states),
    past: readMemory(start, graph, TRAIN, batch),
    means: new Map(),
    masks: numbers && drawMasks(start, graph, numbers.value),
  };
  const nudged = nudge ? nudgeOutputs(start, clamped, weights, outputs, nudge) : undefined;
  const kept = atRest === 'all' ? arrivals : masked;
  const resting = restingUnder(method.rule, kept(graph, clamps, begun));
  const network: Network = { ...clamped, clamps: nudged?.clamps ?? clamps, begun, resting };
  const z = sweep(start, network, weights);
  const { optimizer } = task;
  const masks = masksOf(states);
  const training = { network, names, optimizer, weights, masks, start, z, gradientScale: nudged?.gradientScale };
  return { training, inputs, outputs };
}

/** What the data number the samples by; a row of several replicas is numbered by the sample of the first. */
function numbersOf(builder: BlockBuilder, batch: number, replicas: number): { input: Input; value: Value } {
  const id = fieldLeaf(sampleLeaf(), SAMPLE_NUMBER);
  const input: Input = { id, field: SAMPLE_NUMBER, type: 'i32', shape: [batch * replicas] };
  const whole = { id, shape: input.shape };
  return { input, value: replicas === 1 ? whole : builder.op('slice', [whole], { axis: 0, from: 0, size: batch }) };
}

/** What a rule makes behind that: values settle, weights move or leave their mean gradients. */
export function lowerRule(
  method: Method,
  training: Training,
  outputs: ReadonlySet<string>,
  states: readonly State[],
): Trained {
  const reader = stateReader(states);
  const moving = states.filter((s) => s.role === 'parameter' || s.role === 'optimizer');
  switch (method.rule) {
    case 'il':
    case 'pc_alm':
      return inferenceLearning(training, method, reader);
    case 'ipc':
      return incremental(training, method, moving);
    case 'z_il':
      return zeroDivergence(training, outputs, reader);
    case 'fa_z_il':
      return firstArrival(training, outputs, moving);
    case 'fixed_prediction':
      return fixedPrediction(training, method, outputs, reader);
    case 'bp':
      return backpropagation(training, reader);
  }
}

/** One weight, and its optimiser's states, moved by the mean gradient of a whole batch. */
export function moveBy(
  builder: BlockBuilder,
  task: TrainTask,
  reader: (id: string) => Value,
  masks: ReadonlyMap<string, Value>,
  name: string,
  gradient: Value,
  totals: Bindings,
): Update[] {
  builder.origin = weightOrigin(name);
  const weight = { name, value: reader(name), gradient, mask: masks.get(name), ...learningOf(task.model).get(name) };
  return toUpdates(step(builder, task.optimizer, weight, reader, 'batch', 'batches', totals));
}

/** The sums over all weights that the optimiser needs. */
export function totalsBy(
  builder: BlockBuilder,
  task: TrainTask,
  reader: (id: string) => Value,
  masks: ReadonlyMap<string, Value>,
  moving: readonly { readonly name: string; readonly gradient: Value }[],
): Bindings {
  const shares = learningOf(task.model);
  const weights = moving.map(({ name, gradient }) => ({
    ...{ name, value: reader(name), gradient, mask: masks.get(name) },
    ...shares.get(name),
  }));
  return totalsOf(builder, task.optimizer, weights, 'batch', 'batches');
}
