/** Audits of honest work: nothing that it does is ever held against a trainer. All pairs at length: `npm run accept -- audits`. */
import { expect, test, vi } from 'vitest';
import { cellName, type HonestCell, honestAudits } from './honest-audits.ts';

vi.setConfig({ testTimeout: 60_000 });

const CELLS: readonly HonestCell[] = [
  { device: 'reference', auditors: ['reference'], codec: 'f16', schedule: 'pipelined', disturbed: true },
  { device: 'reference', auditors: ['reference'], codec: 'ternary', schedule: 'ahead', disturbed: true },
  { device: 'cpu 1', auditors: ['reference', 'cpu 1'], codec: 'f32', schedule: 'pipelined', disturbed: false },
  { device: 'reference', auditors: ['reference'], codec: 'f16', schedule: 'async', disturbed: true },
];

test.each(CELLS.map((cell) => [cellName(cell), cell] as const))('%s: all match', async (_name, cell) => {
  const comesAndGoes = cell.schedule === 'async' && cell.disturbed;
  const found = await honestAudits(cell, 1, comesAndGoes ? 2 : 1, 2);
  expect(found.length).toBe(cell.auditors.length);
  for (const { audits, match, punished, inconclusive, why } of found) {
    // Where owners come and go, stretches of free ticks are in no record.
    expect(audits).toBeGreaterThan(comesAndGoes ? 4 : 8);
    expect({ punished, matches: match + inconclusive }, why.join('\n')).toEqual({ punished: 0, matches: audits });
    expect(inconclusive, why.join('\n')).toBeLessThanOrEqual(cell.disturbed ? 3 : 0);
  }
});
