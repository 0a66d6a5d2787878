/** PC-ALM against a loop written by hand in the order of its paper, and the identities that it satisfies. */
import { describe, expect, test } from 'vitest';
import { withSteps } from '../../compiler/5-program/auto-steps.ts';
import { methodOf } from '../../compiler/5-program/method.ts';
import { call, chain, initialise, readParameters, relativeError, tanh, trainTask } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { programOf, sampleInputs, train, weightSteps, withPasses } from '../support/training.ts';

const DIMS = [4, 5, 3, 4, 2];
const CLAMPED = ['l0', 'l4'];

interface ByHand {
  readonly steps: number;
  readonly rate: number;
  readonly rho: number;
  readonly alpha: number;
  /** Activation of hidden values, and its slope. */
  readonly f: (x: number) => number;
  readonly slope: (x: number) => number;
}

/** w[l][i][j] from unit j of level l to unit i of level l + 1. @returns the gradients of one sample's weights */
function byHand(
  w: number[][][],
  x: number[],
  y: number[],
  { steps, rate, rho, alpha, f, slope }: ByHand,
): number[][][] {
  const last = w.length;
  const source = (h: number[][], l: number): number[] => (l === 0 ? (h[0] ?? []) : (h[l] ?? []).map(f));
  const mu = (h: number[][], l: number): number[] =>
    (w[l - 1] ?? []).map((row) => row.reduce((sum, v, j) => sum + v * (source(h, l - 1)[j] ?? 0), 0));
  const h: number[][] = [x];
  for (let l = 1; l < last; l++) h[l] = mu(h, l);
  h[last] = y;
  const dual = h.map((row) => row.map(() => 0));
  const errors = (): number[][] =>
    h.map((row, l) => {
      if (l === 0) return [];
      const predicted = mu(h, l);
      return row.map((v, i) => {
        const r = v - (predicted[i] ?? 0);
        return l === last ? r : (dual[l]?.[i] ?? 0) + rho * r;
      });
    });
  for (let t = 1; t <= steps; t++) {
    const e = errors();
    for (let l = 1; l < last; l++)
      h[l] = (h[l] ?? []).map((v, j) => {
        const back = (w[l] ?? []).reduce((sum, row, i) => sum + (row[j] ?? 0) * (e[l + 1]?.[i] ?? 0), 0);
        return v - rate * ((e[l]?.[j] ?? 0) - slope(v) * back);
      });
    if (t === steps) break;
    for (let l = 1; l < last; l++) {
      const predicted = mu(h, l);
      dual[l] = (dual[l] ?? []).map((v, i) => v + alpha * ((h[l]?.[i] ?? 0) - (predicted[i] ?? 0)));
    }
  }
  const e = errors();
  return w.map((rows, l) => rows.map((row, i) => row.map((_, j) => -(e[l + 1]?.[i] ?? 0) * (source(h, l)[j] ?? 0))));
}

const plain = chain(DIMS, { bias: false });
const bent = chain(DIMS, { act: tanh, bias: false });
const linear = { f: (x: number): number => x, slope: (): number => 1 };
const curved = { f: Math.tanh, slope: (x: number): number => 1 - Math.tanh(x) ** 2 };

describe.each([
  ['linear', plain, linear],
  ['tanh', bent, curved],
] as const)('a %s chain', (_, graph, functions) => {
  test.each([
    { rho: 1, alpha: 1, steps: 6, rate: 0.2 },
    { rho: 1, alpha: 0.5, steps: 9, rate: 0.1 },
    { rho: 2, alpha: 0.7, steps: 5, rate: 0.1 },
    { rho: 0.5, alpha: 0, steps: 4, rate: 0.2 },
  ])('takes the steps that the loop takes, with %j', async (settings) => {
    const written = programOf(graph, { method: call('learn.pc_alm', settings), clamped: CLAMPED });
    for (const program of [written, withPasses(written)]) {
      const session = await openReference(program);
      await initialise(session, program, 5);
      const before = await readParameters(session, program);
      await session.close();
      const w = DIMS.slice(1).map((rows, l) => {
        const flat = before.get(`l${l}->l${l + 1}.w`) ?? new Float64Array();
        const columns = DIMS[l] as number;
        return Array.from({ length: rows }, (_row, i) => [...flat.subarray(i * columns, (i + 1) * columns)]);
      });
      const inputs = sampleInputs(program, 0, []);
      const rowOf = (field: string, s: number): number[] => {
        const size = (inputs[field]?.length ?? 0) / 4;
        return Array.from(inputs[field]?.subarray(s * size, (s + 1) * size) ?? []);
      };
      const wanted = w.map((rows) => rows.map((row) => row.map(() => 0)));
      for (let s = 0; s < 4; s++)
        for (const [l, rows] of byHand(w, rowOf('l0', s), rowOf('l4', s), { ...settings, ...functions }).entries())
          for (const [i, row] of rows.entries())
            for (const [j, g] of row.entries()) (wanted[l]?.[i] as number[])[j] = (wanted[l]?.[i]?.[j] ?? 0) + g / 4;
      const found = await weightSteps(program, []);
      for (const [l, rows] of wanted.entries())
        expect(
          relativeError(
            found.get(`l${l}->l${l + 1}.w`) ?? [],
            rows.flat().map((g) => -0.1 * g),
          ),
        ).toBeLessThan(1e-12);
    }
  });
});

test('without multipliers it is inference learning, to the bit', async () => {
  const settling = { steps: 5, rate: 0.15, momentum: 0 };
  const of = (name: string, args: object) =>
    train(withPasses(programOf(bent, { method: call(name, { ...settling, ...args }), clamped: CLAMPED })), [], 3);
  const wanted = await of('learn.il', {});
  const found = await of('learn.pc_alm', { rho: 1, alpha: 0 });
  expect(found).toEqual(wanted);
});

test('a linear chain comes to the steps of backpropagation', async () => {
  const wanted = await weightSteps(programOf(plain, { method: call('learn.bp'), clamped: CLAMPED }), []);
  const method = call('learn.pc_alm', { steps: 4000, rate: 0.1, rho: 1, alpha: 0.3 });
  const found = await weightSteps(programOf(plain, { method, clamped: CLAMPED }), []);
  for (const [id, step] of wanted) expect(relativeError(found.get(id) ?? [], step), id).toBeLessThan(1e-8);
});

test('automatic steps are twice the longest path', () => {
  const method = call('learn.pc_alm', { steps: { kind: 'symbol', name: 'auto' }, rate: 0.2, rho: 1, alpha: 1 });
  const task = withSteps(trainTask(plain, { method, batch: 4, clamped: CLAMPED }), plain);
  expect(methodOf(task)).toMatchObject({ steps: 6 });
});
