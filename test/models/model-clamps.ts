/** Values that clamps hold: those of each sample, and which of its elements. */
import type { ClampInstance, TrainTask } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { evaluate } from './expressions.ts';
import { type Cells, Tape } from './tape.ts';

/** One batch of each field, sample after sample; of several replicas the samples of the first come first. */
export type Fields = Readonly<Record<string, ArrayLike<number>>>;

export interface Held {
  readonly values: readonly (readonly number[])[];
  readonly held: readonly (readonly boolean[])[];
}
export type Clamped = ReadonlyMap<string, Held>;

export function clampsOf(
  task: TrainTask,
  graph: Graph,
  fields: Fields,
  step: number,
): { clamps: Clamped; starts: Clamped; samples: number } {
  const samples = task.batch / task.replicas;
  const held = (given: readonly ClampInstance[]): Clamped => heldBy(given, task, graph, fields, step, samples);
  return { clamps: held(task.clamps), starts: held(task.starts ?? []), samples };
}

function heldBy(
  given: readonly ClampInstance[],
  task: TrainTask,
  graph: Graph,
  fields: Fields,
  step: number,
  samples: number,
): Clamped {
  const clamps = new Map<string, Held>();
  const types = task.inputs ?? task.data.fields;
  for (const { node, value, when } of given) {
    const size = graph.nodes.find((n) => n.name === node)?.shape.reduce((a, b) => a * b, 1) ?? 1;
    const values: number[][] = [];
    const held: boolean[][] = [];
    for (let sample = 0; sample < samples; sample++) {
      const tape = new Tape();
      const leaf = (name: string): Cells => {
        if (name === 'step') return tape.leaves([], [step]);
        const [, replica = '0', field = ''] = /^sample(?:\[(\d+)\])?\.(.+)$/.exec(name) ?? [];
        const shape = types.find((f) => f.name === field)?.shape ?? [];
        const width = shape.reduce((a, b) => a * b, 1);
        const from = (Number(replica) * samples + sample) * width;
        return tape.leaves(shape, Array.from(fields[field] ?? []).slice(from, from + width));
      };
      values.push(repeated(tape.numbers(evaluate(tape, value, leaf)), size));
      const condition = when ? tape.numbers(evaluate(tape, when, leaf)) : [1];
      held.push(repeated(condition, size).map((c) => c !== 0));
    }
    clamps.set(node, { values, held });
  }
  return clamps;
}

function repeated(values: readonly number[], size: number): number[] {
  return values.length === size ? [...values] : Array.from({ length: size }, () => values[0] ?? 0);
}
