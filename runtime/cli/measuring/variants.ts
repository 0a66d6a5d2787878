/** Faster forms of arithmetic that some GPUs have, and what becomes of them here: none is claimed that did not run. */

export interface NotRun {
  readonly name: string;
  readonly reason: string;
}

/** By the names under which adapters offer them. */
const VARIANTS = {
  'shader-f16': 'shader-f16',
  'subgroup matrices': 'chromium-experimental-subgroup-matrix',
} as const;

/** @param features of the adapter */
export function variantsOf(features: readonly string[]): NotRun[] {
  return Object.entries(VARIANTS).map(([name, feature]) => ({
    name,
    reason: features.includes(feature)
      ? 'offered by this adapter, but no kernel here uses it: not run'
      : 'not offered by this adapter, not run',
  }));
}
