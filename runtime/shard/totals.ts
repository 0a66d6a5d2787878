/** What is summed over the batches of an epoch. */
import type { Tensor } from '../device/device.ts';
import { UserError } from '../support/errors.ts';

/** Everything that is summed over an epoch; kept in snapshots, so that a resumed epoch ends with the same numbers. */
export interface Totals {
  samples: number;
  seconds: number;
  readonly energy: Record<string, number>;
}

export function emptyTotals(): Totals {
  return { samples: 0, seconds: 0, energy: {} };
}

/** From the numbers of a snapshot. */
export function totalsFrom(numbers: Readonly<Record<string, number>>): Totals {
  const totals = emptyTotals();
  for (const [name, value] of Object.entries(numbers)) {
    if (name === 'samples') totals.samples = value;
    else if (name === 'seconds') totals.seconds = value;
    else if (name.startsWith('energy.')) totals.energy[name.slice('energy.'.length)] = value;
  }
  return totals;
}

/** As numbers by name, for a snapshot. */
export function totalsAsNumbers({ samples, seconds, energy }: Totals): Record<string, number> {
  const byNode = Object.entries(energy).map(([node, sum]) => [`energy.${node}`, sum] as const);
  return { samples, seconds, ...Object.fromEntries(byNode) };
}

/**
 * Adds the energies of one batch.
 * @throws UserError `energy/not-finite`
 */
export function addResults(
  totals: Totals,
  results: Readonly<Record<string, Tensor>>,
  samples: number,
  at: { readonly epoch: number; readonly batch: number; readonly directory: string; readonly ticks?: number },
): void {
  for (const [name, values] of Object.entries(results)) {
    if (!name.startsWith('energy.')) continue;
    const value = values[0] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      const node = name.slice('energy.'.length);
      const tick = at.ticks === undefined ? '' : `tick ${at.ticks}, the last, of `;
      throw new UserError(
        'energy/not-finite',
        `the energy of node ${node} is no longer a finite number after ${tick}batch ${at.batch + 1} of epoch ${at.epoch + 1}`,
        divergedRepair(at.directory),
      );
    }
    totals.energy[name.slice('energy.'.length)] = (totals.energy[name.slice('energy.'.length)] ?? 0) + value * samples;
  }
  totals.samples += samples;
}

export function divergedRepair(directory: string): string {
  return `lower the rates (method and optimizer; \`--probe\` says how far), then train again; ${directory} holds the last good state`;
}

/**
 * Nodes whose error is too small to move a weight, and whose links so learn nothing: no unit's error is above the root
 * of twice the node's energy (equation 2, precision 1).
 * @param epsilon what the optimiser adds to the size of a gradient
 */
export function learningNothing(energyByNode: Readonly<Record<string, number>>, epsilon = 0): string[] {
  return Object.entries(energyByNode).flatMap(([node, energy]) =>
    energy >= 0 && Math.sqrt(2 * energy) <= epsilon ? [node] : [],
  );
}
