/** Epochs that are shorter than the way between two snapshots: one snapshot each, whoever dies while they are measured. */
import { expect, test, vi } from 'vitest';
import { buildProgram } from '../../compiler/compile.ts';
import { callsPerEpoch } from '../../runtime/training/calls.ts';
import { builtPlan } from '../support/built-plans.ts';
import { checked } from '../support/check-source.ts';
import { normalData } from '../support/filled-data.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model pair {
  sense x: f32[4]
  node  h: f32[3] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h -> y = links.dense()
}

train il of pair on data.file("points.npz", x = f32[4], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = 4
  epochs    = 1
}

predict answer of pair {
  clamp x = input.x
  read y = y
}

check error(answer.y, data.file("points.npz", x = f32[4], y = f32[2]).y) <= 100
`;

const [BATCHES, EPOCHS] = [3, 3];
/** In several batches, so that trainers die between them. */
const CHECKED = 1500;

const points = (samples: number) => normalData('points', samples, { x: 4, y: 2 });

function pair() {
  const all = checked(MODEL);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return builtPlan(buildProgram({ checked: all, model: task.model, task, predicts: all.predicts }), { shards: 2 });
}

function trained(more: Partial<HostedOptions> = {}): Promise<HostedResult> {
  const data = { train: points(4 * BATCHES), checks: [points(CHECKED)] };
  return trainHosted({ plan: pair(), ...data, trainers: 3, epochs: EPOCHS, snapshotEvery: BATCHES, seed: 1, ...more });
}

const outcome = ({ run, states }: HostedResult) => ({
  states,
  checks: run?.checks,
  rows: run?.rows.map((row) => ({ ...row, seconds: 0, samplesPerSecond: 0 })),
});

test('a short epoch makes one snapshot, and counts every batch once, whichever trainer dies in its evaluations', async () => {
  const undisturbed = await trained();
  const perEpoch = undisturbed.run ? callsPerEpoch(undisturbed.run.deployment) : 0;
  expect(perEpoch).toBeGreaterThan(2 * BATCHES);
  expect(undisturbed.run).toMatchObject({ phase: 'done', term: 1 });
  const epochs = [1, 2, 3].map((epoch) => epoch * perEpoch);
  expect([...undisturbed.manifests.keys()]).toEqual(epochs);
  const expected = outcome(undisturbed);
  const terms: number[] = [];
  for (const share of [0.4, 0.6, 0.75]) {
    const killed = await trained({ kills: [{ at: share * undisturbed.milliseconds, trainer: 0 }] });
    expect(killed.run?.phase, `killed at ${share}`).toBe('done');
    // What is lost is one epoch at most: all begin again behind a whole one.
    expect([...killed.manifests.keys()], `killed at ${share}`).toEqual(epochs);
    expect(outcome(killed), `killed at ${share}`).toEqual(expected);
    terms.push(killed.run?.term ?? 0);
  }
  expect(Math.max(...terms)).toBeGreaterThan(1);
});
