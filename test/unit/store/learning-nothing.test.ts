import { expect, test } from 'vitest';
import { addResults, emptyTotals, learningNothing } from '../../../runtime/shard/totals.ts';

test('a node whose error is below the epsilon of the optimiser learns nothing', () => {
  const energies = { a: 0.5, b: 4e-17, c: 8e-17, d: 0 };
  expect(learningNothing(energies, 1e-8)).toEqual(['b', 'd']);
  expect(learningNothing(energies, 1.2e-8)).toEqual(['b', 'd']);
  expect(learningNothing(energies)).toEqual(['d']);
});

test('an energy that is not finite names the node, the tick, the batch and what is left', () => {
  const at = { epoch: 1, batch: 4, directory: 'runs/x', ticks: 8 };
  const add = (): void => addResults(emptyTotals(), { 'energy.h1': Float32Array.of(Number.NaN) }, 4, at);
  expect(add).toThrow('energy of node h1 is no longer a finite number after tick 8, the last, of batch 5 of epoch 2');
});
