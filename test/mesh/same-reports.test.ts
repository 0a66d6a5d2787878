/** A mesh reports of an epoch what one machine reports: sequences, values that outlive a step, validation, warnings. */

import { expect, test, vi } from 'vitest';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { buildProgram } from '../../compiler/compile.ts';
import { memoryDataset, slice } from '../../runtime/data/dataset.ts';
import { fieldArrays } from '../../runtime/device/device.ts';
import { stream } from '../../spec/random.ts';
import type { EpochReport, KeptEpoch } from '../../spec/run-events.ts';
import { reportDifference } from '../acceptance/report-difference.ts';
import { builtPlan, planWithoutFiles } from '../support/built-plans.ts';
import { checked } from '../support/check-source.ts';
import { trainHere } from '../support/one-machine.ts';
import { smallStaged } from '../support/small-examples.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 120_000 });

const DATA = 'data.file("steps.npz", x = f32[6, 3], y = f32[6, 2])';

/** A chain that remembers: its cut lies between nodes that read each other's values of a step before. */
const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model chain {
  sense x: f32[3]
  node  h: f32[4] = nodes.gaussian()
  node  i: f32[3] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h -> i -> y = links.dense(after = tanh)
  link h -> i = links.dense(delay = 1)
  link i -> h = links.dense(delay = 2)
}

train il of chain on ${DATA} {
  sequence = 6
  clamp x = sample.x
  clamp y = sample.y
  validate on ${DATA}

  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = 4
  epochs    = 2
}

predict answer of chain {
  clamp x = input.x
  read y = y
}

check error(answer.y, ${DATA}.y) <= 100
`;

const STEPS = 6;
const rng = stream(3, 'steps');
const column = (name: string, size: number) => ({
  field: { name, type: 'f32' as const, shape: [STEPS, size] },
  data: Float32Array.from({ length: 18 * STEPS * size }, (_, i) => rng.normal(size * 1000 + i)),
});
const all = memoryDataset('steps', 'drawn', [column('x', 3), column('y', 2)]);
/** Not whole batches: of training a part is left out, of the others the last batch is filled up. */
const data = { train: slice(all, 0, 8), checks: [slice(all, 9, 14)], validation: slice(all, 13, 17) };

const plans = new Map<number, BuiltPlan>();

function planOf(shards: number): BuiltPlan {
  const plan = plans.get(shards) ?? built(shards);
  plans.set(shards, plan);
  return plan;
}

function built(shards: number, text = MODEL): BuiltPlan {
  const checkedModel = checked(text);
  const [task] = checkedModel.trains;
  if (!task) throw new Error('no task');
  const staged = buildProgram({ checked: checkedModel, model: task.model, task, predicts: checkedModel.predicts });
  return builtPlan(staged, { shards });
}

function hosted(options: Partial<HostedOptions> & Pick<HostedOptions, 'plan'>): Promise<HostedResult> {
  return trainHosted({ ...data, trainers: 3, epochs: 2, snapshotEvery: 1, seed: 1, ...options });
}

/** Sums over the steps of several rows are taken in another order. */
const close = (value: number) => expect.closeTo(value, 10);
const timeless = ({ seconds: _, samplesPerSecond: __, ...report }: KeptEpoch) => report;
const alike = (report: EpochReport) => ({
  ...timeless(report),
  energy: close(report.energy),
  energyByNode: Object.fromEntries(Object.entries(report.energyByNode).map(([node, e]) => [node, close(e)])),
  validation: close(report.validation ?? Number.NaN),
});

test('two epochs of sequences in three shards give the fields, numbers and weights of one machine', async () => {
  const plan = planOf(3);
  const here = await trainHere(plan, data, 2);
  const there = await hosted({ plan });
  expect(there.run).toMatchObject({ phase: 'done', term: 1, checked: 'recomputed', excluded: [] });
  const rows = there.run?.rows ?? [];
  expect(rows.map(timeless)).toEqual(here.reports.map(alike));
  expect(rows.map((row) => Object.keys(row))).toEqual(here.reports.map((report) => Object.keys(report)));
  expect(rows[0]).toMatchObject({ leftOut: 1 });
  expect(there.run?.checks).toEqual(here.checks.map((c) => ({ ...c, value: close(c.value) })));
  // A node that is cut has tiles of weights there, which are whole here: the numbers are the same.
  const isWeight = (name: string): boolean => /\.[wb]\b[^:]*$/.test(name) && !name.includes(':');
  const numbers = (all: Iterable<readonly [string, ArrayLike<number>]>): number[] =>
    [...all].flatMap(([name, values]) => (isWeight(name) ? Array.from(values) : [])).sort((a, b) => a - b);
  expect(numbers(there.states).length).toBeGreaterThan(40);
  expect(numbers(there.states)).toEqual(numbers(here.weights));
});

test('a shard that another trainer takes over has the memory that the model had', async () => {
  const plan = planOf(2);
  const undisturbed = await hosted({ plan, epochs: 1 });
  const expected = { phase: 'done', excluded: [], checked: 'recomputed' };
  expect(undisturbed.run).toMatchObject(expected);
  const killed = await hosted({ plan, epochs: 1, kills: [{ at: 0.45 * undisturbed.milliseconds, trainer: 0 }] });
  expect(killed.run).toMatchObject({ ...expected, term: 2 });
  expect(killed.run?.rows.map(timeless)).toEqual(undisturbed.run?.rows.map(timeless));
});

test('a validation is computed again with the checks where others check them', async () => {
  const { run } = await hosted({ plan: planOf(2), epochs: 1, trainers: 4, checking: 'not-here' });
  expect(run).toMatchObject({ phase: 'done', checked: 'by-others', excluded: [] });
});

/** The same chain with the number of a class for each step: what is measured needs some of the elements, or pairs of them. */
const CLASSES = 'data.file("steps.npz", x = f32[6, 3], y = f32[6, 2], kind = int[6])';
const OF_CLASSES = `${MODEL.slice(0, MODEL.indexOf('check error')).replaceAll(DATA, CLASSES).replace('read y = y\n', 'read y = y\n  read kind = argmax(y)\n')}
check auc(1, answer.y, ${CLASSES}.kind) >= 0
check precision(1, answer.kind, ${CLASSES}.kind) >= 0
check recall(1, answer.kind, ${CLASSES}.kind) >= 0
`;
const kind = {
  field: { name: 'kind', type: 'i32' as const, shape: [STEPS] },
  data: Int32Array.from({ length: 18 * STEPS }, (_, i) => rng.bits(9000 + i) % 2),
};
const labelled = memoryDataset('steps', 'drawn', [column('x', 3), column('y', 2), kind]);
const ofClasses = {
  train: slice(labelled, 0, 3),
  checks: [slice(labelled, 9, 14), slice(labelled, 9, 14), slice(labelled, 9, 14)],
  validation: slice(labelled, 13, 17),
};

test('shares of some elements and of pairs are those of one machine, where shards compute them', async () => {
  const plan = built(2, OF_CLASSES);
  const here = await trainHere(plan, ofClasses, 1);
  expect(new Set(here.checks.map((c) => c.value)).size).toBe(3);
  const { run } = await hosted({ plan, ...ofClasses, epochs: 1, trainers: 4, checking: 'not-here' });
  expect(run).toMatchObject({ phase: 'done', checked: 'by-others', excluded: [] });
  expect(run?.checks).toEqual(here.checks.map((c) => ({ ...c, value: close(c.value) })));
  expect(run?.rows.map((row) => row.validation)).toEqual(here.reports.map((report) => close(report.validation ?? 0)));
});

test('a run that is asked to stop cuts no sequence in two', async () => {
  const plan = planOf(2);
  const { milliseconds } = await hosted({ plan, epochs: 1 });
  for (const share of [0.3, 0.4]) {
    const { run } = await hosted({ plan, epochs: 1, snapshotEvery: 100, stopAt: share * milliseconds });
    expect(run?.phase).toBe('stopped');
    expect((run?.manifests.at(-1)?.calls ?? 0) % STEPS).toBe(0);
  }
});

test('a check that is not finite fails as on one machine, and the training goes on', async () => {
  const plan = built(2, MODEL.replace('read y = y\n', 'read y = log(y - 1000)\n'));
  const here = await trainHere(plan, data, 2);
  const there = await hosted({ plan });
  expect(there.run).toMatchObject({ phase: 'done', checked: 'recomputed', excluded: [], faults: [] });
  expect(here.checks).toMatchObject([{ value: Number.NaN, pass: false }]);
  expect(there.run?.checks).toEqual([{ check: here.checks[0]?.check, value: null, pass: false }]);
  expect(there.run?.rows.map(({ epoch, validation }) => [epoch, validation])).toEqual([
    [1, null],
    [2, null],
  ]);
});

test('a false claim about a validation is found', async () => {
  const plan = planOf(2);
  const { run, log } = await hosted({
    ...{ plan, epochs: 1 },
    lie: (message, { trainer }) => {
      if (trainer !== 0 || message.type !== 'part') return undefined;
      const totals = { ...message.totals };
      if (totals['sum.1'] === undefined) return undefined;
      return [{ ...message, totals: { ...totals, 'sum.1': totals['sum.1'] * 2 } }];
    },
  });
  expect(run).toBeDefined();
  expect(log.map((event) => event.event)).toContain('liar');
});

/** Noise in the fields that a small example reads. */
function noiseFor({ plan }: BuiltPlan, samples: number) {
  const { data: of, inputs = [] } = plan.training ?? {};
  const columns = (of?.fields ?? [])
    .filter((field) => inputs.some((input) => input.name === field.name))
    .map((field) => {
      const size = field.shape.reduce((product, n) => product * n, samples);
      const drawn = stream(9, field.name);
      const number = (i: number): number => Math.floor(drawn.uniform(i) * (field.type === 'u8' ? 256 : 10));
      const data = new fieldArrays[field.type](size);
      for (let i = 0; i < size; i++) data[i] = number(i);
      return { field, data };
    });
  return { train: memoryDataset('noise', 'drawn', columns), checks: [] };
}

const EXAMPLES = ['digits.pcn', 'fan_out.pcn', 'sequence.pcn'];
const examples = EXAMPLES.flatMap((file) => smallStaged(file, 3).slice(0, 1));

test.each(examples.map(({ name, staged }) => [name, staged] as const))(
  'one machine, two shards and a mesh report alike for two batches of %s, made small',
  async (_, staged) => {
    const plan = builtPlan(staged, { shards: 2 });
    const drawn = noiseFor(plan, 2 * (staged.task?.batch ?? 1) + 1);
    const alone = await trainHere(planWithoutFiles(staged), drawn, 1);
    const shards = await trainHere(plan, drawn, 1);
    const there = await trainHosted({ plan, ...drawn, trainers: 2, epochs: 1, snapshotEvery: 1, seed: 1 });
    const rows = there.run?.rows ?? [];
    expect(rows.map(timeless)).toEqual(shards.reports.map(timeless));
    const told = { alone: alone.reports, shards: shards.reports, mesh: rows as readonly EpochReport[] };
    const all = Object.entries(told).map(([name, reports]) => [name, { reports }] as const);
    expect(reportDifference(Object.fromEntries(all), [['shards', 'mesh']])).toEqual({ holds: true, text: '3 alike' });
  },
);

test('a field, a node or a number that is missing or different is found', () => {
  const one: EpochReport = {
    ...{ epoch: 1, energy: 2, accuracy: null, seconds: 1, samplesPerSecond: 1, validation: 0.5, leftOut: 1 },
    energyByNode: { h: 2 },
  };
  const { validation: _, ...without } = one;
  const heldTo = (other: EpochReport): string => {
    const told = { train: { reports: [one] }, deploy: { reports: [other] }, page: { refused: 'data/page' } };
    return reportDifference(told, [['train', 'deploy']]).text;
  };
  expect(heldTo({ ...one, seconds: 5 })).toBe('2 alike, page refuses: data/page');
  expect(heldTo(without)).toContain('deploy tells');
  expect(heldTo({ ...one, energyByNode: { h: 2, i: 0 } })).toContain('deploy tells');
  expect(heldTo({ ...one, energy: 2.5 })).toContain('other energy');
});
