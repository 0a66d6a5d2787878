/** Linear networks settle to closed forms (semantics.md, equations 2, 5 and 7). */
import { expect, test } from 'vitest';
import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { add, identity, type Matrix, matrix, multiply, solve, subtract, transpose } from '../support/matrices.ts';
import { call, chain, denseLink, gaussianNode, initialise, relativeError } from '../support/networks.ts';
import { settledValues } from '../support/predicting.ts';
import { openReference } from '../support/reference.ts';
import { programOf, sampleInputs, withPasses } from '../support/training.ts';

const BATCH = 3;
const long = { steps: 800, rate: 0.2, momentum: 0 };

function normal(name: string, length: number): Float32Array {
  const rng = stream(21, name);
  return Float32Array.from({ length }, (_, i) => rng.normal(i));
}

/** A matrix drawn at random, and small enough to settle soon. */
function drawn(name: string, rows: number, columns: number): Matrix {
  return matrix(
    rows,
    columns,
    normal(name, rows * columns).map((v) => v / Math.sqrt(columns)),
  );
}

/** One column a sample. */
function columns(values: ArrayLike<number>, n: number): Matrix {
  return transpose(matrix(values.length / n, n, values));
}

test.each([false, true])('the energy at equilibrium is rᵀ S⁻¹ r / 2B (passes: %s)', async (passes) => {
  const dims = [5, 4, 6, 3];
  const written = programOf(chain(dims, { bias: false }), {
    method: call('learn.il', long),
    clamped: ['l0', 'l3'],
    batch: BATCH,
  });
  const program = passes ? withPasses(written) : written;
  const session = await openReference(program);
  await initialise(session, program, 9);
  const weights: Matrix[] = [];
  for (const s of program.states)
    weights.push(matrix(s.shape[0] ?? 0, sizeOf(s.shape) / (s.shape[0] ?? 1), await session.read(s.id)));
  const [w1, w2, w3] = weights as [Matrix, Matrix, Matrix];
  const inputs = sampleInputs(program, 0, []);
  const results = await session.run('train', inputs, { batch: 0, batches: 1 });
  const [x, y] = [columns(inputs.l0 ?? [], 5), columns(inputs.l3 ?? [], 3)];
  const r = subtract(y, multiply(w3, multiply(w2, multiply(w1, x))));
  const p1 = multiply(w3, w2);
  const s = add(identity(3), add(multiply(p1, transpose(p1)), multiply(w3, transpose(w3))));
  const whitened = solve(s, r);
  const wanted = r.data.reduce((sum, v, i) => sum + v * (whitened.data[i] as number), 0) / (2 * BATCH);
  const found = Object.values(results).reduce((sum, v) => sum + (v[0] as number), 0);
  expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-10);
});

test('the values at equilibrium solve the block-tridiagonal system', async () => {
  const [w1, w2, w3] = [drawn('w1', 4, 5), drawn('w2', 6, 4), drawn('w3', 3, 6)];
  const given = { l0: normal('x', 5 * BATCH), l3: normal('y', 3 * BATCH) };
  const weights = { 'l0->l1.w': w1.data, 'l1->l2.w': w2.data, 'l2->l3.w': w3.data };
  const z = await settledValues(chain([5, 4, 6, 3], { bias: false }), given, long, weights);
  const [x, y] = [columns(given.l0, 5), columns(given.l3, 3)];
  const [z1, z2] = [columns(z.l1 ?? [], 4), columns(z.l2 ?? [], 6)];
  // (I + W2ᵀW2) z1 - W2ᵀ z2 = W1 x;  (I + W3ᵀW3) z2 - W2 z1 = W3ᵀ y
  const top = subtract(multiply(add(identity(4), multiply(transpose(w2), w2)), z1), multiply(transpose(w2), z2));
  expect(relativeError(top.data, multiply(w1, x).data)).toBeLessThan(1e-10);
  const bottom = subtract(multiply(add(identity(6), multiply(transpose(w3), w3)), z2), multiply(w2, z1));
  expect(relativeError(bottom.data, multiply(transpose(w3), y).data)).toBeLessThan(1e-10);
});

test('one step of a linear temporal model gives z = (I + CᵀC)⁻¹ (Cᵀx + A z_prev + B u)', async () => {
  // The step before is a node that is held, as a delay holds it.
  const [a, b, c] = [drawn('A', 4, 4), drawn('B', 4, 2), drawn('C', 5, 4)];
  const nodes = [gaussianNode('before', [4]), gaussianNode('u', [2]), gaussianNode('z', [4]), gaussianNode('x', [5])];
  const plain = (s: string, t: string, n: number, m: number) => denseLink(s, t, n, m, undefined, false);
  const links = [plain('before', 'z', 4, 4), plain('u', 'z', 2, 4), plain('z', 'x', 4, 5)];
  const given = { before: normal('before', 4 * BATCH), u: normal('u', 2 * BATCH), x: normal('x', 5 * BATCH) };
  const weights = { 'before->z.w': a.data, 'u->z.w': b.data, 'z->x.w': c.data };
  const { z } = await settledValues({ name: 'temporal', nodes, links }, given, long, weights);
  const drive = add(multiply(a, columns(given.before, 4)), multiply(b, columns(given.u, 2)));
  const right = add(multiply(transpose(c), columns(given.x, 5)), drive);
  const wanted = solve(add(identity(4), multiply(transpose(c), c)), right);
  expect(relativeError(columns(z ?? [], 4).data, wanted.data)).toBeLessThan(1e-10);
});

test('a cycle settles to the minimum of its energy', async () => {
  // F = (|a - V b|² + |b - W a|²)/2 + |x - C a|²/2 with a and b free: a linear system again.
  const [v, w, c] = [drawn('V', 3, 4), drawn('W', 4, 3), drawn('C', 5, 3)];
  const nodes = [gaussianNode('a', [3]), gaussianNode('b', [4]), gaussianNode('x', [5])];
  const plain = (s: string, t: string, n: number, m: number) => denseLink(s, t, n, m, undefined, false);
  const links = [plain('b', 'a', 4, 3), plain('a', 'b', 3, 4), plain('a', 'x', 3, 5)];
  const given = { x: normal('x', 5 * BATCH) };
  const weights = { 'b->a.w': v.data, 'a->b.w': w.data, 'a->x.w': c.data };
  const z = await settledValues({ name: 'cycle', nodes, links }, given, long, weights);
  const [a, b, x] = [columns(z.a ?? [], 3), columns(z.b ?? [], 4), columns(given.x, 5)];
  const [ea, eb, ex] = [subtract(a, multiply(v, b)), subtract(b, multiply(w, a)), subtract(x, multiply(c, a))];
  const slopeA = subtract(subtract(ea, multiply(transpose(w), eb)), multiply(transpose(c), ex));
  const slopeB = subtract(eb, multiply(transpose(v), ea));
  expect(Math.max(...slopeA.data.map(Math.abs), ...slopeB.data.map(Math.abs))).toBeLessThan(1e-10);
  expect(Math.max(...a.data.map(Math.abs))).toBeGreaterThan(0.1);
});
