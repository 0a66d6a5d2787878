/**
 * Sums over an epoch, by name: `energy.NODE` over samples, `sum.I`, `count.I` and `of.I` of what evaluation I has
 * compared; on one machine `samples` and `seconds` of training too. Kept in snapshots, so that a resumed epoch ends
 * with the same numbers. Pure.
 */
import { comparedNames, energyName, energyNode } from '../../spec/names.ts';
import type { Tensor } from '../device/device.ts';
import { type Compared, NOTHING } from './compared.ts';

export type Totals = Readonly<Record<string, number>>;

/** The names of energies among results, or among sums. */
export function energiesIn<T>(results: Readonly<Record<string, T>>): { readonly node: string; readonly value: T }[] {
  return Object.entries(results).flatMap(([name, value]) => {
    const node = energyNode(name);
    return node === undefined ? [] : [{ node, value }];
  });
}

/** The first node whose energy is not finite. */
export function unsoundEnergy(results: Readonly<Record<string, Tensor>>): string | undefined {
  return energiesIn(results).find(({ value }) => !Number.isFinite(value[0]))?.node;
}

/** With the energies of one call, which counts for so many samples. */
export function withEnergies(totals: Totals, results: Readonly<Record<string, Tensor>>, samples: number): Totals {
  const added = { ...totals };
  for (const { node, value } of energiesIn(results)) {
    const name = energyName(node);
    added[name] = (added[name] ?? 0) + (value[0] ?? Number.NaN) * samples;
  }
  return added;
}

/** A sum, which is never negative, of predictions that were not all finite: messages and snapshots hold numbers alone. */
export const NOT_FINITE = -1;

/** Of evaluation `i`; the sum is NaN where not all that was compared was finite. */
export function comparedIn(totals: Totals, i: number): Compared {
  const names = comparedNames(i);
  const sum = totals[names.sum] ?? NOTHING.sum;
  const of = totals[names.of];
  return {
    sum: sum === NOT_FINITE ? Number.NaN : sum,
    count: totals[names.count] ?? NOTHING.count,
    ...(of === undefined ? {} : { of }),
  };
}

/** With what evaluation `i` has compared till now. */
export function withCompared(totals: Totals, i: number, { sum, count, of }: Compared): Totals {
  const names = comparedNames(i);
  return {
    ...totals,
    [names.sum]: Number.isFinite(sum) ? sum : NOT_FINITE,
    [names.count]: count,
    ...(of === undefined ? {} : { [names.of]: of }),
  };
}

/** Sums of several shards, together. */
export function summed(all: readonly Totals[]): Totals {
  const sums: Record<string, number> = {};
  for (const totals of all) for (const [name, value] of Object.entries(totals)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
