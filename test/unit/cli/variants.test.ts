/** Arithmetic that only some GPUs have is described. */
import { expect, test } from 'vitest';
import { variantsOf } from '../../../runtime/cli/measuring/variants.ts';
import { halfUnitsOf, type OffersHalves } from '../../../runtime/device/webgpu/half-units.ts';

const FEATURES = ['shader-f16', 'chromium-experimental-subgroup-matrix', 'subgroups'];
const configuration = (componentType: string, resultComponentType: string, size: readonly number[]) => {
  const [M = 0, N = 0, K = 0] = size;
  return { componentType, resultComponentType, M, N, K };
};

function adapter(features: readonly string[], info: OffersHalves['info'] = {}): OffersHalves {
  return { features: new Set(features), info };
}

function said(offers: OffersHalves): string[] {
  const record = { features: [...offers.features], halves: halfUnitsOf(offers) };
  return variantsOf(record).map((v) => `${v.name}: ${v.reason}`);
}

test('a variant that the adapter lacks is reported as not run', () => {
  expect(said(adapter(['timestamp-query']))).toEqual([
    'shader-f16: not offered by this adapter, not run',
    'subgroup matrices: not offered by this adapter, not run',
  ]);
});

test('units that do not take f16 with sums in f32, or are too large, are left out', () => {
  const offered = 'shader-f16: offered, for --precision f16';
  const none = 'subgroup matrices: offered by this adapter, but without correct sums in f32: not run';
  const lanes = { subgroupMinSize: 32, subgroupMaxSize: 32 };
  for (const one of [
    configuration('f16', 'f16', [8, 8, 8]),
    configuration('i8', 'i32', [16, 16, 32]),
    configuration('f16', 'f32', [64, 16, 16]),
    configuration('f16', 'f32', [16, 16, 12]),
  ])
    expect(said(adapter(FEATURES, { ...lanes, subgroupMatrixConfigs: [one] }))).toEqual([offered, none]);
  const good = [configuration('f16', 'f32', [8, 8, 8])];
  for (const sizes of [{ subgroupMinSize: 128, subgroupMaxSize: 128 }, { subgroupMinSize: 8, subgroupMaxSize: 32 }, {}])
    expect(said(adapter(FEATURES, { ...sizes, subgroupMatrixConfigs: good }))).toEqual([offered, none]);
});

test('the largest unit comes first, and each size of subgroups gets its own text', () => {
  const subgroupMatrixConfigs = [
    configuration('f16', 'f32', [16, 8, 8]),
    configuration('f16', 'f32', [16, 16, 16]),
    configuration('f16', 'f16', [16, 16, 32]),
  ];
  const fixed = adapter(FEATURES, { subgroupMinSize: 32, subgroupMaxSize: 32, subgroupMatrixConfigs });
  const unit = { kind: 'matrices', m: 16, n: 16, k: 16, lanes: 32, sized: false };
  expect(halfUnitsOf(fixed)).toEqual([unit, { kind: 'scalars' }]);
  expect(said(fixed)[1]).toBe('subgroup matrices: offered, 16x16x16 by 32 lanes, for --precision f16');
  const several = { subgroupMinSize: 8, subgroupMaxSize: 32, subgroupMatrixConfigs };
  const [sized] = halfUnitsOf(adapter([...FEATURES, 'subgroup-size-control'], several));
  expect(sized).toEqual({ ...unit, sized: true });
});
