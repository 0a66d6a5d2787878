/** Compares the same small training on two devices. */
import { expect } from 'vitest';
import { relativeError } from './networks.ts';
import type { SmallTraining } from './small-training.ts';

/**
 * Of a node's energy, against that of all nodes: where an error is a thousandth of the values that it is the difference
 * of, f32 has few digits of it left.
 */
const ENERGY_BOUND = 5e-4;
/** |a - b| / |b| of all weights together: Adam divides small gradients by themselves. */
const WEIGHT_BOUND = 5e-3;

export function expectSameTraining(found: SmallTraining, wanted: SmallTraining): void {
  const names = Object.keys(wanted.results);
  expect(Object.keys(found.results)).toEqual(names);
  for (const name of names) {
    const batch = name.slice(name.lastIndexOf(' of batch '));
    const all = names.filter((other) => other.startsWith('energy.') && other.endsWith(batch));
    const total = all.reduce((sum, other) => sum + Math.abs(wanted.results[other]?.[0] ?? 0), 0);
    const [a = Number.NaN] = found.results[name] ?? [];
    const [b = Number.NaN] = wanted.results[name] ?? [];
    expect(Math.abs(a - b) / total, name).toBeLessThan(ENERGY_BOUND);
  }
  expect(relativeError(found.weights, wanted.weights), 'weights').toBeLessThan(WEIGHT_BOUND);
}
