/** One graph at random values: gradients against differences, the batch against single samples, the passes against none. */
import { expect } from 'vitest';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { verifyGraph } from '../../compiler/4-graph/verify.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { energiesDirectly } from './direct.ts';
import { energyAt, energyProgram, gradientErrors, type Held } from './energy-program.ts';
import { initialise, relativeError } from './networks.ts';
import { openReference } from './reference.ts';

const BATCH = 3;

export type Clamps = Readonly<Record<string, Held>>;

/** Holds the energy of a graph, and its gradients by every free value and every weight, against differences. */
export async function checkGraph(graph: Graph, clamped: Clamps): Promise<void> {
  verifyGraph(graph);
  const { program, variables } = energyProgram(graph, BATCH, clamped);
  verify(program);
  const session = await openReference(program);
  await initialise(session, program, 3);
  for (const s of program.states) {
    const rng = stream(11, s.id);
    if (s.id.startsWith('z.') || s.id.startsWith('past.'))
      await session.write(
        s.id,
        Float64Array.from({ length: sizeOf(s.shape) }, (_, i) => rng.normal(i)),
      );
    if (s.id.startsWith('when.'))
      await session.write(
        s.id,
        Float64Array.from({ length: sizeOf(s.shape) }, (_, i) => i % 2),
      );
  }
  expect(variables.length).toBeGreaterThan(0);
  for (const [id, error] of await gradientErrors(session, variables)) expect(error, id).toBeLessThan(1e-8);
  // The batch is so many samples side by side.
  const states = new Map<string, Float64Array>();
  for (const s of program.states) states.set(s.id, Float64Array.from(await session.read(s.id)));
  const found = await energyAt(session);
  const simple = graph.links.every((l) => l.delay === 0 && !l.sparsity);
  // What is exact has no values that could be set.
  const settles = graph.nodes.every((n) => !n.value);
  const plain = Object.values(clamped).every((how) => how === 'all') && simple && settles;
  if (plain)
    for (const [node, energy] of energiesDirectly(graph, BATCH, (id) => states.get(id) ?? new Float64Array(0)))
      if (!graph.nodes.find((n) => n.name === node)?.clampedOnly || clamped[node])
        expect(found[`energy.${node}`]?.[0], node).toBeCloseTo(energy, 11);
  // The passes leave the energy and every gradient as they are.
  const before = await energyAt(session);
  const after = await openReference(runPasses(program));
  for (const s of program.states) await after.write(s.id, Float64Array.from(await session.read(s.id)));
  for (const [name, values] of Object.entries(await energyAt(after)))
    expect(relativeError(values, before[name] ?? []), name).toBeLessThan(1e-12);
}
