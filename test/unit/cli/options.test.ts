/** Tables of options: what a command gets of what was said, and what is refused, by the table alone. */
import { expect, test } from 'vitest';
import yargs from 'yargs';
import { MAX_MICROBATCHES } from '../../../compiler/5-program/pipeline.ts';
import { MICROBATCHES_RANGE } from '../../../runtime/cli/shell/common-options.ts';
import { listenOf } from '../../../runtime/cli/shell/listening.ts';
import {
  addOptions,
  anyText,
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

test('every option on the command line is read by its row', () => {
  const said = { action: 'get', file: 'a', rest: ['b', 'c'], out: 'o', name: 'n', json: true, set: ['x=1'], seed: '7' };
  expect(readOptions(TABLE, said)).toEqual({ ...said, svg: undefined, seed: 7 });
});

test('an option that is missing is undefined, an empty list or false', () => {
  expect(readOptions(TABLE, {})).toEqual({
    ...{ action: 'list', file: undefined, rest: [], out: '', name: undefined },
    ...{ svg: undefined, json: false, set: [], seed: undefined },
  });
});

test('an empty text is refused where it would stand for a file, and not where it is one', () => {
  for (const said of [{ name: '' }, { out: '' }])
    expect(() => readOptions(TABLE, said)).toThrow('needs a value, and was given an empty one');
  expect(readOptions({ prompt: anyText('a text') }, { prompt: '' })).toEqual({ prompt: '' });
});

test('a server listens at the port of its address, or at --port, and not at one of two', () => {
  expect(listenOf({}, 8080)).toEqual({ host: '127.0.0.1', port: 8080 });
  expect(listenOf({ listen: '127.0.0.1:17555' }, 8080)).toEqual({ host: '127.0.0.1', port: 17555 });
  expect(listenOf({ listen: '[::1]:9000', port: 9000 }, 8080)).toEqual({ host: '::1', port: 9000 });
  expect(listenOf({ listen: '::1', port: 9000 }, 8080)).toEqual({ host: '::1', port: 9000 });
  expect(() => listenOf({ listen: 'localhost:9000', port: 9001 }, 8080)).toThrow('give two ports');
  expect(() => listenOf({ listen: 'localhost:70000' }, 8080)).toThrow('ports are 0 to 65535');
});

test('two values for an option of one value are refused, and both are named', () => {
  for (const [said, values] of [
    [{ name: ['a', 'b'] }, 'a, b'],
    [{ seed: ['1', '3'] }, '1, 3'],
    [{ json: [true, false] }, 'true, false'],
    [{ svg: ['', 'x.svg'] }, ', x.svg'],
  ] as const) {
    const [name] = Object.keys(said);
    expect(() => readOptions(TABLE, said)).toThrow(`--${name} is given more than once: ${values}`);
  }
});

test('the same value twice counts once, and a list takes all its values', () => {
  expect(readOptions(TABLE, { name: ['a', 'a'], json: [true, true], set: ['a=1', 'b=2'] })).toMatchObject({
    ...{ name: 'a', json: true, set: ['a=1', 'b=2'] },
  });
});

test('a repeated option is refused before the command looks at a file', async () => {
  const { code, stderr } = await nmcInProcess('train', 'not-there.pcn', '--batch', '1', '--batch', '2');
  expect(code).toBe(2);
  expect(stderr).toContain('--batch is given more than once: 1, 2');
});

test.each(['x', '', '1.5', '-1', '10'])('%j is not a whole number from 0 to 9', (seed) => {
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

test('a number that is not one is refused before the command looks at a file', async () => {
  const { code, stderr } = await nmcInProcess('train', 'not-there.pcn', '--epochs', 'many');
  expect(code).toBe(2);
  expect(stderr).toContain('--epochs needs a whole number from 1');
});

test('as many microbatches may be asked for as the compiler can make', () => {
  expect(MICROBATCHES_RANGE.most).toBe(MAX_MICROBATCHES);
});
