/** Plans for named machines: a shard for each, in proportion to what it can do, or words that say why not. */

import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { type OldPlaces, placesIn } from '../../../compiler/6-partition/cut-pieces.ts';
import { type Machine, type Machines, uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import type { Plan } from '../../../spec/plan.ts';
import { builtPlanOrWhyNot } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';

vi.setConfig({ testTimeout: 60_000 });

const all = checked(readFileSync('dsl-examples/digits.pcn', 'utf8'), { set: { hidden: '48' } });
const [task] = all.trains;

function build(machines: Machines, old?: OldPlaces): ReturnType<typeof builtPlanOrWhyNot> {
  if (!task) throw new Error('no task');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  return builtPlanOrWhyNot(staged, { shards: machines.list.length, machines, old });
}

function planFor(machines: Machines, old?: OldPlaces): Plan {
  const result = build(machines, old);
  if (result.kind !== 'plan') throw new Error(result.reason);
  return result.built.plan;
}

const fleet = (...machines: (Partial<Machine> & { name: string })[]): Machines => ({
  list: machines.map((m) => ({ rate: 1e10, memory: Infinity, upload: Infinity, download: Infinity, ...m })),
});

test('a machine four times as fast gets most of the work, and the plan names the machine of each shard', () => {
  const plan = planFor(fleet({ name: 'desk', rate: 4e10 }, { name: 'laptop' }));
  expect(plan.predicted?.machines.map((m) => m.name)).toEqual(['desk', 'laptop']);
  const [desk, laptop] = plan.shards.map((s) => s.flopsPerTick ?? 0);
  expect((desk ?? 0) / (laptop ?? 1)).toBeGreaterThan(3);
  const swapped = planFor(fleet({ name: 'laptop' }, { name: 'desk', rate: 4e10 }));
  expect(swapped.shards[1]?.flopsPerTick).toBeGreaterThan(swapped.shards[0]?.flopsPerTick ?? Infinity);
});

test('the memory of a machine bounds weights, states and values of a batch alike', () => {
  const even = planFor(uniformMachines(2)).shards.map((s) => s.memory);
  const most = Math.max(...even) * 1.02;
  const tight = fleet({ name: 'a', memory: most, rate: 9e10 }, { name: 'b', memory: most });
  for (const shard of planFor(tight).shards) expect(shard.memory).toBeLessThanOrEqual(most);
  expect(planFor(tight).predicted?.machines[0]?.memory).toBe(most);
});

test('a model that does not fit is reported with the machine, or with the part that is too large', () => {
  const reasonFor = (machines: Machines): string => {
    const result = build(machines);
    return result.kind === 'impossible' ? result.reason : 'it was cut';
  };
  expect(reasonFor(fleet({ name: 'a', memory: 2e5 }, { name: 'b', memory: 2e5 }))).toMatch(/needs 0\.\d MiB/);
  const whole = planFor(uniformMachines(2)).shards;
  // Room for the weights, none for the values of a batch.
  const weights = whole.reduce((sum, s) => sum + s.parameterCount, 0) * 4 * 3;
  const scarce = fleet({ name: 'a', memory: weights * 0.6 }, { name: 'b', memory: weights * 0.6 });
  expect(reasonFor(scarce)).toMatch(/has 0\.\d MiB, its part of digits needs \d\.\d MiB/);
});

test('a slow link between two machines limits the plan, and is named', () => {
  const machines = { ...fleet({ name: 'a' }, { name: 'b' }), bandwidth: Float64Array.of(1, 1e5, 1e5, 1) };
  const { limit } = planFor(machines).predicted ?? {};
  expect(limit).toMatchObject({ by: 'link' });
  expect([limit?.shard, limit?.to].sort()).toEqual([0, 1]);
});

const placesOf = (plan: Plan): Map<string, string> =>
  new Map(plan.shards.flatMap((s, i) => s.nodes.map((n) => [n, plan.predicted?.machines[i]?.name ?? ''] as const)));

test('a plan made from an older one moves nothing for a small gain, and finds a place for what lost its machine', () => {
  const first = planFor(fleet({ name: 'a' }, { name: 'b' }, { name: 'c' }));
  const old = placesIn(first);
  // In another order, one of them a little slower.
  const same = planFor(fleet({ name: 'c' }, { name: 'a', rate: 0.98e10 }, { name: 'b' }), old);
  expect(placesOf(same)).toEqual(old.machines);
  const lost = placesOf(planFor(fleet({ name: 'a' }, { name: 'd' }, { name: 'c' }), old));
  expect([...lost.keys()].sort()).toEqual([...old.machines.keys()].sort());
  for (const [piece, machine] of old.machines)
    if (machine !== 'b') expect({ piece, machine: lost.get(piece) }).toEqual({ piece, machine });
    else expect(lost.get(piece)).not.toBe('b');
});
