/** Rules whose errors come late learn as before, where they have ticks enough: the short form of `npm run accept -- async`. */
import { expect, test } from 'vitest';
import { dataOpener } from '../../../runtime/cli/training/training-data.ts';
import { lateModel } from '../../acceptance/late-model.ts';
import { type Network, trainLate } from '../../acceptance/late-training.ts';
import { ticksFor } from '../../acceptance/parts/async.ts';

const open = dataOpener({ seed: 1, data: undefined, folder: '.', limit: 960 });

const accuracy = (rule: string, network: Network): Promise<number> => {
  const edits = [
    [/data\.mnist/g, 'data.glyphs'],
    [/batch( +)= 64/, 'batch$1= 16'],
    [/rate = 0\.004/, 'rate = 0.015'],
  ] as const;
  const text = edits.reduce((all, [from, to]) => all.replace(from, to), lateModel(rule, true));
  const set = { width: '32', ticks: String(ticksFor(true, network.staleness)) };
  return trainLate({ text, set, shards: 4, network, seed: 1 }, open);
};

test('errors of fixed prediction are the same however late, so is what they teach', async () => {
  const prompt = await accuracy('fixed_prediction', { delay: 0, loss: 0, staleness: 0 });
  expect(prompt).toBeGreaterThan(0.3);
  expect(await accuracy('fixed_prediction', { delay: 2, loss: 0.2, staleness: 3 })).toBe(prompt);
});

test('inference learning at the borders of shards loses little by late and lost frames', async () => {
  const prompt = await accuracy('il', { delay: 0, loss: 0, staleness: 0 });
  const late = await accuracy('il', { delay: 2, loss: 0.2, staleness: 3 });
  expect(prompt).toBeGreaterThan(0.3);
  expect(late).toBeGreaterThan(prompt - 0.05);
});
