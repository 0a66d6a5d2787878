/** Nodes that rest (`freeze`, equation 7c) against a loop written by hand, sample by sample. */
import { expect, test } from 'vitest';
import { cutModel } from '../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../compiler/6-partition/problem.ts';
import type { Shard } from '../../runtime/shard/shard.ts';
import type { ProgramFunction } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { openersOf, stagedText } from '../support/everywhere.ts';
import { call, chain, initialise, readParameters, relativeError, tanh } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { programOf, sampleInputs, train, weightSteps, withPasses } from '../support/training.ts';

const DIMS = [4, 5, 3, 4, 2];
const LAST = DIMS.length - 1;
const CLAMPED = ['l0', `l${LAST}`];
const SAMPLES = 4;
const graph = chain(DIMS, { act: tanh, bias: false });

interface Settings {
  readonly steps: number;
  readonly rate: number;
  readonly alpha: number;
  readonly freeze: number;
}

interface Reached {
  readonly gradients: number[][][];
  readonly z: number[][];
  readonly rest: boolean[];
}

const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));

/** One sample. w[l][i][j] from unit j of level l to unit i of level l + 1. */
function byHand(w: number[][][], x: number[], y: number[], { steps, rate, alpha, freeze }: Settings): Reached {
  const read = (z: number[][], l: number): number[] => (l === 0 ? (z[0] ?? []) : (z[l] ?? []).map(Math.tanh));
  const mu = (z: number[][], l: number): number[] =>
    (w[l - 1] ?? []).map((row) => row.reduce((sum, v, j) => sum + v * (read(z, l - 1)[j] ?? 0), 0));
  const z: number[][] = [x];
  for (let l = 1; l < LAST; l++) z[l] = mu(z, l);
  z[LAST] = y;
  const levels = z.map((_, l) => l);
  const dual = z.map((row) => row.map(() => 0));
  const rest = levels.map(() => false);
  const calm = levels.map(() => 0);
  let before = z.map((row) => row.map(() => 0));
  const residuals = (l: number): number[] => {
    const predicted = mu(z, l);
    return (z[l] ?? []).map((v, i) => v - (predicted[i] ?? 0));
  };
  const errors = (): number[][] =>
    levels.map((l) => {
      if (l === 0) return [];
      if (rest[l]) return before[l] ?? [];
      return residuals(l).map((r, i) => r + (l === LAST ? 0 : (dual[l]?.[i] ?? 0)));
    });
  for (let t = 0; t < steps; t++) {
    if (t > 0)
      for (let l = 1; l < LAST; l++)
        if (!rest[l]) {
          const r = residuals(l);
          dual[l] = (dual[l] ?? []).map((v, i) => v + alpha * (r[i] ?? 0));
        }
    const e = errors();
    for (let l = 1; l < LAST; l++) {
      const change = norm((e[l] ?? []).map((v, i) => v - (before[l]?.[i] ?? 0)));
      const size = norm(e[l] ?? []);
      calm[l] = size >= 1e-3 && change < freeze * size ? (calm[l] ?? 0) + 1 : 0;
      if ((calm[l] ?? 0) >= 3) rest[l] = true;
    }
    before = e;
    for (let l = 1; l < LAST; l++)
      if (!rest[l])
        z[l] = (z[l] ?? []).map((v, j) => {
          const back = (w[l] ?? []).reduce((sum, row, i) => sum + (row[j] ?? 0) * (e[l + 1]?.[i] ?? 0), 0);
          return v - rate * ((e[l]?.[j] ?? 0) - (1 - Math.tanh(v) ** 2) * back);
        });
  }
  const e = errors();
  const gradients = w.map((rows, l) =>
    rows.map((row, i) => row.map((_, j) => -(e[l + 1]?.[i] ?? 0) * (read(z, l)[j] ?? 0))),
  );
  return { gradients, z, rest };
}

function rowsOf(data: ArrayLike<number> | undefined): number[][] {
  const all = Array.from(data ?? []);
  const size = all.length / SAMPLES;
  return Array.from({ length: SAMPLES }, (_, s) => all.slice(s * size, (s + 1) * size));
}

test.each([
  ['learn.il', { steps: 16, rate: 0.15, momentum: 0, freeze: 0.12 }, 0],
  ['learn.pc_alm', { steps: 10, rate: 0.1, rho: 1, alpha: 0.2, freeze: 0.12 }, 0.2],
] as const)('%s rests where the loop rests, and takes its steps', async (name, settings, alpha) => {
  const written = programOf(graph, { method: call(name, settings), clamped: CLAMPED });
  for (const program of [written, withPasses(written)]) {
    const session = await openReference(showing(program));
    await initialise(session, program, 5);
    const parameters = await readParameters(session, program);
    const inputs = sampleInputs(program, 0, []);
    const found = await session.run('train', inputs, { batch: 0, batches: 1 });
    await session.close();
    const w = DIMS.slice(1).map((rows, l) => {
      const flat = Array.from(parameters.get(`l${l}->l${l + 1}.w`) ?? []);
      const columns = DIMS[l] ?? 0;
      return Array.from({ length: rows }, (_row, i) => flat.slice(i * columns, (i + 1) * columns));
    });
    const ys = rowsOf(inputs[`l${LAST}`]);
    const ends = rowsOf(inputs.l0).map((x, s) => byHand(w, x, ys[s] ?? [], { ...settings, alpha }));
    const rested = [1, 2, 3].map((l) => ends.map(({ rest }) => Number(rest[l])));
    // The case says something: some rest, and others in the same batch do not.
    expect(new Set(rested.flat())).toEqual(new Set([0, 1]));
    for (const l of [1, 2, 3]) {
      expect(Array.from(found[`rest.l${l}`] ?? []), `rest.l${l}`).toEqual(rested[l - 1]);
      const values = ends.flatMap(({ z }) => z[l] ?? []);
      expect(relativeError(found[`z.l${l}`] ?? [], values), `z.l${l}`).toBeLessThan(1e-12);
    }
    const steps = await weightSteps(program, []);
    for (const [l, rows] of w.entries()) {
      const wanted = rows.flatMap((row, i) =>
        row.map(
          (_, j) => (-0.1 / SAMPLES) * ends.reduce((sum, { gradients }) => sum + (gradients[l]?.[i]?.[j] ?? 0), 0),
        ),
      );
      expect(relativeError(steps.get(`l${l}->l${l + 1}.w`) ?? [], wanted), `weights ${l}`).toBeLessThan(1e-12);
    }
  }
});

test('a share that no error stays below changes nothing', async () => {
  const of = (freeze: number) =>
    train(
      withPasses(
        programOf(graph, {
          method: call('learn.il', { steps: 6, rate: 0.15, momentum: 0, freeze }),
          clamped: CLAMPED,
        }),
      ),
      [],
      2,
    );
  const [plain, resting] = [await of(0), await of(1e-12)];
  for (const [id, wanted] of plain.weights)
    expect(relativeError(resting.weights.get(id) ?? [], wanted), id).toBeLessThan(1e-13);
});

const text = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[10]
  node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[9] = nodes.gaussian(act = tanh)
  node y: f32[4] = nodes.gaussian()
  link x -> a -> b -> y = links.dense()
}

train t of m on data.file("m.npz", x = f32[10], y = f32[4]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.il(steps = 14, rate = 0.15, freeze = 0.12)
  optimizer = learn.sgd(rate = 1)
  batch = 32
}
`;

/** The weights behind one batch, in lanes where the device has them. */
async function weightsAfter(open: (() => Promise<Shard>) | undefined): Promise<ReadonlyMap<string, Float64Array>> {
  const shard = await open?.();
  if (!shard) throw new Error('no such place');
  const rng = stream(1, 'sample');
  const numbers = (n: number, from: number): Float32Array =>
    Float32Array.from({ length: 32 * n }, (_, i) => rng.normal(from + i));
  await shard.run('train', { x: numbers(10, 0), y: numbers(4, 1000) }, { batch: 0, batches: 1, step: 0 });
  const { parameters } = await shard.save();
  await shard.close();
  return new Map(parameters.map((t) => [t.name, Float64Array.from(t.data as ArrayLike<number>)]));
}

test('every device rests as the reference does, in lanes too, and shards refuse', async () => {
  const staged = stagedText(text);
  const open = openersOf(staged);
  const wanted = await weightsAfter(open.reference);
  for (const place of ['cpu', 'webgpu']) {
    const found = await weightsAfter(open[place]);
    for (const [id, w] of wanted) expect(relativeError(found.get(id) ?? [], w), `${place} ${id}`).toBeLessThan(1e-5);
  }
  const never = await weightsAfter(openersOf(stagedText(text.replace(', freeze = 0.12', ''))).reference);
  expect(relativeError(never.get('x->a.w') ?? [], wanted.get('x->a.w') ?? [])).toBeGreaterThan(1e-3);
  const cut = cutModel(staged, uniformMachines(2));
  expect(cut.kind === 'impossible' && cut.reason).toBe(
    'with `freeze = 0.12` nodes of t rest, which shards cannot tell each other yet',
  );
});

/** The program with what its ticks carry as results: `z.l1`, `rest.l1`. */
function showing(program: ReturnType<typeof programOf>): ReturnType<typeof programOf> {
  const functions = program.functions.map((f): ProgramFunction => {
    const carries = f.blocks.flatMap((b) => b.carries);
    const results = carries.map((c) => ({ name: c.result.replace('out:', ''), value: c.result }));
    return { ...f, results: [...f.results, ...results] };
  });
  return { ...program, functions };
}
