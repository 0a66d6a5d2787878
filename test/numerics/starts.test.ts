/** `start h = …`: free values begin where the task says, on every device, and the sweep goes on from there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checked } from '../support/check-source.ts';
import { closeAll, openEverywhere, type Place, runEverywhere } from '../support/everywhere.ts';

const RATE = 0.1;
const text = (method: string, starts: string): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[2]
  node h[4]: f32[2] = nodes.gaussian()
  node y:    f32[1] = nodes.gaussian()
  link x -> h[*] = links.dense(init = constant(0.5), bias = false)
  link h[*] -> y = links.dense(init = constant(0.5), bias = false)
}
train t of m on data.file("x.npz", x = f32[2], g = f32[2], t = f32[1], k = int) {
  clamp x = sample.x
  clamp y = sample.t
  ${starts}
  method = ${method}
  optimizer = learn.sgd(rate = 0.25)
}
predict p of m {
  clamp x = input.x
  start h[1] = input.g when input.k == 1
  settle = learn.settle(steps = 1, rate = 1.0e-9)
  read h_at = h[1]
  read y_at = y
}
predict noisy of m {
  clamp x = input.x
  start h[1] = input.g
  settle = learn.settle(steps = 1, rate = 1.0e-9, start = noise)
  read h_at = h[1]
  read other_at = h[2]
}
`;

const SAMPLES = 2;
const inputs = {
  x: Float32Array.from([1, 2, -1, 0.5]),
  g: Float32Array.from([0.25, -0.5, 2, 1]),
  t: Float32Array.from([1, -2]),
  k: Int32Array.from([1, 0]),
};

let places: Place[] = [];
beforeAll(async () => {
  const starts = 'start h[1] = sample.g  batch = 2';
  places = await openEverywhere(text(`learn.il(steps = 1, rate = ${RATE})`, starts), SAMPLES);
});
afterAll(() => closeAll(places));

const near = (place: string, result: string, found: number[], wanted: number[]): void => {
  expect(found.length, `${place} ${result}`).toBe(wanted.length);
  found.forEach((v, i) => {
    expect(v, `${place} ${result}`).toBeCloseTo(wanted[i] as number, 5);
  });
};
const at = { batch: 0, batches: 1 };

test('a prediction begins at the value where its condition holds, and later nodes begin at what that predicts', async () => {
  const found = await runEverywhere(places, 'predict.p', inputs, at, near);
  // 0.5 (1 + 2) is the prediction of every h; of the second sample 0.5 (-1 + 0.5).
  expect([...(found.h_at ?? [])]).toEqual([0.25, -0.5, -0.25, -0.25].map((v) => expect.closeTo(v, 6)));
  const behind = [0.5 * (6 * 1.5 + 0.25 - 0.5), 0.5 * 8 * -0.25];
  expect([...(found.y_at ?? [])]).toEqual(behind.map((v) => expect.closeTo(v, 5)));
});

test('a node that begins at a value of its own does not begin at noise', async () => {
  const found = await runEverywhere(places, 'predict.noisy', inputs, at, near);
  expect([...(found.h_at ?? [])]).toEqual([...inputs.g].map((v) => expect.closeTo(v, 6)));
  expect(Math.abs((found.other_at?.[0] ?? 0) - 1.5)).toBeGreaterThan(1e-3);
});

test('the error of a node that begins elsewhere moves it in the first tick, also in an array', async () => {
  const found = await runEverywhere(places, 'train', inputs, at, near);
  const energies = { h: 0, others: 0, y: 0 };
  for (let s = 0; s < SAMPLES; s++) {
    const [a = 0, b = 0] = inputs.x.slice(2 * s);
    const mu = 0.5 * (a + b);
    const g = [...inputs.g.slice(2 * s, 2 * s + 2)];
    const error = (inputs.t[s] ?? 0) - 0.5 * (6 * mu + (g[0] ?? 0) + (g[1] ?? 0));
    const h = g.map((v) => v - RATE * (v - mu - 0.5 * error));
    const other = mu + RATE * 0.5 * error;
    energies.h += h.reduce((sum, v) => sum + 0.5 * (v - mu) ** 2, 0) / SAMPLES;
    energies.others += (2 * 0.5 * (other - mu) ** 2) / SAMPLES;
    const left = (inputs.t[s] ?? 0) - 0.5 * (6 * other + h.reduce((sum, v) => sum + v, 0));
    energies.y += (0.5 * left ** 2) / SAMPLES;
  }
  expect(found['energy.h[1]']?.[0]).toBeCloseTo(energies.h, 5);
  expect(found['energy.h[2]']?.[0]).toBeCloseTo(energies.others, 5);
  expect(found['energy.y']?.[0]).toBeCloseTo(energies.y, 5);
});

test('labels and statistics that a start reads belong to the task', () => {
  const source = `pcn 1
import std/nodes
import std/links
import std/data
model m {
  sense x: f32[2]
  node h: f32[3] = nodes.gaussian()
  node y: f32[3] = nodes.gaussian()
  link x -> h -> y = links.dense()
}
train t of m on data.file("x.npz", x = f32[2], g = f32[3], k = int) {
  clamp x = sample.x
  clamp y = standardize(sample.g)
  start h = one_hot(sample.k, 3) when sample.k < 2
}`;
  const [task] = checked(source).trains;
  expect(task?.starts?.map((s) => [s.node, s.when !== undefined])).toEqual([['h', true]]);
});
