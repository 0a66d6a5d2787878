/** The page of measurements: which tables a run replaces, and what every table says of its origin. */
import { describe, expect, test } from 'vitest';
import { keepResult, keptResults } from '../../acceptance/kept-results.ts';
import { parts } from '../../acceptance/parts/all.ts';
import { stampOf, tableOf, tablesOf, updateReport } from '../../acceptance/report.ts';
import { notRun } from '../../acceptance/row.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { readText } from '../../support/repository.ts';

const PAGE = 'docs/measurements.md';
const page = `# Measurements

<!-- measured: one -->
Measured 2026-01-01 on a machine.

| what |
|---|
| 1 |
<!-- end -->

Prose.

<!-- measured: two -->
Measured 2026-01-02 on another.

| what |
|---|
| 2 |
<!-- end -->
`;

describe('a report', () => {
  test('replaces the tables of its own parts and keeps all others with their day', () => {
    const table = { name: 'two', head: ['what', 'measured'], rows: [['a | b\nc', '3']] };
    const written = updateReport(page, [table], 'Measured 2026-02-02 here.');
    expect(tablesOf(written)).toEqual([
      { name: 'one', stamp: 'Measured 2026-01-01 on a machine.', lines: ['| what |', '|---|', '| 1 |'] },
      {
        name: 'two',
        stamp: 'Measured 2026-02-02 here.',
        lines: ['| what | measured |', '|---|---|', '| a \\| b c | 3 |'],
      },
    ]);
    expect(written).toContain('\nProse.\n');
    expect(updateReport(written, [table], 'Measured 2026-02-02 here.')).toBe(written);
  });

  test('adds a table that the page does not have below all others', () => {
    const table = { name: 'three', head: ['what'], rows: [['3']] };
    const written = updateReport(page, [table], 'Measured 2026-02-02 here.');
    expect(tablesOf(written).map(({ name }) => name)).toEqual(['one', 'two', 'three']);
    expect(tablesOf(updateReport(written, [{ ...table, name: 'four' }], 'Then.'))).toHaveLength(4);
  });

  test('can be written from what was kept of all parts, each table with its own day and machine', () => {
    const root = temporaryFolder();
    expect(keptResults(root)).toEqual([]);
    const table = (name: string, cell: string) => ({ name, head: ['what'], rows: [[cell]] });
    keepResult(root, { stamp: 'Measured 2026-02-01 here.', table: table('two', 'old') });
    keepResult(root, { stamp: 'Measured 2026-02-02 here.', table: table('two', 'new') });
    keepResult(root, { stamp: 'Measured 2026-02-03 there.', table: table('one', '3') });
    const kept = keptResults(root);
    expect(kept.map(({ table: { name } }) => name)).toEqual(['one', 'two']);
    const written = kept.reduce((text, result) => updateReport(text, [result.table], result.stamp), page);
    expect(tablesOf(written).map(({ stamp, lines }) => [stamp, lines.at(-1)])).toEqual([
      ['Measured 2026-02-03 there.', '| 3 |'],
      ['Measured 2026-02-02 here.', '| new |'],
    ]);
  });

  test('has the rows of a part with their verdicts, and keeps the old ones where nothing was measured', () => {
    const row = { name: 'x', what: 'speed', target: '> 1', measured: '2' };
    expect(tableOf('x', [row])).toBeUndefined();
    const shown = { ...row, target: 'shown' };
    expect(
      tableOf('x', [row, { ...row, holds: false }, shown, notRun('x', 'speed', 'shown', 'no data')])?.rows,
    ).toEqual([
      ['speed', '2', '> 1', 'not run'],
      ['speed', '2', '> 1', 'MISSES'],
      ['speed', '2', 'shown', 'shown'],
      ['speed', 'not run: no data', 'shown', 'not run'],
    ]);
  });

  test('names the day, the processor, its cores, the memory and the version of Node', () => {
    expect(stampOf(new Date('2026-11-29T10:00:00Z'))).toMatch(
      /^Measured 2026-11-29 on .+, \d+ cores, \d+ GB, \w+-\w+, Node \d+\.\d+\.\d+(, load \d+\.\d at the start)?\.$/,
    );
  });
});

describe('the page of measurements', () => {
  const tables = tablesOf(readText(PAGE));

  test('has only tables of parts that npm run accept can measure again', () => {
    const names = new Set(parts.map(({ name }) => name));
    expect(tables.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
    const lines = readText(PAGE).split('\n');
    expect(lines.filter((line) => line.startsWith('|'))).toEqual(tables.flatMap((table) => table.lines));
  });

  test('says of each table when and where it was measured', () => {
    for (const { name, stamp } of tables) expect(stamp, name).toMatch(/^Measured \d{4}-\d\d-\d\d.* on .+, Node \d/);
  });

  test('has the figures that the README quotes', () => {
    const peers = tables.find(({ name }) => name === 'peers')?.lines ?? [];
    const quoted = rowsOf(readText('README.md').split('\n'));
    expect(quoted).toHaveLength(2);
    const measured = rowsOf(peers.filter((line) => line.includes(', il |')));
    expect(measured).toEqual(quoted);
  });
});

/** Of tables of speeds: the network's widths, and the first number of each cell. */
function rowsOf(lines: readonly string[]): string[][] {
  return lines.flatMap((line) => {
    const [, network = '', ...cells] = line.split('|').map((cell) => cell.trim());
    const widths = /^\d+(-\d+)+/.exec(network)?.[0];
    return widths === undefined ? [] : [[widths, ...cells.slice(0, 3).map((cell) => cell.split(' ')[0] ?? '')]];
  });
}
