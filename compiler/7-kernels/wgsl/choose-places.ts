/** The step that chooses how the kernels of launches of their own get to their places. */
import type { Region } from '../../../spec/kernels.ts';
import type { Chosen, ChosenRun, Written } from './forms.ts';
import type { WrittenKernel } from './kernel.ts';
import { regionsOf } from './lay-out.ts';
import { writeApart } from './write-runs.ts';

/** Pipelines more than without places in them: each takes a device milliseconds to make, before the first batch. */
const MAX_MORE = 16;

export function choosePlaces(form: Written): Chosen {
  const moving = form.runs.flatMap(({ kernels, apart }) => (apart.length > 0 ? kernels : []));
  const few = form.around.bound.length > 0 && fewPlaces(moving, (kernel) => regionsOf(form, kernel));
  const runs = form.runs.map(({ kernels, apart }): ChosenRun => {
    if (apart.length === 0) return { kernels, places: 'table' };
    return few
      ? { kernels: writeApart(form, apart, 'overrides'), places: 'overrides' }
      : { kernels, places: 'uniform' };
  });
  return { ...form, runs };
}

/** Ticks soon use the same places again and again: few pipelines know them all, and a launch binds nothing. */
function fewPlaces(kernels: readonly WrittenKernel[], regions: (kernel: WrittenKernel) => Region[]): boolean {
  const sizes = kernels.map(({ text, constants }) => `${text}${JSON.stringify(constants)}`);
  const places = kernels.map((kernel, i) => `${sizes[i]}${regions(kernel).map((r) => r.offset)}`);
  return new Set(places).size - new Set(sizes).size <= MAX_MORE;
}
