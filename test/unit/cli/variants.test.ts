/** What is said of arithmetic that only some GPUs have. */
import { expect, test } from 'vitest';
import { variantsOf } from '../../../runtime/cli/measuring/variants.ts';

test('a variant that the adapter has not, or that no kernel uses, is said not to have run', () => {
  expect(variantsOf(['timestamp-query']).map((v) => `${v.name}: ${v.reason}`)).toEqual([
    'shader-f16: not offered by this adapter, not run',
    'subgroup matrices: not offered by this adapter, not run',
  ]);
  const [half, matrices] = variantsOf(['shader-f16', 'chromium-experimental-subgroup-matrix']);
  for (const variant of [half, matrices]) expect(variant?.reason).toMatch(/^offered .* not run$/);
});
