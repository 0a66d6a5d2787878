/** `prediction(x)`, `error(x)` and `energy(x)` of a read: the numbers of semantics.md, section 16, on every device. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeAll, openEverywhere, type Place, runEverywhere } from '../support/everywhere.ts';

const TEXT = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[4]
  node top:  f32[2]
  node h:    f32[5] = nodes.gaussian(act = tanh, precision = 3)
  node g[4]: f32[3] = nodes.gaussian(act = tanh)
  node y:    f32[3] = nodes.categorical()
  node c:    f32[3] = nodes.cross_entropy()
  link [x, top] -> h = links.dense()
  link h -> g[*]     = links.dense()
  link g[*] -> y     = links.dense()
  link h -> c        = links.dense()
}
train il of m on data.file("x.npz", x = f32[4], k = int) {
  clamp x = sample.x
  clamp y = one_hot(sample.k, 3)
  clamp c = one_hot(sample.k, 3)
}
predict p of m {
  clamp x = input.x
  clamp y = 2 * one_hot(input.k, 3)
  clamp c = one_hot(input.k, 3) when input.k < 2
  settle = learn.settle(steps = 6, rate = 0.1)
  read h_at = h
  read h_prediction = prediction(h)
  read h_error = error(h)
  read h_energy = energy(h)
  read g_at = g[*]
  read g_prediction = prediction(g[*])
  read g_energy = energy(g[*])
  read y_prediction = prediction(y)
  read y_energy = energy(y)
  read c_prediction = prediction(c)
  read c_energy = energy(c)
  read top_at = top
  read top_prediction = prediction(top)
  read top_energy = energy(top)
  read class = argmax(prediction(y))
}
predict q of m {
  clamp x = sqrt(input.x)
  read above = h > 0
  read other = h != 0
  read picked = select(h > 0, 2, 3)
  read counted = argmax(prediction(y)) + 1
  read row = one_hot(argmax(prediction(y)), 3)
  read plain = argmax(prediction(y))
  read field = input.k < 2
}
`;

const SAMPLES = 4;
const inputs = {
  x: Float32Array.from({ length: SAMPLES * 4 }, (_, i) => Math.sin(i * 1.7)),
  k: Int32Array.from([0, 1, 2, 1]),
};

let places: Place[] = [];
beforeAll(async () => {
  places = await openEverywhere(TEXT, SAMPLES);
});
afterAll(() => closeAll(places));

const logSoftmax = (row: readonly number[]): number[] => {
  const total = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
  return row.map((v) => v - total);
};

test('a read of a prediction, an error or an energy gives the numbers of each sample', async () => {
  const found = await runEverywhere(places, 'predict.p', inputs, { batch: 0, batches: 1 }, (place, result, a, b) => {
    expect(a.length, `${place} ${result}`).toBe(b.length);
    a.forEach((v, i) => {
      expect(v, `${place} ${result}`).toBeCloseTo(b[i] as number, 5);
    });
  });
  const rows = (name: string): number[][] => {
    const all = [...(found[name] ?? [])];
    const width = all.length / SAMPLES;
    return Array.from({ length: SAMPLES }, (_, i) => all.slice(i * width, (i + 1) * width));
  };
  const at = (name: string, i: number): number[] => rows(name)[i] ?? [];
  for (let i = 0; i < SAMPLES; i++) {
    const error = at('h_at', i).map((z, j) => z - (at('h_prediction', i)[j] as number));
    error.forEach((e, j) => {
      expect(at('h_error', i)[j]).toBeCloseTo(e, 12);
    });
    expect(Math.hypot(...error)).toBeGreaterThan(1e-3); // it has settled away from its prediction
    expect(at('h_energy', i)).toEqual([expect.closeTo(1.5 * error.reduce((sum, e) => sum + e * e, 0), 10)]);
    // One number for each element of the array.
    const g = at('g_at', i).map((z, j) => z - (at('g_prediction', i)[j] as number));
    const energies = [0, 1, 2, 3].map((n) => g.slice(3 * n, 3 * n + 3).reduce((sum, e) => sum + (e * e) / 2, 0));
    expect(at('g_energy', i)).toEqual(energies.map((e) => expect.closeTo(e, 10)));

    const k = inputs.k[i] as number;
    const [log_p, log_q] = [[0, 1, 2].map((j) => (j === k ? 2 : 0)), at('y_prediction', i)].map(logSoftmax);
    const divergence = (log_p ?? []).reduce((sum, p, j) => sum + Math.exp(p) * (p - (log_q?.[j] as number)), 0);
    expect(at('y_energy', i)).toEqual([expect.closeTo(divergence, 10)]);
    // Held in three of the four samples: where it is free its linear energy does not count.
    const cross = k < 2 ? -(logSoftmax(at('c_prediction', i))[k] as number) : 0;
    expect(at('c_energy', i)).toEqual([expect.closeTo(cross, 10)]);
    // Nothing predicts it, so it is predicted to be zero.
    expect(at('top_prediction', i)).toEqual([0, 0]);
    expect(at('top_energy', i)).toEqual([
      expect.closeTo(
        at('top_at', i).reduce((sum, z) => sum + (z * z) / 2, 0),
        10,
      ),
    ]);
    // The scores behind a choice among predicted logits are shares.
    expect(at('class.scores', i).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
  }
});

test('a read that compares, or chooses by, what is NaN is NaN in that sample alone, on every device', async () => {
  const x = Float32Array.from({ length: SAMPLES * 4 }, (_, i) => (i === 6 ? -1 : i + 1));
  // Shards refuse to hand such values on.
  const whole = places.filter(({ name }) => ['reference', 'cpu', 'webgpu'].includes(name));
  expect(whole).toHaveLength(3);
  await runEverywhere(whole, 'predict.q', { ...inputs, x }, { batch: 0, batches: 1 }, (place, result, a, b) => {
    if (result === 'plain' || result === 'plain.scores') return;
    const size = a.length / SAMPLES;
    const isLost = (i: number): boolean => result !== 'field' && Math.floor(i / size) === 1;
    for (const values of [a, b])
      expect([...values].map(Number.isNaN), `${place} ${result}`).toEqual([...values].map((_, i) => isLost(i)));
    expect([...a], `${place} ${result}`).toEqual([...b]);
  });
});
