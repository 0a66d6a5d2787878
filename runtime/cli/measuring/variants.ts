/** Faster forms of arithmetic that some GPUs have, and what becomes of them here: none is claimed that did not run. */
import type { AdapterCapability } from '../../../spec/capability.ts';
import type { HalfUnit } from '../../../spec/precision.ts';
import { HALF_FEATURE, MATRIX_FEATURE } from '../../device/webgpu/half-units.ts';

/** A variant that was not measured, and why. */
export interface NotRun {
  readonly name: string;
  readonly reason: string;
}

export interface Variant {
  readonly name: string;
  /** The unit that it multiplies with; absent where the adapter has none that kernels can use. */
  readonly unit?: HalfUnit;
  /** In words. */
  readonly reason: string;
}

/** By the names under which adapters offer them. */
const VARIANTS = [
  { name: 'shader-f16', kind: 'scalars', feature: HALF_FEATURE },
  { name: 'subgroup matrices', kind: 'matrices', feature: MATRIX_FEATURE },
] as const;

/** Name of a unit for people: the one under which adapters offer it. */
export const unitName = ({ kind }: HalfUnit): string => VARIANTS.find((v) => v.kind === kind)?.name ?? kind;

export function variantsOf({ features, halves = [] }: Pick<AdapterCapability, 'features' | 'halves'>): Variant[] {
  return VARIANTS.map(({ name, kind, feature }) => {
    const unit = halves.find((half) => half.kind === kind);
    if (unit) return { name, unit, reason: `offered${sizeOf(unit)}, for --precision f16` };
    const reason = features.includes(feature)
      ? 'offered by this adapter, but without correct sums in f32: not run'
      : 'not offered by this adapter, not run';
    return { name, reason };
  });
}

function sizeOf(unit: HalfUnit): string {
  return unit.kind === 'matrices' ? `, ${unit.m}x${unit.n}x${unit.k} by ${unit.lanes} lanes` : '';
}
