/**
 * Predictions for fewer samples at once than a plan's batch: a function of its own for each size, whose name says for
 * how many. Where a device has none of them, few samples are filled up to a whole batch.
 */
import { append } from '../../spec/append.ts';
import { parseSized, sizedName } from '../../spec/names.ts';
import type { PlanPrediction } from '../../spec/plan.ts';

/** Sizes that there are besides a function's own, by its name; the smallest first. */
export type Sizes = ReadonlyMap<string, readonly number[]>;

export function sizesIn(functions: readonly { readonly name: string; readonly batch: number }[]): Sizes {
  const named = new Map(functions.map((f) => [f.name, f.batch]));
  const found = new Map<string, number[]>();
  for (const [name, batch] of named) {
    const sized = parseSized(name);
    if (sized?.batch === batch) append(found, sized.f, batch);
  }
  for (const sizes of found.values()) sizes.sort((a, b) => a - b);
  return found;
}

/** The prediction as it runs for so many samples: the smallest that they fit in. */
export function smallestFor(sizes: Sizes | undefined, prediction: PlanPrediction, count: number): PlanPrediction {
  const batch = sizes?.get(prediction.function)?.find((n) => n >= count && n < prediction.batch);
  return batch === undefined ? prediction : { ...prediction, function: sizedName(prediction.function, batch), batch };
}
