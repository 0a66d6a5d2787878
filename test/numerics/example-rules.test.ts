/** What rec_lra.pcn and predify.pcn say in the language, against the same written by hand, sample by sample. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { FieldData } from '../../runtime/device/device.ts';
import type { Shard } from '../../runtime/shard/shard.ts';
import { stream } from '../../spec/random.ts';
import { openersOf, stagedText } from '../support/everywhere.ts';
import { relativeError } from '../support/networks.ts';

const SAMPLES = 4;
const PIXELS = 6;
const CLASSES = 10;

/** The model and its first training, on a file of small samples, with these changes; then what follows. */
function exampleText(name: string, changes: readonly (readonly [string, string])[], after = ''): string {
  const whole = readFileSync(`dsl-examples/${name}.pcn`, 'utf8');
  let text = whole.slice(0, whole.search(/^predict /m));
  for (const [from, to] of [
    ...changes,
    [`f32[784]`, `f32[${PIXELS}]`] as const,
    ['learn.adam(rate = 0.001)', 'learn.sgd(rate = 1)'] as const,
  ]) {
    if (!text.includes(from)) throw new Error(`${name}.pcn has no ${from} any more`);
    text = text.replaceAll(from, to);
  }
  return text.replaceAll(/batch {5}= \d+/g, `batch = ${SAMPLES}`) + after;
}

const FILE = `data.file("m.npz", image = f32[${PIXELS}], digit = int)`;

function samples(): Record<string, FieldData> {
  const rng = stream(1, 'sample');
  const image = Float32Array.from({ length: SAMPLES * PIXELS }, (_, i) => 255 * rng.uniform(i));
  return { image, digit: Int32Array.from([3, 1, 7, 0]) };
}

type Matrix = number[][];

async function weightsOf(shard: Shard): Promise<Map<string, Float64Array>> {
  const { parameters } = await shard.save();
  return new Map(parameters.map((t) => [t.name, Float64Array.from(t.data as ArrayLike<number>)]));
}

/** Rows of a weight that reads `columns` units. */
function matrixOf(weights: ReadonlyMap<string, Float64Array>, name: string, columns: number): Matrix {
  const flat = weights.get(name);
  if (!flat) throw new Error(`there is no ${name} among ${[...weights.keys()].join(', ')}`);
  return Array.from({ length: flat.length / columns }, (_, i) => [...flat.subarray(i * columns, (i + 1) * columns)]);
}

const times = (w: Matrix, x: readonly number[]): number[] =>
  w.map((row) => row.reduce((sum, v, j) => sum + v * (x[j] ?? 0), 0));
const transposed = (w: Matrix): Matrix => (w[0] ?? []).map((_, j) => w.map((row) => row[j] ?? 0));
const less = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v - (b[i] ?? 0));
const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v + (b[i] ?? 0));
const outer = (a: readonly number[], b: readonly number[]): number[] => a.flatMap((v) => b.map((u) => v * u));

function softmax(x: readonly number[]): number[] {
  const all = x.map(Math.exp);
  const sum = all.reduce((total, v) => total + v, 0);
  return all.map((v) => v / sum);
}

/** The pictures as the network reads them. */
function picturesOf({ image }: Record<string, FieldData>): number[][] {
  const all = Array.from(image as ArrayLike<number>, (v) => v / 255);
  return Array.from({ length: SAMPLES }, (_, s) => all.slice(s * PIXELS, (s + 1) * PIXELS));
}

test('rec_lra.pcn moves weights by local products of targets and what they read', async () => {
  const width = 10;
  const beta = 0.1;
  const text = exampleText('rec_lra', [
    ['data.mnist.train', FILE],
    ['width: int = 256', `width: int = ${width}`],
  ]);
  const shard = await openersOf(stagedText(text)).reference?.();
  if (!shard) throw new Error('no reference device');
  const before = await weightsOf(shard);
  const inputs = samples();
  await shard.run('train', inputs, { batch: 0, batches: 1, step: 0 });
  const after = await weightsOf(shard);
  await shard.close();

  const up = ['image->layer[0].h.w', ...[1, 2, 3].map((l) => `layer[${l - 1}].h->layer[${l}].h.w`)];
  const out = 'layer[3].h->logits.w';
  const down = ['wrong->layer[0].d.w', 'layer[2].e->layer[1].d.w', 'wrong->layer[2].d.w', 'wrong->layer[3].d.w'];
  const w = up.map((name, l) => matrixOf(before, name, l === 0 ? PIXELS : width));
  const v = matrixOf(before, out, width);
  const e = down.map((name, l) => matrixOf(before, name, l === 1 ? width : CLASSES));

  const wanted = new Map<string, number[]>();
  const add = (name: string, product: number[]): void => {
    const mean = product.map((p) => p / SAMPLES);
    const sum = wanted.get(name);
    wanted.set(name, sum ? plus(sum, mean) : mean);
  };
  for (const [s, x] of picturesOf(inputs).entries()) {
    const h: number[][] = [];
    const z: number[][] = [];
    for (const [l, matrix] of w.entries()) {
      h[l] = times(matrix, l === 0 ? x : (z[l - 1] ?? []));
      z[l] = (h[l] ?? []).map(Math.tanh);
    }
    const wrong = softmax(times(v, z[3] ?? []));
    const digit = Number((inputs.digit as ArrayLike<number>)[s]);
    wrong[digit] = (wrong[digit] ?? 0) - 1;
    const errorOf = (l: number, source: readonly number[]): number[] => {
      const target = less(
        h[l] ?? [],
        times(e[l] ?? [], source).map((d) => beta * d),
      ).map(Math.tanh);
      return less(z[l] ?? [], target);
    };
    const above = errorOf(2, wrong);
    const sources = [wrong, above, wrong, wrong];
    for (const [l, source] of sources.entries()) {
      add(up[l] ?? '', outer(errorOf(l, source), l === 0 ? x : (z[l - 1] ?? [])));
      add(down[l] ?? '', outer(z[l] ?? [], source));
    }
    add(out, outer(wrong, z[3] ?? []));
  }
  expect([...wanted.keys()].sort()).toEqual([...before.keys()].sort());
  for (const [name, step] of wanted)
    expect(relativeError(less([...(before.get(name) ?? [])], [...(after.get(name) ?? [])]), step), name).toBeLessThan(
      1e-12,
    );
});

test('predify.pcn settles by the steps of Predify', async () => {
  const [beta, lambda, alpha] = [0.3, 0.4, 0.08];
  const [low, high] = [5, 3];
  const steps = 3;
  // In the first tick nothing moves: it is the sweep's.
  const read = `predict read of predify {
  clamp image    = input.image / 255
  clamp of_image = 0
  clamp of_low   = 0
  settle = learn.settle(steps = ${steps + 1}, rate = 1)
  read low  = low
  read high = high
}
`;
  const changes = [
    ['data.glyphs.train', FILE],
    ['hidden: int = 256', `hidden: int = ${low}`],
    ['f32[64]', `f32[${high}]`],
  ] as const;
  const shard = await openersOf(stagedText(exampleText('predify', changes, read), SAMPLES)).reference?.();
  if (!shard) throw new Error('no reference device');
  const weights = await weightsOf(shard);
  const inputs = samples();
  const found = await shard.run('predict.read', inputs, { batch: 0, batches: 1, step: 0 });
  await shard.close();

  const layer = (name: string, columns: number) => {
    const w = matrixOf(weights, `${name}.w`, columns);
    const c = [...(weights.get(`${name}.c`) ?? [])];
    return { w, of: (x: readonly number[]): number[] => plus(times(w, x), c) };
  };
  const first = layer('image->low', PIXELS);
  const second = layer('low->high', low);
  const toImage = layer('low->of_image', low);
  const toLow = layer('high->of_low', high);
  const relu = (x: readonly number[]): number[] => x.map((v) => Math.max(0, v));
  const mix = (...parts: readonly (readonly [number, readonly number[]])[]): number[] =>
    (parts[0]?.[1] ?? []).map((_, i) => parts.reduce((sum, [share, x]) => sum + share * (x[i] ?? 0), 0));
  const ends = picturesOf(inputs).map((x) => {
    const driven = relu(first.of(x));
    let z = { low: driven, high: relu(second.of(driven)) };
    for (let t = 0; t < steps; t++) {
      const ofImage = times(transposed(toImage.w), less(toImage.of(z.low), x));
      const ofLow = times(transposed(toLow.w), less(toLow.of(z.high), z.low));
      z = {
        low: mix([beta, driven], [lambda, toLow.of(z.high)], [1 - beta - lambda, z.low], [-alpha, ofImage]),
        high: mix([beta, relu(second.of(z.low))], [1 - beta, z.high], [-alpha, ofLow]),
      };
    }
    return z;
  });
  expect(
    relativeError(
      [...(found.low ?? [])],
      ends.flatMap((z) => z.low),
    ),
  ).toBeLessThan(1e-12);
  expect(
    relativeError(
      [...(found.high ?? [])],
      ends.flatMap((z) => z.high),
    ),
  ).toBeLessThan(1e-12);
});
