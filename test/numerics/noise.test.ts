/** `tick` and `noise(std)` in what settling evaluates: the same numbers on every device and in every cut. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normalAt } from '../../spec/random.ts';
import { closeAll, openEverywhere, type Place, runEverywhere } from '../support/everywhere.ts';

const SAMPLES = 32;
const WIDTH = 40;
const text = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
/// Langevin's noise: the gradient of noise(std) z is a draw.
node shaken(std: float) {
  energy 0.5 * (z - mu) ^ 2 + noise(std) * z
}
node ageing() {
  energy 0.5 * (1 + tick) * (z - mu) ^ 2
}
link noisy(std: float) {
  predict source + noise(std) - noise(std)
}
model m {
  sense x:    f32[${WIDTH}]
  node h:     f32[${WIDTH}] = shaken(0.5)
  node g[4]:  f32[2] = shaken(0.25)
  node old:   f32[${WIDTH}] = ageing()
  node y:     f32[${WIDTH}] = nodes.gaussian()
  node free:  f32[${WIDTH}] = nodes.gaussian()
  link x -> h    = links.one_to_one(init = ones, bias = false)
  link x -> g[*] = links.dense(init = zeros)
  link x -> old  = links.one_to_one(init = ones, bias = false)
  link old -> y  = links.one_to_one(init = ones, bias = false)
  link x -> free = noisy(0.1)
}
train t of m on data.file("x.npz", x = f32[${WIDTH}], y = f32[${WIDTH}]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.sgd(rate = 1.0e-9)
  batch = ${SAMPLES}
}
predict p of m {
  clamp x = input.x
  clamp y = input.y
  settle = learn.settle(steps = 1, rate = 1)
  read h_at = h - input.x
  read g_at = g[*]
  read free_at = prediction(free) - input.x
}
predict two of m {
  clamp x = input.x
  clamp y = input.y
  settle = learn.settle(steps = 2, rate = 0.1)
  read old_at = old
  read old_energy = energy(old)
}
`;

const inputs = {
  x: Float32Array.from({ length: SAMPLES * WIDTH }, (_, i) => Math.fround(Math.sin(i * 0.7))),
  y: Float32Array.from({ length: SAMPLES * WIDTH }, (_, i) => Math.fround(Math.cos(i * 0.3))),
};

let places: Place[] = [];
beforeAll(async () => {
  places = await openEverywhere(text, SAMPLES);
});
afterAll(() => closeAll(places));

const near = (place: string, result: string, found: number[], wanted: number[]): void => {
  expect(found.length, `${place} ${result}`).toBe(wanted.length);
  const worst = Math.max(...found.map((v, i) => Math.abs(v - (wanted[i] as number))));
  expect(worst, `${place} ${result}`).toBeLessThan(1e-4);
};
const at = { batch: 0, batches: 4 };
const moments = (values: readonly number[]): { mean: number; std: number } => {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) };
};

describe('noise', () => {
  test('is drawn from a normal distribution separately for each element, sample and call', async () => {
    const found = await runEverywhere(places, 'predict.p', inputs, at, near);
    // One tick of rate 1 from the prediction: the draw, and nothing else.
    const h = [...(found.h_at ?? [])];
    expect(moments(h).mean).toBeCloseTo(0, 1);
    expect(moments(h).std / 0.5).toBeCloseTo(1, 1);
    expect(new Set(h.map((v) => v.toFixed(5))).size).toBeGreaterThan(0.95 * h.length);
    const g = [...(found.g_at ?? [])];
    expect(moments(g).std / 0.25).toBeGreaterThan(0.8);
    expect(moments(g).std / 0.25).toBeLessThan(1.2);
    // Two draws in one formula differ: sqrt(2) of one.
    const free = [...(found.free_at ?? [])];
    expect(moments(free).std / (0.1 * Math.SQRT2)).toBeCloseTo(1, 1);
  });

  test('gives the same answer to the same input, and other draws in each batch of a training', async () => {
    const [first, again] = [
      await runEverywhere(places, 'predict.p', inputs, at, near),
      await runEverywhere(places, 'predict.p', inputs, { batch: 3, batches: 4 }, near),
    ];
    expect([...(again.h_at ?? [])]).toEqual([...(first.h_at ?? [])]);
    const one = await runEverywhere(places, 'train', inputs, at, near);
    const other = await runEverywhere(places, 'train', inputs, { batch: 1, batches: 4 }, near);
    expect(one['energy.free']?.[0]).not.toBe(other['energy.free']?.[0]);
    // What a link predicts changes by itself, so the error that it leaves is there from the second tick on.
    expect(one['energy.free']?.[0]).toBeGreaterThan(0.01 * WIDTH * 0.1);
  });

  test('is a function of element, row and key', () => {
    const draws = Array.from({ length: 20000 }, (_, i) => normalAt(i % 100, Math.floor(i / 100), 77));
    expect(Math.abs(moments(draws).mean)).toBeLessThan(0.03);
    expect(Math.abs(moments(draws).std - 1)).toBeLessThan(0.02);
    const neighbours = draws.slice(1).reduce((sum, v, i) => sum + v * (draws[i] as number), 0) / draws.length;
    expect(Math.abs(neighbours)).toBeLessThan(0.03);
    expect(normalAt(3, 5, 9)).not.toBe(normalAt(5, 3, 9));
  });
});

test('a formula with `tick` counts the ticks of settling from 0, and a read after the last tick sees their number', async () => {
  const found = await runEverywhere(places, 'predict.two', inputs, at, near);
  for (let i = 0; i < WIDTH; i++) {
    const [x, y] = [inputs.x[i] as number, inputs.y[i] as number];
    const first = x - 0.1 * (0 - (y - x));
    const second = first - 0.1 * (2 * (first - x) - (y - first));
    expect(found.old_at?.[i]).toBeCloseTo(second, 4);
  }
  const energies = Array.from({ length: SAMPLES }, (_, s) => {
    let sum = 0;
    for (let i = s * WIDTH; i < (s + 1) * WIDTH; i++)
      sum += 0.5 * 3 * ((found.old_at?.[i] ?? 0) - (inputs.x[i] as number)) ** 2;
    return sum;
  });
  energies.forEach((v, s) => {
    expect(found.old_energy?.[s]).toBeCloseTo(v, 3);
  });
});
