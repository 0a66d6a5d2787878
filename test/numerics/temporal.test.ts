/** Temporal predictive coding, linear: the settled value has a closed form (semantics.md, time). */
import { expect, test } from 'vitest';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { stream } from '../../spec/random.ts';
import { call, denseLink, gaussianNode, initialise, relativeError, sgd, trainTask } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

const HIDDEN = 3;
const SEEN = 4;
const GIVEN = 2;
const BATCH = 2;

/** z -> x, z -(1 step)-> z, u -> z: F = ½|x - C z|² + ½|z - A z' - B u|². */
function kalmanGraph(): Graph {
  const x = { ...gaussianNode('x', [SEEN]), role: 'sense' as const };
  const u = { ...gaussianNode('u', [GIVEN]), role: 'sense' as const };
  const links = [
    denseLink('u', 'z', GIVEN, HIDDEN, undefined, false),
    { ...denseLink('z', 'z', HIDDEN, HIDDEN, undefined, false), delay: 1 },
    denseLink('z', 'x', HIDDEN, SEEN, undefined, false),
  ];
  return { name: 'kalman', nodes: [u, gaussianNode('z', [HIDDEN]), x], links };
}

test('each step settles at (I + CᵀC)⁻¹ (Cᵀx + A z_prev + B u), and the next one begins from there', async () => {
  const graph = kalmanGraph();
  const method = call('learn.il', { steps: 2000, rate: 0.1 });
  const task = trainTask(graph, { method, batch: BATCH, clamped: ['x', 'u'], optimizer: sgd(0) });
  const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 1 }));
  verify(program);
  const session = await openReference(program);
  await initialise(session, program, 1);
  const a = [...(await session.read('z->z.w'))];
  const b = [...(await session.read('u->z.w'))];
  const c = [...(await session.read('z->x.w'))];
  for (const sequence of [0, 1]) {
    let previous = new Array<number>(BATCH * HIDDEN).fill(0);
    for (let step = 0; step < 3; step++) {
      const x = draws(`x${sequence}.${step}`, BATCH * SEEN);
      const u = draws(`u${sequence}.${step}`, BATCH * GIVEN);
      await session.run('train', { x, u }, { batch: sequence * 3 + step, batches: 6, step });
      const settled = await session.read('memory:train:z#1');
      const expected: number[] = [];
      for (let s = 0; s < BATCH; s++) {
        const pull = times(transposed(c, SEEN, HIDDEN), rowOf(x, s, SEEN), HIDDEN, SEEN);
        const prior = add(
          times(a, rowOf(previous, s, HIDDEN), HIDDEN, HIDDEN),
          times(b, rowOf(u, s, GIVEN), HIDDEN, GIVEN),
        );
        expected.push(...solve(curvature(c), add(pull, prior)));
      }
      expect(relativeError(settled, expected)).toBeLessThan(1e-9);
      previous = [...settled];
    }
  }
});

const draws = (name: string, n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => stream(1, name).normal(i));
const rowOf = (v: ArrayLike<number>, row: number, n: number): number[] => Array.from(v).slice(row * n, (row + 1) * n);
const add = (p: number[], q: number[]): number[] => p.map((v, i) => v + (q[i] as number));

function times(matrix: readonly number[], v: readonly number[], rows: number, columns: number): number[] {
  return Array.from({ length: rows }, (_, i) =>
    v.reduce((sum, x, j) => sum + (matrix[i * columns + j] as number) * x, 0),
  );
}

function transposed(matrix: readonly number[], rows: number, columns: number): number[] {
  return Array.from(
    { length: rows * columns },
    (_, e) => matrix[(e % rows) * columns + Math.floor(e / rows)] as number,
  );
}

/** I + CᵀC, row by row. */
function curvature(c: readonly number[]): number[][] {
  const ct = transposed(c, SEEN, HIDDEN);
  return Array.from({ length: HIDDEN }, (_, i) =>
    Array.from({ length: HIDDEN }, (_, j) => {
      let sum = i === j ? 1 : 0;
      for (let k = 0; k < SEEN; k++) sum += (ct[i * SEEN + k] as number) * (ct[j * SEEN + k] as number);
      return sum;
    }),
  );
}

/** Gauss and Jordan; the matrix is positive definite. */
function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] as number]);
  for (let p = 0; p < rows.length; p++) {
    const pivot = rows[p] as number[];
    const by = pivot[p] as number;
    for (let j = p; j < pivot.length; j++) pivot[j] = (pivot[j] as number) / by;
    for (const [i, row] of rows.entries()) {
      if (i === p) continue;
      const factor = row[p] as number;
      for (let j = p; j < row.length; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
    }
  }
  return rows.map((row) => row[row.length - 1] as number);
}
