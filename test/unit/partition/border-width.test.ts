/**
 * Bytes across a border grow with the width of the network, what data-parallel training has to synchronise with its
 * square: fitted over hidden widths 64 to 4096, from the schedules that two shards would run.
 */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { countBorders } from '../../../compiler/8-plan/borders.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { sizeOf } from '../../../spec/program.ts';
import { checked } from '../../support/check-source.ts';

vi.setConfig({ testTimeout: 60_000 });

const WIDTHS = [64, 128, 256, 512, 1024, 2048, 4096];

const BATCH = 128;
const text = readFileSync('dsl-examples/mnist.pcn', 'utf8');

interface Traffic {
  readonly tick: number;
  readonly batch: number;
  readonly weights: number;
}

function trafficAt(width: number): Traffic {
  const all = checked(text, { set: { hidden: String(width) } });
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const cut = cutModel(buildProgram({ checked: all, model: task.model, task, predicts: [] }), uniformMachines(2));
  if (cut.kind !== 'cut') throw new Error(cut.reason);
  const flows = countBorders(
    cut.split.map((s) => s.schedule),
    'train',
  ).flatMap((b) => b.flows);
  const parameters = cut.split.flatMap((s) => s.program.states.filter((state) => state.role === 'parameter'));
  return {
    tick: flows.reduce((sum, f) => sum + f.bytesPerTick.f32, 0),
    batch: flows.reduce((sum, f) => sum + 4 * f.valuesPerBatch, 0),
    weights: parameters.reduce((sum, p) => sum + 4 * sizeOf(p.shape), 0),
  };
}

/** Of the straight line through the logarithms: the power of the width by which a quantity grows. */
function slope(widths: readonly number[], values: readonly number[]): number {
  const x = widths.map(Math.log2);
  const y = values.map(Math.log2);
  const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const over = x.reduce((sum, xi, i) => sum + (xi - mx) * ((y[i] ?? 0) - my), 0);
  return over / x.reduce((sum, xi) => sum + (xi - mx) ** 2, 0);
}

test('bytes per tick at the border of two shards grow with the width, and weights with its square', () => {
  const found = WIDTHS.map(trafficAt);
  expect(
    slope(
      WIDTHS,
      found.map((f) => f.tick),
    ),
  ).toBeGreaterThan(0.85);
  expect(
    slope(
      WIDTHS,
      found.map((f) => f.tick),
    ),
  ).toBeLessThan(1.05);
  expect(
    slope(
      WIDTHS,
      found.map((f) => f.batch),
    ),
  ).toBeLessThan(1.05);
  // Values of one layer and errors of the next, there and back: no more than four vectors of the width in a tick.
  found.forEach((f, i) => {
    expect(f.tick).toBeGreaterThan(0);
    expect(f.tick).toBeLessThanOrEqual(4 * BATCH * (WIDTHS[i] ?? 0) * 4);
  });
  // The first layer's 784 columns make small networks' weights grow more slowly: the square shows in wide ones.
  const wide = WIDTHS.slice(4);
  expect(
    slope(
      wide,
      found.slice(4).map((f) => f.weights),
    ),
  ).toBeGreaterThan(1.6);
});
