/** Trains hand-built networks on the reference device, for tests that compare rules with each other. */
import type { CallValue, OptimizerInstance } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { zeroDivergence } from '../../compiler/5-program/rules/z-il.ts';
import { openTraining } from '../../compiler/5-program/train-parts.ts';
import { closeBlock, stateReader } from '../../compiler/5-program/training.ts';
import type { FieldData } from '../../runtime/device/device.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { initialise, readParameters, trainTask } from './networks.ts';
import { openReference } from './reference.ts';

export interface Setting {
  readonly method: CallValue;
  readonly clamped: readonly string[];
  readonly batch?: number;
  readonly optimizer?: OptimizerInstance;
}

export function programOf(graph: Graph, setting: Setting): Program {
  const task = trainTask(graph, { batch: 4, ...setting });
  return lowerProgram(graph, task, [], { predictBatch: 1 });
}

/** Z-IL with another rate than 1, which no model can ask for: then the equality with backpropagation is lost. */
export function zeroDivergenceAt(rate: number, graph: Graph, setting: Setting): Program {
  const { states } = programOf(graph, setting);
  const { training, inputs, outputs } = openTraining(
    graph,
    trainTask(graph, { batch: 4, ...setting }),
    states,
    setting.batch ?? 4,
  );
  const { blocks, updates, results } = zeroDivergence(training, outputs, stateReader(states), rate);
  const start = closeBlock(training.start, 'start');
  const f = {
    name: 'train',
    role: 'train' as const,
    batch: training.network.batch,
    inputs,
    blocks: [start, ...blocks],
    updates,
    results,
  };
  return { name: graph.name, states, functions: [f] };
}

export interface Trained {
  readonly weights: ReadonlyMap<string, Float64Array>;
  /** All states, optimiser's too. */
  readonly states: ReadonlyMap<string, Float64Array>;
  /** Results of each batch. */
  readonly results: readonly Readonly<Record<string, ArrayLike<number>>>[];
}

/** One-hot rows for `oneHot` fields, normal numbers for the others. */
export function sampleInputs(program: Program, seed: number, oneHot: readonly string[]): Record<string, FieldData> {
  const inputs: Record<string, FieldData> = {};
  for (const input of program.functions[0]?.inputs ?? []) {
    const rng = stream(seed, `sample/${input.field}`);
    const data = Float32Array.from({ length: sizeOf(input.shape) }, (_, i) => rng.normal(i));
    if (oneHot.includes(input.field)) {
      const classes = input.shape.at(-1) ?? 1;
      const rows = data.length / classes;
      data.fill(0);
      for (let row = 0; row < rows; row++) data[row * classes + (rng.bits(row) % classes)] = 1;
    }
    inputs[input.field] = data;
  }
  return inputs;
}

/** Fresh weights, then so many batches. */
export async function train(program: Program, oneHot: readonly string[] = [], batches = 1): Promise<Trained> {
  const session = await openReference(program);
  await initialise(session, program, 5);
  const results = [];
  for (let batch = 0; batch < batches; batch++)
    results.push(await session.run('train', sampleInputs(program, batch, oneHot), { batch, batches }));
  const states = new Map<string, Float64Array>();
  for (const s of program.states) states.set(s.id, Float64Array.from(await session.read(s.id)));
  return { weights: await readParameters(session, program), states, results };
}

/** The change of every weight by the first batch. */
export async function weightSteps(program: Program, oneHot: readonly string[]): Promise<Map<string, Float64Array>> {
  const session = await openReference(program);
  await initialise(session, program, 5);
  const before = await readParameters(session, program);
  await session.close();
  const { weights } = await train(program, oneHot);
  return new Map([...weights].map(([id, w]) => [id, w.map((x, i) => x - (before.get(id)?.[i] ?? 0))]));
}

export const withPasses = (program: Program): Program => runPasses(program);
