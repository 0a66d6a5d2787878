/** PC-ALM against a loop written by hand in the order of its paper, and the identities that it satisfies. */
import { describe, expect, test } from 'vitest';
import { withSteps } from '../../compiler/5-program/auto-steps.ts';
import { methodOf } from '../../compiler/5-program/method.ts';
import type { FieldData } from '../../runtime/device/device.ts';
import type { Input, Program, ProgramFunction } from '../../spec/program.ts';
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

/** A loop's end: the gradients of one sample's weights, and its values and multipliers by level. */
interface Reached {
  readonly gradients: number[][][];
  readonly h: number[][];
  readonly dual: number[][];
}

/** w[l][i][j] from unit j of level l to unit i of level l + 1. */
function byHand(w: number[][][], x: number[], y: number[], { steps, rate, rho, alpha, f, slope }: ByHand): Reached {
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
  const gradients = w.map((rows, l) =>
    rows.map((row, i) => row.map((_, j) => -(e[l + 1]?.[i] ?? 0) * (source(h, l)[j] ?? 0))),
  );
  return { gradients, h, dual };
}

/** The program with what its ticks carry as results, `z.l1` and `dual.l1`; where asked, multipliers begin as inputs say. */
function showing(program: Program, begun = false): Program {
  const functions = program.functions.map((f): ProgramFunction => {
    const carries = f.blocks.flatMap((b) => b.carries);
    const results = carries.map((c) => ({ name: c.result.replace('out:', ''), value: c.result }));
    const duals = begun ? carries.filter((c) => c.result.startsWith('out:dual.')) : [];
    const given = new Map(duals.map((c) => [c.id, c.result.replace('out:', 'given.')]));
    const inputs = duals.map((c): Input => {
      const id = given.get(c.id) ?? '';
      return { id, field: id, type: 'f32', shape: c.shape };
    });
    const blocks = f.blocks.map((block) => ({
      ...block,
      carries: block.carries.map((c) => ({ ...c, init: given.get(c.id) ?? c.init })),
    }));
    return { ...f, inputs: [...f.inputs, ...inputs], blocks, results: [...f.results, ...results] };
  });
  return { ...program, functions };
}

/** Weights as the program begins with them, by level. */
async function weightsOf(program: Program): Promise<number[][][]> {
  const session = await openReference(program);
  await initialise(session, program, 5);
  const before = await readParameters(session, program);
  await session.close();
  return DIMS.slice(1).map((rows, l) => {
    const flat = before.get(`l${l}->l${l + 1}.w`) ?? new Float64Array();
    const columns = DIMS[l] as number;
    return Array.from({ length: rows }, (_row, i) => [...flat.subarray(i * columns, (i + 1) * columns)]);
  });
}

/** The results of one batch of these inputs. */
async function resultsOf(program: Program, inputs: Record<string, FieldData>) {
  const session = await openReference(program);
  await initialise(session, program, 5);
  const results = await session.run('train', inputs, { batch: 0, batches: 1 });
  await session.close();
  return results;
}

const SAMPLES = 4;

function rowsOf(data: ArrayLike<number> | undefined): number[][] {
  const all = Array.from(data ?? []);
  const size = all.length / SAMPLES;
  return Array.from({ length: SAMPLES }, (_, s) => all.slice(s * size, (s + 1) * size));
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
      const w = await weightsOf(program);
      const inputs = sampleInputs(program, 0, []);
      const [xs, ys] = [rowsOf(inputs.l0), rowsOf(inputs.l4)];
      const wanted = w.map((rows) => rows.map((row) => row.map(() => 0)));
      const ends = xs.map((x, s) => byHand(w, x, ys[s] ?? [], { ...settings, ...functions }));
      for (const { gradients } of ends)
        for (const [l, rows] of gradients.entries())
          for (const [i, row] of rows.entries())
            for (const [j, g] of row.entries())
              (wanted[l]?.[i] as number[])[j] = (wanted[l]?.[i]?.[j] ?? 0) + g / SAMPLES;
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

describe.each([
  ['linear', plain, linear],
  ['tanh', bent, curved],
] as const)('on a %s chain', (_, graph, functions) => {
  const settings = { rho: 1, alpha: 1, steps: 6, rate: 0.2 };

  test('values, residuals and multipliers end where the loop leaves them', async () => {
    const program = showing(programOf(graph, { method: call('learn.pc_alm', settings), clamped: CLAMPED }));
    const w = await weightsOf(program);
    const inputs = sampleInputs(program, 0, []);
    const found = await resultsOf(program, inputs);
    const ys = rowsOf(inputs.l4);
    const ends = rowsOf(inputs.l0).map((x, s) => byHand(w, x, ys[s] ?? [], { ...settings, ...functions }));
    for (const l of [1, 2, 3])
      for (const [name, level] of [
        ['z', 'h'],
        ['dual', 'dual'],
      ] as const)
        expect(
          relativeError(
            found[`${name}.l${l}`] ?? [],
            ends.flatMap((end) => end[level][l] ?? []),
          ),
          `${name}.l${l}`,
        ).toBeLessThan(1e-12);
    // The first residual: what the values have left of the prediction from the input.
    const first = rowsOf(found['z.l1']).flatMap((z, s) => residual(w, rowsOf(inputs.l0)[s] ?? [], z));
    const wanted = ends.flatMap(({ h }) => residual(w, h[0] ?? [], h[1] ?? []));
    expect(relativeError(first, wanted)).toBeLessThan(1e-12);
  });

  test.each([1, 3])('begun at the fixed point of backpropagation, %i ticks move nothing', async (steps) => {
    const method = call('learn.pc_alm', { ...settings, steps });
    const program = showing(programOf(graph, { method, clamped: CLAMPED }), true);
    const w = await weightsOf(program);
    const inputs = sampleInputs(program, 0, []);
    const ys = rowsOf(inputs.l4);
    const points = rowsOf(inputs.l0).map((x, s) => fixedPoint(w, x, ys[s] ?? [], functions));
    const begun = Object.fromEntries(
      [1, 2, 3].map((l) => [`given.dual.l${l}`, Float64Array.from(points.flatMap((p) => p.dual[l] ?? []))]),
    );
    const found = await resultsOf(program, { ...inputs, ...(begun as unknown as Record<string, FieldData>) });
    for (const l of [1, 2, 3]) {
      expect(
        relativeError(
          found[`z.l${l}`] ?? [],
          points.flatMap((p) => p.h[l] ?? []),
        ),
        `z.l${l}`,
      ).toBeLessThan(1e-12);
      expect(
        relativeError(
          found[`dual.l${l}`] ?? [],
          points.flatMap((p) => p.dual[l] ?? []),
        ),
      ).toBeLessThan(1e-12);
    }
  });
});

function residual(w: number[][][], x: number[], z: number[]): number[] {
  return z.map((v, i) => v - (w[0]?.[i] ?? []).reduce((sum, weight, j) => sum + weight * (x[j] ?? 0), 0));
}

/** Values of the forward pass, and multipliers equal to what comes back: J^T of the next one's. */
function fixedPoint(w: number[][][], x: number[], y: number[], { f, slope }: Pick<ByHand, 'f' | 'slope'>) {
  const h: number[][] = [x];
  for (const [l, rows] of w.entries()) {
    const source = l === 0 ? x : (h[l] ?? []).map(f);
    h.push(rows.map((row) => row.reduce((sum, v, j) => sum + v * (source[j] ?? 0), 0)));
  }
  const dual: number[][] = [];
  dual[w.length] = y.map((v, i) => v - (h[w.length]?.[i] ?? 0));
  for (let l = w.length - 1; l > 0; l--)
    dual[l] = (h[l] ?? []).map(
      (v, j) => slope(v) * (w[l] ?? []).reduce((sum, row, i) => sum + (row[j] ?? 0) * (dual[l + 1]?.[i] ?? 0), 0),
    );
  return { h, dual };
}

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
