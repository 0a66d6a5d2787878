/** Audits of honest work: nothing that it does is ever held against a trainer. All pairs at length: `npm run accept -- audits`. */
import { expect, test, vi } from 'vitest';
import { cellName, type HonestCell, honestAudits } from './honest-audits.ts';

vi.setConfig({ testTimeout: 60_000 });

const CELLS: readonly HonestCell[] = [
  { device: 'reference', auditor: 'reference', codec: 'f16', schedule: 'pipelined', disturbed: true },
  { device: 'reference', auditor: 'reference', codec: 'ternary', schedule: 'ahead', disturbed: true },
  { device: 'cpu 1', auditor: 'reference', codec: 'f32', schedule: 'pipelined', disturbed: false },
];

test.each(CELLS.map((cell) => [cellName(cell), cell] as const))('%s: all match', async (_name, cell) => {
  const { audits, match, punished, inconclusive, why } = await honestAudits(cell, 1, 1);
  expect(audits).toBeGreaterThan(8);
  expect({ punished, matches: match + inconclusive }, why.join('\n')).toEqual({ punished: 0, matches: audits });
  expect(inconclusive, why.join('\n')).toBeLessThanOrEqual(cell.disturbed ? 3 : 0);
});
