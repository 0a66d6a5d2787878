/** Covariance memory in its three forms: gradients against differences, recall and learning against closed forms. */
import { describe, expect, test } from 'vitest';
import type { Checked } from '../../compiler/3-check/checked.ts';
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import type { DeviceSession } from '../../runtime/device/device.ts';
import type { Program } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { checkGraph } from '../support/check-graph.ts';
import { checked } from '../support/check-source.ts';
import { add, identity, type Matrix, matrix, multiply, solve, subtract, transpose } from '../support/matrices.ts';
import { initialise, relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

const N = 5;
const SHOWN = 2;
const HIDDEN = N - SHOWN;
const BATCH = 6;
const RIDGE = 0.2;

const text = (model: string, rest: string): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
${model}
}
train t of m on data.file("x.npz", x = f32[${N}]) {
  clamp x = sample.x
  ${rest}
}
predict recall of m {
  clamp x = input.x when range(${N}) < ${SHOWN}
  ${rest.includes('clamp one') ? 'clamp one = 1' : ''}
  settle = learn.settle(steps = 3000, rate = 0.1)
  read x = x
}`;

const IMPLICIT = `sense x: f32[${N}]
link x -> x = links.lateral(init = normal(0.2), bias_init = normal(0.5))`;
const DENDRITIC = IMPLICIT.replace('lateral(', 'lateral(feedback = false, ');
const EXPLICIT = `node one: f32[1]
sense x: f32[${N}] = nodes.correlated(ridge = ${RIDGE})
link one -> x = links.dense(bias = false, init = normal(0.5))`;
const ONE_STEP = `method = learn.il(steps = 1)\n  optimizer = learn.sgd(rate = 0.05)\n  batch = ${BATCH}`;

function programOf(source: Checked): Program {
  const [model, [task]] = [source.models[0], source.trains];
  if (!model || !task) throw new Error('no task');
  return runPasses(lowerProgram(lowerGraph(model), task, source.predicts, { predictBatch: BATCH }));
}

async function open(source: string): Promise<{ session: DeviceSession; read: (id: string) => Promise<Float64Array> }> {
  const program = programOf(checked(source));
  const session = await openReference(program);
  await initialise(session, program, 7);
  return { session, read: async (id) => Float64Array.from(await session.read(id)) };
}

const samples = Float32Array.from({ length: BATCH * N }, (_, i) => stream(3, 'x').normal(i));

async function recall(session: DeviceSession): Promise<Float64Array> {
  const { x } = await session.run('predict.recall', { x: samples }, { batch: 0, batches: 1 });
  return Float64Array.from(x ?? []);
}

/** Columns `from` … `to - 1`. */
function columns(m: Matrix, from: number, to: number): Matrix {
  const kept = Array.from(m.data).filter((_, e) => e % m.columns >= from && e % m.columns < to);
  return matrix(m.rows, to - from, kept);
}
const rows = (m: Matrix, from: number, to: number): Matrix => transpose(columns(transpose(m), from, to));
const sampleAt = (i: number): Matrix => matrix(N, 1, samples.slice(i * N, (i + 1) * N));

/** I - W with the diagonal of W left out, and the bias. */
async function lateralOf(read: (id: string) => Promise<Float64Array>): Promise<{ m: Matrix; c: Matrix }> {
  const w = await read('x->x.w');
  const open = w.map((v, e) => (Math.floor(e / N) === e % N ? 0 : v));
  return { m: subtract(identity(N), matrix(N, N, open)), c: matrix(N, 1, await read('x->x.c')) };
}

function expectRecall(found: Float64Array, hidden: (shown: Matrix, i: number) => Matrix): void {
  for (let i = 0; i < BATCH; i++) {
    const sample = sampleAt(i);
    const shown = rows(sample, 0, SHOWN);
    expect([...found.slice(i * N, i * N + SHOWN)]).toEqual([...shown.data]);
    expect(relativeError(found.slice(i * N + SHOWN, (i + 1) * N), hidden(shown, i).data)).toBeLessThan(1e-8);
  }
}

describe('gradients of a memory agree with finite differences', () => {
  test.each([
    ['implicit', IMPLICIT],
    ['implicit, with an activation', IMPLICIT.replace(`f32[${N}]`, `f32[${N}] = nodes.gaussian(act = tanh)`)],
    ['explicit', EXPLICIT],
  ])('where it is %s', async (_, model) => {
    const [instance] = checked(text(model, ONE_STEP)).models;
    if (!instance) throw new Error('no model');
    await checkGraph(lowerGraph(instance), {});
    await checkGraph(lowerGraph(instance), { x: 'when' });
    await checkGraph(lowerGraph(instance), { x: 'elements' });
  });
});

describe('the recall of a memory', () => {
  test('has the least error of all pixels in the hidden part where the memory is implicit', async () => {
    const { session, read } = await open(text(IMPLICIT, ONE_STEP));
    const { m, c } = await lateralOf(read);
    const [known, unknown] = [columns(m, 0, SHOWN), columns(m, SHOWN, N)];
    const ut = transpose(unknown);
    expectRecall(await recall(session), (shown) =>
      solve(multiply(ut, unknown), multiply(ut, subtract(c, multiply(known, shown)))),
    );
  });

  test('has a hidden part whose own errors vanish where the memory is dendritic', async () => {
    const { session, read } = await open(text(DENDRITIC, ONE_STEP));
    const { m, c } = await lateralOf(read);
    const below = rows(m, SHOWN, N);
    expectRecall(await recall(session), (shown) =>
      solve(columns(below, SHOWN, N), subtract(rows(c, SHOWN, N), multiply(columns(below, 0, SHOWN), shown))),
    );
  });

  test('is the conditional mean of a normal distribution where the memory is explicit', async () => {
    const { session, read } = await open(text(EXPLICIT, `clamp one = 1\n  ${ONE_STEP}`));
    const root = await rootOf(read);
    const precision = multiply(transpose(root), root);
    const mean = matrix(N, 1, await read('one->x.w'));
    const below = rows(precision, SHOWN, N);
    expectRecall(await recall(session), (shown) => {
      const pull = multiply(columns(below, 0, SHOWN), subtract(shown, rows(mean, 0, SHOWN)));
      return subtract(rows(mean, SHOWN, N), solve(columns(below, SHOWN, N), pull));
    });
    expect(HIDDEN).toBe(3);
  });
});

async function rootOf(read: (id: string) => Promise<Float64Array>): Promise<Matrix> {
  const [lower, scale] = [await read('x.lower'), await read('x.log_scale')];
  return matrix(
    N,
    N,
    lower.map((v, e) => {
      const [i, j] = [Math.floor(e / N), e % N];
      return i === j ? Math.exp(scale[i] ?? 0) : j < i ? v : 0;
    }),
  );
}

test('an explicit memory learns the mean, and the covariance plus the ridge', async () => {
  const { session, read } = await open(text(EXPLICIT, `clamp one = 1\n  ${ONE_STEP}`));
  for (let batch = 0; batch < 3000; batch++) await session.run('train', { x: samples }, { batch, batches: 3000 });
  const all = matrix(BATCH, N, samples);
  const mean = multiply(matrix(1, BATCH, new Float64Array(BATCH).fill(1 / BATCH)), all);
  const centred = subtract(all, multiply(matrix(BATCH, 1, new Float64Array(BATCH).fill(1)), mean));
  const covariance = matrix(
    N,
    N,
    multiply(transpose(centred), centred).data.map((v) => v / BATCH),
  );
  const ridge = matrix(
    N,
    N,
    identity(N).data.map((v) => v * RIDGE),
  );
  expect(relativeError(await read('one->x.w'), mean.data)).toBeLessThan(1e-6);
  const root = await rootOf(read);
  const learnt = solve(multiply(transpose(root), root), identity(N));
  expect(relativeError(learnt.data, add(covariance, ridge).data)).toBeLessThan(1e-6);
});
