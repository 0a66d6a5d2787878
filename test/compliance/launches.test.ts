/** Products of one launch against the reference: odd sizes, both sides turned, everything poisoned before. */
import { describe, expect, test } from 'vitest';
import { lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';
import { relativeError } from '../support/networks.ts';
import { type Product, sideBySide } from '../support/product-programs.ts';
import { openReference } from '../support/reference.ts';
import { runOnce } from '../support/run-program.ts';
import { openWebGpu } from '../support/webgpu.ts';

const CASES: Readonly<Record<string, readonly Product[]>> = {
  'two of one size': [
    { m: 63, n: 65, k: 17 },
    { m: 63, n: 65, k: 17 },
  ],
  'all that is odd': [
    { m: 1, n: 1, k: 1 },
    { m: 3, n: 130, k: 63 },
    { m: 65, n: 63, k: 1, ta: true },
    { m: 17, n: 3, k: 65, tb: true },
    { m: 129, n: 131, k: 33, ta: true, tb: true },
  ],
  'more than go together': Array.from({ length: 11 }, (_, i) => ({ m: 5 + i, n: 20 + 3 * i, k: 7 * i + 1 })),
};

describe.each(Object.entries(CASES))('%s', (_, products) => {
  const program = sideBySide(products);
  const { kernels } = lowerToWgsl(program);
  const launches = kernels.functions[0]?.dispatches.filter((d) => d.module.startsWith('product')) ?? [];

  test('the products share launches, and the kernels are sound', () => {
    verifyKernels(kernels);
    expect(launches.length).toBe(Math.ceil(products.length / 8));
    expect(launches[0]?.module).toMatch(/^products-/);
    expect(launches.reduce((sum, d) => sum + d.flops, 0)).toBeGreaterThan(0);
  });

  test('the products give what the reference gives', async () => {
    const [found, wanted] = [await runOnce(openWebGpu, program), await runOnce(openReference, program)];
    for (const [name, values] of Object.entries(wanted))
      expect(relativeError(found[name] ?? [], values), name).toBeLessThan(1e-5);
  });
});
