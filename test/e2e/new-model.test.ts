/** From a file with words to a model, a training and predictions by name. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();
const KINDS = ['oak', 'ash', 'elm'];

/** Three kinds of tree that two widths tell apart. */
function trees(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `${(i % 3) + (i % 7) / 20},${2 - (i % 3)},${KINDS[i % 3]}`);
  return `trunk (m),leaf,kind\n${lines.join('\n')}\n`;
}

test('a model that nmc new writes for a CSV file with words trains, and its predictions have their names', async () => {
  writeFileSync(join(folder, 'trees.csv'), trees(60));
  const [written] = jsonLines(await nmc(['new', 'trees.csv', '--json'], { cwd: folder }));
  expect(written).toMatchObject({ model: 'trees.pcn', inputs: ['trunk_m', 'leaf'], target: 'kind', classes: 3 });
  const trained = await nmc(['train', 'trees.pcn', '--epochs', '20', '--out', 'run'], { cwd: folder });
  expect(trained.code).toBe(0);
  writeFileSync(join(folder, 'new.csv'), 'trunk (m),leaf\n0.1,2\n1.1,1\n2.1,0\n');
  const rows = jsonLines(await nmc(['predict', 'run', '--input', 'new.csv', '--json'], { cwd: folder }));
  expect(rows.map((row) => row.kind_class)).toEqual(KINDS);
  expect(rows.map((row) => row.kind)).toEqual([2, 0, 1]);
  const told = await nmc(['predict', 'run', '--input', 'new.csv'], { cwd: folder });
  expect(told.stdout).toMatch(/^1 {3}kind oak {3}\(oak: /);
});

test('a run whose words were renamed cannot be resumed', async () => {
  writeFileSync(join(folder, 'trees.csv'), trees(60).replaceAll('oak', 'yew'));
  const resumed = await nmc(['train', '--resume', 'run', '--epochs', '+1'], { cwd: folder });
  expect(resumed.code).toBe(2);
  expect(resumed.stderr).toContain('the classes of `kind` are ash, elm, yew now');
});

test('nmc new replaces no file, and says which column it cannot choose', async () => {
  writeFileSync(join(folder, 'numbers.csv'), 'a,b\n1,2\n3,5\n2,9\n4,4\n7,7\n');
  const undecided = await nmc(['new', 'numbers.csv'], { cwd: folder });
  expect([undecided.code, undecided.stderr]).toEqual([2, expect.stringContaining('--target NAME, one of a, b')]);
  expect(existsSync(join(folder, 'numbers.pcn'))).toBe(false);
  writeFileSync(join(folder, 'mine.pcn'), 'mine');
  const refused = await nmc(['new', 'numbers.csv', '--target', 'b', '-o', 'mine.pcn'], { cwd: folder });
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('new/exists')]);
});
