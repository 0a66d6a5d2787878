/**
 * What `nmc train` knows a mesh knows: every rule of the library, under the settings of `values`, ends on two trainers with
 * the reports and the bits of the same shards in one process; pipelined too, where that is not refused by name.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pipelineProblem } from '../../compiler/5-program/pipeline.ts';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { buildProgram, type Staged } from '../../compiler/compile.ts';
import { memoryDataset, slice } from '../../runtime/data/dataset.ts';
import { stream } from '../../spec/random.ts';
import type { KeptEpoch } from '../../spec/run-events.ts';
import { builtPlan } from '../support/built-plans.ts';
import { checked } from '../support/check-source.ts';
import { trainHere } from '../support/one-machine.ts';
import { trainHosted } from './hosted.ts';

const SHARDS = 2;
const DATA = 'data.file("samples.npz", x = f32[3], y = f32[2])';

/** By the name of the method in the library. */
const RULES: Readonly<Record<string, string>> = {
  il: 'learn.il(steps = 4, rate = 0.1, momentum = 0.5)',
  z_il: 'learn.z_il()',
  fa_z_il: 'learn.fa_z_il()',
  ipc: 'learn.ipc(steps = 5, rate = 0.1)',
  nudged: 'learn.nudged(steps = 4, rate = 0.1, sign = centred)',
  pc_alm: 'learn.pc_alm(rate = 0.1)',
  fixed_prediction: 'learn.fixed_prediction(steps = 6, rate = 0.5)',
  bp: 'learn.bp()',
};

/** What is exact with `clusters` is so whatever the rule: one of them shows it. */
const CASES = [
  ...Object.keys(RULES).flatMap((rule) => [[rule, 'all'] as const, [rule, 'borders'] as const]),
  ['il', 'clusters'] as const,
];

const taskOf = (rule: string, values: string): string => `${rule}_${values}`;

const block = ([rule, values]: readonly [string, string]): string => `
train ${taskOf(rule, values)} of line on ${DATA} {
  clamp x = sample.x
  clamp y = sample.y
  validate on ${DATA}

  method    = ${RULES[rule]}
  values    = ${values}
  optimizer = learn.adam(rate = 0.01)
  batch     = 2
}
`;

/** A line whose middle is a cluster: its cut lies within it, and one of its nodes is exact as written. */
const MODEL = checked(`pcn 1

import std/nodes
import std/links
import std/learn
import std/data

cluster triple() {
  node low:  f32[4] = nodes.gaussian(act = tanh)
  node calm: f32[4] = nodes.exact(act = tanh)
  node high: f32[3] = nodes.gaussian(act = tanh)
  node mean: f32[3] = nodes.gaussian()
  link low -> calm -> high = links.dense()
  link high -> mean = links.identity()
  expose low, mean
}

model line {
  sense x: f32[3]
  cluster c = triple()
  node y: f32[2] = nodes.gaussian()
  link x -> c.low = links.dense()
  link c.mean -> y = links.dense()
}

schedule whole of line {
  cut_at = nodes
}
${CASES.map(block).join('')}
predict answer of line {
  clamp x = input.x
  read y = y
}

check error(answer.y, ${DATA}.y) <= 100
`);

function staged(rule: string, values: string, microbatches = 1): Staged {
  const task = MODEL.trains.find((t) => t.name === taskOf(rule, values));
  if (!task) throw new Error('no task');
  return buildProgram({ checked: MODEL, model: task.model, task, predicts: MODEL.predicts }, { microbatches });
}

const rng = stream(3, 'samples');
const column = (name: string, size: number) => ({
  field: { name, type: 'f32' as const, shape: [size] },
  data: Float32Array.from({ length: 8 * size }, (_, i) => rng.normal(size * 1000 + i)),
});
const samples = memoryDataset('samples', 'drawn', [column('x', 3), column('y', 2)]);
const data = { train: slice(samples, 0, 3), checks: [slice(samples, 4, 5)], validation: slice(samples, 6, 7) };

const timeless = ({ seconds: _, samplesPerSecond: __, ...report }: KeptEpoch) => report;

async function expectAlike(plan: BuiltPlan): Promise<void> {
  const here = await trainHere(plan, data, 1);
  const there = await trainHosted({ plan, ...data, trainers: SHARDS, epochs: 1, snapshotEvery: 2, seed: 1 });
  expect(there.run).toMatchObject({ phase: 'done', checked: 'recomputed', excluded: [], faults: [] });
  expect(there.run?.rows.map(timeless)).toEqual(here.reports.map(timeless));
  expect(there.run?.checks).toEqual(here.checks);
  const weights = [...here.weights].filter(([name]) => !name.includes(':'));
  expect(weights).toHaveLength(8);
  for (const [name, values] of weights) {
    const shard = [0, 1].find((s) => there.states.has(`${s}/${name}`));
    const found = Array.from(there.states.get(`${shard}/${name}`) ?? []);
    expect(found, name).toEqual(Array.from(values));
    expect(found, name).not.toEqual(Array.from(here.before.get(name) ?? []));
  }
}

test('every method that trains has its row here', () => {
  const written = readFileSync('stdlib/learn.pcn', 'utf8').matchAll(/^method (\w+)/gm);
  const names = [...written].map(([, name = '']) => name).filter((name) => name !== 'settle');
  expect(Object.keys(RULES).sort()).toEqual(names.sort());
});

test.each(CASES)('%s with values = %s', async (rule, values) => {
  await expectAlike(builtPlan(staged(rule, values), { shards: SHARDS }));
});

const PIPELINED = ['il', 'nudged', 'pc_alm', 'fixed_prediction'];

test.each(Object.keys(RULES))('%s in microbatches, or why not', async (rule) => {
  const { graph, task } = staged(rule, 'borders');
  if (!task) throw new Error('no task');
  const problem = pipelineProblem(graph, task);
  expect(problem === undefined).toBe(PIPELINED.includes(rule));
  if (problem === undefined) await expectAlike(builtPlan(staged(rule, 'borders', 2), { shards: SHARDS }));
  else expect(problem).toMatch(/has no single weight step/);
});
