/** Schedule `async` over a mesh that really trains: ticks read the newest values that are there, in virtual time. */
import { expect, test } from 'vitest';
import { normalData } from '../support/filled-data.ts';
import { freePlanOf } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

const EPOCHS = 1;
/** Three batches. */
const points = normalData('points', 12, { x: 6, y: 2 });

function trained(options: Partial<HostedOptions> & Pick<HostedOptions, 'plan'>): Promise<HostedResult> {
  const usual = { train: points, checks: [points], trainers: 3, epochs: EPOCHS, snapshotEvery: 3, seed: 1 };
  return trainHosted({ ...usual, ...options });
}

const energies = ({ run }: HostedResult): number[] => (run?.rows ?? []).map((r) => r.energy ?? Number.NaN);

test('shards train on the newest values, near the figures of a strict run, and sooner', async () => {
  const strict = await trained({ plan: freePlanOf(3, 0) });
  expect(strict.deployment).toMatchObject({ schedule: 'async', staleness: 0 });
  const loose = await trained({ plan: freePlanOf(3, 2) });
  expect(loose.run).toMatchObject({ phase: 'done', term: 1 });
  expect(loose.states).not.toEqual(strict.states);
  expect(energies(loose)).toHaveLength(EPOCHS);
  for (const [epoch, energy] of energies(strict).entries()) expect(energies(loose)[epoch]).toBeCloseTo(energy, 1);
  expect(loose.milliseconds).toBeLessThan(strict.milliseconds);
});
