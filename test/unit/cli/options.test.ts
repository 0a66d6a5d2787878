/** Tables of options: what a command gets of what was said, and what is refused, by the table alone. */
import { expect, test } from 'vitest';
import yargs from 'yargs';
import { MAX_MICROBATCHES } from '../../../compiler/5-program/pipeline.ts';
import { MICROBATCHES_RANGE } from '../../../runtime/cli/shell/common-options.ts';
import {
  addOptions,
  choice,
  flag,
  needed,
  openText,
  readOptions,
  text,
  texts,
  whole,
  word,
  words,
} from '../../../runtime/cli/shell/options.ts';
import { nmcInProcess } from '../../support/nmc-in-process.ts';

const TABLE = {
  action: choice(['list', 'get'], 'list, or get'),
  file: word('a file'),
  rest: words('more files'),
  out: needed('where to', { alias: 'o' }),
  name: text('a name'),
  svg: openText('a picture'),
  json: flag('JSON'),
  set: texts('name=value', { array: true, nargs: 1 }),
  seed: whole('a seed', { least: 0, most: 9 }),
};

test('everything that was said is read by its row', () => {
  const said = { action: 'get', file: 'a', rest: ['b', 'c'], out: 'o', name: 'n', json: true, set: ['x=1'], seed: '7' };
  expect(readOptions(TABLE, said)).toEqual({ ...said, svg: undefined, seed: 7 });
});

test('what was not said is nothing, no list and no flag', () => {
  expect(readOptions(TABLE, {})).toEqual({
    ...{ action: 'list', file: undefined, rest: [], out: '', name: undefined },
    ...{ svg: undefined, json: false, set: [], seed: undefined },
  });
});

test('of what was said twice the last counts, where one is wanted', () => {
  expect(readOptions(TABLE, { name: ['a', 'b'], seed: ['x', '3'], set: ['a=1', 'b=2'], svg: '' })).toMatchObject({
    ...{ name: 'b', seed: 3, set: ['a=1', 'b=2'], svg: '' },
  });
});

test.each(['x', '', '1.5', '-1', '10'])('%j is no whole number from 0 to 9', (seed) => {
  expect(() => readOptions(TABLE, { seed })).toThrow(
    expect.objectContaining({
      code: 'usage/number',
      message: `--seed needs a whole number from 0 to 9, not ${seed}`,
    }),
  );
});

test('help has a row for each option, in the order of the table, and yargs knows what is needed', async () => {
  const parser = addOptions(yargs([]).locale('en').exitProcess(false), TABLE);
  const help = await parser.getHelp();
  const rows = [...help.matchAll(/^ +(?:-o, )?--(out|name|svg|json|set|seed)\b/gm)].map((m) => m[1] ?? m[2]);
  expect(help).toContain('[required]');
  expect(rows.filter((row) => row !== undefined)).toEqual(
    expect.arrayContaining(['name', 'svg', 'json', 'set', 'seed']),
  );
});

test('a number is refused before the command looks at a file', async () => {
  const { code, stderr } = await nmcInProcess('train', 'not-there.pcn', '--epochs', 'many');
  expect(code).toBe(2);
  expect(stderr).toContain('--epochs needs a whole number from 1');
});

test('as many microbatches may be asked for as the compiler makes', () => {
  expect(MICROBATCHES_RANGE.most).toBe(MAX_MICROBATCHES);
});
