import { parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import { curveSvg } from '../../../runtime/store/curve.ts';

const rows = [1, 2, 3].map((epoch) => ({ epoch, energy: 1 / epoch, accuracy: 1 - 0.3 / epoch }));

it('a curve has a panel for each measure that there is', () => {
  const svg = curveSvg(rows);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 640 440"/);
  const { document } = parseHTML(`<!doctype html><html><body>${svg}</body></html>`);
  expect(document.querySelectorAll('svg')).toHaveLength(1);
  expect(document.querySelectorAll('circle')).toHaveLength(6);
  expect(svg).toContain('Energy');
  expect(svg).toContain('Test accuracy (%)');
  expect(svg).toContain('>90<');
  expect(curveSvg(rows.map(({ epoch, energy }) => ({ epoch, energy })))).not.toContain('(%)');
});

it('a curve is the same for the same rows, and a picture even without any', () => {
  expect(curveSvg(rows)).toBe(curveSvg(rows));
  expect(curveSvg([])).toContain('no epoch was completed');
  expect(curveSvg([{ epoch: 1, energy: Number.NaN }])).toContain('no epoch was completed');
});
