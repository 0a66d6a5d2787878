/** Units by which an adapter multiplies f16. */
import { type HalfUnit, type MatrixUnit, SCALAR_HALVES } from '../../../spec/precision.ts';

/** Features that no program gets without asking for them. */
export const HALF_FEATURE = 'shader-f16';
export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';
/** All that kernels with matrix units want. */
export const MATRIX_FEATURES = [MATRIX_FEATURE, 'subgroups', 'subgroup-size-control'] as const;

/** Rows, columns and depth of what a subgroup works out are multiples of what its unit does at once. */
const MAX_UNIT = 32;
/** Sums of four units and strips of both sides have to fit in the 16 KiB that every adapter has for a group. */
const MAX_SUMS = 512;
/** Four subgroups have to fit in a group of 256 threads. */
const MAX_LANES = 64;

/** As Dawn describes one size of its units. */
export interface MatrixConfiguration {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Known facts about an adapter. */
export interface OffersHalves {
  readonly features: ReadonlySet<string>;
  readonly info: {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
    readonly subgroupMatrixConfigs?: readonly MatrixConfiguration[];
  };
}

/** The fastest first; none where it has no `shader-f16`. */
export function halfUnitsOf(adapter: OffersHalves): HalfUnit[] {
  if (!adapter.features.has(HALF_FEATURE)) return [];
  const matrices = matrixUnitOf(adapter);
  return matrices ? [matrices, SCALAR_HALVES] : [SCALAR_HALVES];
}

/** The largest unit that takes f16 and sums in f32. */
function matrixUnitOf({ features, info }: OffersHalves): MatrixUnit | undefined {
  const { subgroupMinSize: least = 0, subgroupMaxSize: lanes = 0, subgroupMatrixConfigs: all = [] } = info;
  const sized = least !== lanes;
  if (!features.has(MATRIX_FEATURE) || !features.has('subgroups')) return undefined;
  if (lanes < 1 || lanes > MAX_LANES || (sized && !features.has('subgroup-size-control'))) return undefined;
  const [best] = [...all]
    .filter((c) => c.componentType === 'f16' && c.resultComponentType === 'f32')
    .filter(({ M, N, K }) => [M, N, K].every((size) => MAX_UNIT % size === 0) && M * N <= MAX_SUMS)
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return best && { kind: 'matrices', m: best.M, n: best.N, k: best.K, lanes, sized };
}
