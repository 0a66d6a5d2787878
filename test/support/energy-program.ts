/**
 * The energy of a network as a program of its own: values, clamps and weights are states or inputs, results are the
 * total energy and its gradient with respect to every value and every weight. Differences of the one must be the other.
 */

import type { Graph } from '../../compiler/4-graph/graph.ts';
import { BlockBuilder, createNames } from '../../compiler/5-program/builder.ts';
import { maskStates, parameterStates } from '../../compiler/5-program/lower.ts';
import { type Clamp, evaluate, freeNodes, type Network } from '../../compiler/5-program/network.ts';
import { closeBlock, energyGradients } from '../../compiler/5-program/training.ts';
import type { Value } from '../../compiler/operators/operator.ts';
import type { DeviceSession } from '../../runtime/device/device.ts';
import { pastName } from '../../spec/names.ts';
import type { Program, Result, State } from '../../spec/program.ts';

export interface EnergyProgram {
  readonly program: Program;
  /** Ids of the states that the energy is differentiated by: `z.h1`, `h1->h2.w`. */
  readonly variables: readonly string[];
}

/** How nodes are held: always, only in the samples where the state `when.NAME` is not 0, or only where its elements are. */
export type Held = 'all' | 'when' | 'elements';

/** States `past.NODE#STEPS` that delayed links read: constants, by which nothing is differentiated. */
export function energyProgram(graph: Graph, batch: number, clamped: Readonly<Record<string, Held>>): EnergyProgram {
  const builder = new BlockBuilder(createNames());
  const state = (id: string, shape: readonly number[]): State => ({
    id,
    shape,
    role: 'memory',
    init: { kind: 'constant', value: 0 },
  });
  const values = graph.nodes.map((n) => state(`z.${n.name}`, [batch, ...n.shape]));
  const masks = Object.entries(clamped).flatMap(([name, how]) => {
    const shape = how === 'elements' ? (graph.nodes.find((n) => n.name === name)?.shape ?? []) : [];
    return how === 'all' ? [] : [state(`when.${name}`, [batch, ...shape])];
  });
  const past = new Map<string, State>();
  for (const link of graph.links) {
    const shape = graph.nodes.find((n) => n.name === link.source)?.shape ?? [];
    const name = pastName(link.source, link.delay);
    if (link.delay > 0) past.set(name, state(`past.${name}`, [batch, ...shape]));
  }
  const parameters = parameterStates(graph);
  const read = (s: State): Value => ({ id: s.id, shape: s.shape });
  const z = new Map(values.map((s) => [s.id.slice(2), read(s)]));
  const weights = new Map(parameters.map((s) => [s.id, read(s)]));
  const clamps = new Map<string, Clamp>();
  for (const name of Object.keys(clamped)) {
    const value = z.get(name);
    const when = masks.find((m) => m.id === `when.${name}`);
    if (value) clamps.set(name, when ? { value, when: read(when) } : { value });
  }
  const pastValues = new Map([...past].map(([name, s]) => [name, read(s)]));
  const network: Network = { graph, batch, samples: batch, clamps, starts: new Map(), past: pastValues };
  const evaluation = evaluate(builder, network, z, weights);
  const free = freeNodes(network).map((n) => `z.${n.name}`);
  const targets = [...values.filter((s) => free.includes(s.id)), ...parameters].map(read);
  const found = energyGradients(builder, evaluation, targets);
  let total: Value = builder.constant(0);
  for (const energy of evaluation.energies.values()) total = builder.op('add', [total, builder.op('sum', [energy])]);
  const results: Result[] = [{ name: 'energy', value: total.id }];
  for (const [node, energy] of evaluation.energies)
    results.push({ name: `energy.${node}`, value: builder.op('sum', [energy]).id });
  for (const t of targets) {
    const gradient = found.get(t.id);
    if (gradient) results.push({ name: `slope.${t.id}`, value: gradient.id });
  }
  const block = closeBlock(builder, 'energy');
  const f = { name: 'energy', role: 'other' as const, batch, inputs: [], blocks: [block], updates: [], results };
  const states = [...values, ...masks, ...past.values(), ...parameters, ...maskStates(graph)];
  const program = { name: graph.name, states, functions: [f] };
  return { program, variables: targets.map((t) => t.id) };
}

export const AT = { batch: 0, batches: 1 } as const;

export async function energyAt(session: DeviceSession): Promise<Record<string, ArrayLike<number>>> {
  return session.run('energy', {}, AT);
}

/**
 * Largest |analytic - difference| / max(1, |difference|) over all elements of all variables.
 * @returns the error by variable
 */
export async function gradientErrors(
  session: DeviceSession,
  variables: readonly string[],
  step = 1e-5,
): Promise<Map<string, number>> {
  const analytic = await energyAt(session);
  const errors = new Map<string, number>();
  for (const id of variables) {
    const kept = Float64Array.from(await session.read(id));
    const gradient = analytic[`slope.${id}`];
    let largest = 0;
    for (let i = 0; i < kept.length; i++) {
      const at = async (x: number): Promise<number> => {
        await session.write(id, kept.with(i, x));
        return (await energyAt(session)).energy?.[0] ?? Number.NaN;
      };
      const x = kept[i] as number;
      const slope = ((await at(x + step)) - (await at(x - step))) / (2 * step);
      const error = Math.abs((gradient?.[i] ?? 0) - slope) / Math.max(1, Math.abs(slope));
      largest = Math.max(largest, Number.isNaN(error) ? Infinity : error);
    }
    await session.write(id, kept);
    errors.set(id, largest);
  }
  return errors;
}
