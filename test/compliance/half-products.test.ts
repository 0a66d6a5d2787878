/**
 * Products in half precision: both sides rounded to f16, sums in f32. The software driver of these tests multiplies no
 * f16, so there the same text runs with f32 in its place, on numbers that f16 has; kernels for matrix units are given to
 * Dawn's null backend, which takes modules, sizes and bindings. On a driver that has both (`NMC_TEST_DRIVER`) they run.
 */
import { describe, expect, test } from 'vitest';
import type { LoweredKernels } from '../../compiler/7-kernels/wgsl/lower.ts';
import { referenceModel } from '../../runtime/cli/measuring/reference-networks.ts';
import { openNothing } from '../../runtime/device/webgpu/dawn.ts';
import { halfUnitsOf } from '../../runtime/device/webgpu/half-units.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';
import { type HalfUnit, type MatrixUnit, NARROW, SCALAR_HALVES } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';
import { nearestHalf } from '../support/half-precision.ts';
import { launchByLaunch } from '../support/lowered.ts';
import { relativeError } from '../support/networks.ts';
import { expectPipelines } from '../support/pipelines.ts';
import { type PagedProduct, products } from '../support/product-programs.ts';
import { openReference } from '../support/reference.ts';
import { numbersOf, runOnce, type Trained, trainProgram } from '../support/run-program.ts';
import { fieldNumbers } from '../support/small-training.ts';
import { trainingProgram } from '../support/training-program.ts';
import { openLaunches, openLowered, softwareGpu } from '../support/webgpu.ts';
import type { Opener } from './harness.ts';

const F32_BOUND = 1e-5;
const BATCHES = 3;

const CASES: Readonly<Record<string, readonly PagedProduct[]>> = {
  'middle tiles': [{ m: 17, n: 63, k: 65 }],
  'middle tiles, both sides turned': [{ m: 63, n: 17, k: 3, ta: true, tb: true }],
  'large, right side turned': [{ m: 129, n: 131, k: 33, tb: true }],
  'large, left side turned': [{ m: 131, n: 129, k: 67, ta: true }],
  'large, in pages': [{ m: 128, n: 130, k: 31, pages: 3 }],
  'split along what it sums over': [{ m: 32, n: 48, k: 1040, ta: true }],
  'none but narrow ones in one launch': [
    { m: 5, n: 17, k: 65 },
    { m: 18, n: 16, k: 9 },
  ],
  'of middle size in one launch': [
    { m: 33, n: 17, k: 65, tb: true },
    { m: 70, n: 35, k: 3 },
  ],
  'several in one launch': [
    { m: 130, n: 133, k: 70 },
    { m: 33, n: 17, k: 65, tb: true },
    { m: 11, n: 17, k: 65 },
  ],
};

function inputsOf(program: Program, change: (x: number) => number): Record<string, Float32Array> {
  const [f] = program.functions;
  const fields = f ? fieldNumbers(f, 1) : {};
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [name, Float32Array.from(values, (x) => change(Math.fround(x)))]),
  );
}

const inHalves = (program: Program, halves: HalfUnit): LoweredKernels => launchByLaunch(program, 'f16', halves);

/** The same text for a GPU that has no f16. */
function inFull(lowered: LoweredKernels): LoweredKernels {
  const text = (wgsl: string): string =>
    wgsl
      .replaceAll('enable f16;\n', '')
      .replaceAll('vec4h', 'vec4f')
      .replaceAll(/\bf16\b/g, 'f32');
  return { ...lowered, modules: new Map([...lowered.modules].map(([id, wgsl]) => [id, text(wgsl)])) };
}

const isNarrow = ({ m, n }: PagedProduct): boolean => Math.min(m, n) <= NARROW;

async function expectProducts(
  open: Opener,
  cases: readonly PagedProduct[],
  change: (x: number) => number,
): Promise<void> {
  const program = products(cases);
  const inputs = inputsOf(program, change);
  const found = await runOnce(open, program, { inputs });
  const rounded = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, x.map(nearestHalf)]));
  const wanted = await runOnce(openReference, program, { inputs: rounded });
  const exact = await runOnce(openReference, program, { inputs });
  for (const [i, one] of cases.entries()) {
    const { [`p${i}`]: expected = [] } = isNarrow(one) ? exact : wanted;
    expect(relativeError(found[`p${i}`] ?? [], expected), `p${i}`).toBeLessThan(F32_BOUND);
  }
  expect(await runOnce(open, program, { inputs })).toEqual(found);
}

const units = halfUnitsOf((await softwareGpu()).adapter);

/** Of energies after some batches, against the reference: measured 2.1e-6 on Mesa's llvmpipe. */
const TRAINING_BOUND = 2 ** -14;

test('a training in half precision differs from the training in f32 only by the rounding', {
  timeout: 180_000,
}, async () => {
  const program = trainingProgram(referenceModel({ widths: [70, 130, 66, 20], batch: 128, ticks: 2 }, 'il'));
  const lowered = inHalves(program, SCALAR_HALVES);
  verifyKernels(lowered.kernels);
  // Beside the rounding, it is the training in f32, bit for bit.
  const [whole, sameText] = [
    await trainProgram(openLaunches, program, BATCHES),
    await trainProgram(
      openLowered(() => inFull(lowered)),
      program,
      BATCHES,
    ),
  ];
  expect(sameText).toEqual(whole);
  const wanted = await trainProgram(openReference, program, BATCHES);
  const off = ({ results }: Trained): number => relativeError(numbersOf(results), numbersOf(wanted.results));
  for (const unit of units) {
    const found = await trainProgram(
      openLowered(() => inHalves(program, unit)),
      program,
      BATCHES,
    );
    expect(off(found)).toBeLessThan(TRAINING_BOUND);
    expect(off(found)).toBeGreaterThan(4 * off(whole));
  }
});

describe.each(Object.entries(CASES))('%s', (_, cases) => {
  const program = products(cases);

  test('products of matrices of any size are right', { timeout: 180_000 }, async () => {
    const lowered = inHalves(program, SCALAR_HALVES);
    verifyKernels(lowered.kernels);
    expect([...lowered.modules.values()].join().includes('enable f16;')).toBe(!cases.every(isNarrow));
    if (units.length > 0)
      await expectProducts(
        openLowered(() => lowered),
        cases,
        (x) => x,
      );
    else
      await expectProducts(
        openLowered(() => inFull(lowered)),
        cases,
        nearestHalf,
      );
  });

  test.each<MatrixUnit>([
    { kind: 'matrices', m: 8, n: 8, k: 8, lanes: 8, sized: true },
    { kind: 'matrices', m: 16, n: 8, k: 16, lanes: 32, sized: true },
    { kind: 'matrices', m: 16, n: 16, k: 16, lanes: 64, sized: true },
  ])('products are lowered to valid kernels for units of $m x $n x $k', async (unit) => {
    const lowered = inHalves(program, unit);
    // Products of one launch share the form of the large ones.
    const large = cases.some(({ m, n }) => m * n >= 128 * 128 || cases.length > 1) && !cases.every(isNarrow);
    expect([...lowered.modules.values()].join().includes('subgroup_matrix')).toBe(large);
    await expectPipelines(await openNothing(true), lowered);
  });

  test.each(units.filter((unit) => unit.kind === 'matrices'))(
    'products by the matrix units of this driver are right',
    async (unit) => {
      await expectProducts(
        openLowered(() => inHalves(program, unit)),
        cases,
        (x) => x,
      );
    },
  );
});
