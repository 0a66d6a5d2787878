/** Links that are apart: a node has an error from each, and its energies add up, on every device and in shards. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeAll, openEverywhere, type Place, runEverywhere } from '../support/everywhere.ts';

/** The curvature of both energies is 6: one tick of a sixth is at their minimum. */
const STEPS = 1;
const RATE = 1 / 6;
const text = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense a: f32[3]
  sense b: f32[3]
  sense c: f32[3]
  node h:    f32[3] = nodes.gaussian(precision = 2)
  node g[4]: f32[3] = nodes.gaussian(precision = 3)
  link a -> h = links.one_to_one(bias = false)
  link b -> h = links.one_to_one(bias = false, apart = true)
  link c -> h = links.one_to_one(bias = false)
  link a -> g[*] = links.one_to_one(bias = false, apart = true)
  link b -> g[*] = links.one_to_one(bias = false, apart = true)
  link h -> h = links.one_to_one(bias = false, apart = true, delay = 1)
}
train t of m on data.file("x.npz", a = f32[3], b = f32[3], c = f32[3]) {
  clamp a = sample.a
  clamp b = sample.b
  clamp c = sample.c
  method = learn.il(steps = ${STEPS}, rate = ${RATE})
  optimizer = learn.sgd(rate = 1)
  batch = 2
}
predict p of m {
  clamp a = input.a
  clamp b = input.b
  clamp c = input.c
  settle = learn.settle(steps = ${STEPS}, rate = ${RATE})
  read h = h
  read g = g[2]
  read mu = prediction(h)
  read energy = energy(h)
}
`;
const inputs = {
  a: Float32Array.from([1, 2, 3, -1, 0, 1]),
  b: Float32Array.from([0, 4, 1, 1, 1, 2]),
  c: Float32Array.from([0.5, 0.5, 0, 2, -1, 0]),
};

let places: Place[] = [];
beforeAll(async () => {
  places = await openEverywhere(text, 2);
});
afterAll(() => closeAll(places));

const near = (place: string, result: string, found: number[], wanted: number[]): void => {
  found.forEach((v, i) => {
    expect(v, `${place} ${result}`).toBeCloseTo(wanted[i] as number, 4);
  });
};
const at = { batch: 0, batches: 1 };

test('a node settles between its predictions, of which only those that are not apart add up', async () => {
  const found = await runEverywhere(places, 'predict.p', inputs, at, near);
  const { a, b, c } = inputs;
  // The third error is from the step before, which is zeros.
  const h = [...a].map((v, i) => (v + (c[i] as number) + (b[i] as number)) / 3);
  near('by hand', 'h', [...(found.h ?? [])], h);
  near(
    'by hand',
    'g',
    [...(found.g ?? [])],
    [...a].map((v, i) => (v + (b[i] as number)) / 2),
  );
  near(
    'by hand',
    'prediction',
    [...(found.mu ?? [])],
    [...a].map((v, i) => v + (c[i] as number)),
  );
  const energies = [0, 1].map((s) =>
    [0, 1, 2].reduce((sum, j) => {
      const i = 3 * s + j;
      const at = h[i] as number;
      return sum + (at - (a[i] as number) - (c[i] as number)) ** 2 + (at - (b[i] as number)) ** 2 + at ** 2;
    }, 0),
  );
  near('by hand', 'energy', [...(found.energy ?? [])], energies);
});

test('each weight learns from the error of its own prediction', async () => {
  await runEverywhere(places, 'train', inputs, at, near);
  for (const { name, shard } of places) {
    const { parameters } = await shard.save();
    const of = (id: string): number[] => [...((parameters.find((p) => p.name === id)?.data ?? []) as Float32Array)];
    const h = [...inputs.a].map((v, i) => (v + (inputs.c[i] as number) + (inputs.b[i] as number)) / 3);
    const step = (error: (i: number) => number, source: Float32Array): number[] =>
      [0, 1, 2].map((j) => 1 + [j, j + 3].reduce((sum, i) => sum + 2 * error(i) * (source[i] as number), 0) / 2);
    const joined = (i: number): number => (h[i] as number) - (inputs.a[i] as number) - (inputs.c[i] as number);
    near(name, 'a->h', of('a->h.w'), step(joined, inputs.a));
    near(
      name,
      'b->h',
      of('b->h.w'),
      step((i) => (h[i] as number) - (inputs.b[i] as number), inputs.b),
    );
  }
});
