/** The largest curvature of a linear chain in closed form: of F = |h - W1 x|²/2 + |y - W2 h|²/2 in h it is 1 + σ(W2)². */
import { expect, test } from 'vitest';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerProbe } from '../../compiler/5-program/probe.ts';
import { call, chain, initialise, randomInputs, readParameters, trainTask } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

test('power iteration finds the largest curvature', async () => {
  const graph = chain([5, 4, 3]);
  const method = call('learn.il', { steps: 4, rate: 0.1, momentum: 0 });
  const program = lowerProbe(graph, trainTask(graph, { method, batch: 4, clamped: ['l0', 'l2'] }));
  for (const form of [program, runPasses(program)]) {
    const session = await openReference(form);
    await initialise(session, form, 7);
    const f = form.functions[0];
    if (!f) throw new Error('no function');
    const found = await session.run('probe', randomInputs(f, 1), { batch: 0, batches: 1 });
    const weights = (await readParameters(session, form)).get('l1->l2.w') ?? new Float64Array();
    expect(found.curvature?.[0]).toBeCloseTo(1 + largestSquare(weights, 3, 4), 3);
  }
});

/** Largest eigenvalue of WᵀW, by many rounds of power iteration on the matrix. */
function largestSquare(w: Float64Array, rows: number, columns: number): number {
  let v = Array.from({ length: columns }, (_, j) => 1 + j / 7);
  let size = 0;
  for (let round = 0; round < 500; round++) {
    const u = Array.from({ length: rows }, (_, i) =>
      v.reduce((sum, x, j) => sum + (w[i * columns + j] as number) * x, 0),
    );
    const next = v.map((_, j) => u.reduce((sum, x, i) => sum + (w[i * columns + j] as number) * x, 0));
    size = Math.hypot(...next);
    v = next.map((x) => x / size);
  }
  return size;
}
