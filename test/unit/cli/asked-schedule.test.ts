/** Options win over what a model's schedule says, each by itself. */
import { expect, test } from 'vitest';
import { DEPLOY } from '../../../runtime/cli/mesh/options.ts';
import { askedSchedule, askedShards } from '../../../runtime/cli/planning/asked-schedule.ts';
import { readOptions } from '../../../runtime/cli/shell/options.ts';
import { checked, codesOf } from '../../support/check-source.ts';
import { tinyModel } from '../../support/nmc.ts';

type Options = Readonly<Record<string, string>>;

const schedulesIn = (settings: string) =>
  settings === '' ? [] : checked(`${tinyModel()}\nschedule home of tiny {\n${settings}\n}\n`).schedules;

const asked = (settings: string, options: Options = {}) =>
  askedSchedule(readOptions(DEPLOY, options), schedulesIn(settings));

const PIPELINED = '  mode = pipelined\n  microbatches = 8';

test.each<[name: string, settings: string, options: Options, expected: unknown]>([
  ['nothing asks for a schedule', '', {}, {}],
  ['settings of another kind', '  latency = 40ms', {}, {}],
  ['the model', '  mode = pipelined', {}, { schedule: { value: 'pipelined', by: 'schedule home' } }],
  [
    'the model, with a number',
    PIPELINED,
    {},
    { schedule: { value: 'pipelined', by: 'schedule home' }, microbatches: { value: 8, by: 'schedule home' } },
  ],
  [
    'a number alone',
    '  microbatches = 2',
    {},
    { schedule: { value: 'pipelined', by: 'schedule home' }, microbatches: { value: 2, by: 'schedule home' } },
  ],
  ['lockstep over both', PIPELINED, { schedule: 'lockstep' }, { schedule: { value: 'lockstep', by: '--schedule' } }],
  [
    'another number',
    PIPELINED,
    { microbatches: '4' },
    { schedule: { value: 'pipelined', by: '--microbatches' }, microbatches: { value: 4, by: '--microbatches' } },
  ],
  [
    'pipelined over lockstep',
    '  mode = lockstep',
    { schedule: 'pipelined' },
    { schedule: { value: 'pipelined', by: '--schedule' } },
  ],
  [
    'pipelined, the number of the model',
    '  microbatches = 2',
    { schedule: 'pipelined' },
    { schedule: { value: 'pipelined', by: '--schedule' }, microbatches: { value: 2, by: 'schedule home' } },
  ],
  [
    'a batch ahead, as the model says',
    `${PIPELINED}\n  ahead = 1`,
    {},
    {
      schedule: { value: 'pipelined', by: 'schedule home' },
      microbatches: { value: 8, by: 'schedule home' },
      ahead: { value: 1, by: 'schedule home' },
    },
  ],
  [
    'a batch ahead, as an option says',
    '  mode = pipelined',
    { ahead: '1' },
    { schedule: { value: 'pipelined', by: 'schedule home' }, ahead: { value: 1, by: '--ahead' } },
  ],
  [
    'none ahead, whatever the model says',
    '  mode = pipelined\n  ahead = 1',
    { ahead: '0' },
    { schedule: { value: 'pipelined', by: 'schedule home' } },
  ],
  [
    'lockstep over a batch ahead',
    '  mode = pipelined\n  ahead = 1',
    { schedule: 'lockstep' },
    { schedule: { value: 'lockstep', by: '--schedule' } },
  ],
  [
    'asynchronous shards, as the model says',
    '  mode = async\n  staleness = 2',
    {},
    { schedule: { value: 'async', by: 'schedule home' }, staleness: { value: 2, by: 'schedule home' } },
  ],
  [
    'a neighbour that does not answer, as an option says',
    '  mode = async\n  late = absent',
    { late: 'wait' },
    { schedule: { value: 'async', by: 'schedule home' }, late: { value: 'wait', by: '--late' } },
  ],
  [
    'a neighbour that does not answer, as the model says',
    '  mode = async\n  late = absent',
    {},
    { schedule: { value: 'async', by: 'schedule home' }, late: { value: 'absent', by: 'schedule home' } },
  ],
  [
    'asynchronous shards, as an option says',
    '  mode = pipelined',
    { schedule: 'async' },
    { schedule: { value: 'async', by: '--schedule' } },
  ],
  [
    'asynchronous shards in parts, as an option says, and the model',
    '  microbatches = 2',
    { schedule: 'async' },
    { schedule: { value: 'async', by: '--schedule' }, microbatches: { value: 2, by: 'schedule home' } },
  ],
  [
    'other parts of asynchronous shards',
    '  mode = async\n  microbatches = 2',
    { microbatches: '4' },
    { schedule: { value: 'async', by: 'schedule home' }, microbatches: { value: 4, by: '--microbatches' } },
  ],
])('the options decide before the model: %s', (_, settings, options, expected) =>
  expect(asked(settings, options)).toEqual(expected),
);

test('lockstep together with microbatches is refused, whether an option or the model asks for it', () => {
  expect(() => asked('', { schedule: 'lockstep', microbatches: '4' })).toThrow('--schedule asks for lockstep');
  expect(() => asked('  mode = lockstep\n  microbatches = 4')).toThrow('schedule home asks for lockstep');
  expect(asked('  mode = lockstep\n  microbatches = 1').schedule?.value).toBe('lockstep');
  expect(() => asked('', { schedule: 'async', ahead: '1' })).toThrow('--schedule asks for async');
  expect(() => asked('', { schedule: 'serial' })).toThrow('the schedule serial is unknown');
});

test('the language knows the words of a schedule', () => {
  const codes = (word: string): string[] =>
    codesOf(`${tinyModel()}\nschedule home of tiny {\n  mode = async\n  late = ${word}\n}\n`);
  for (const word of ['wait', 'absent']) expect(codes(word)).not.toContain('name/unknown');
  expect(codes('never')).toContain('name/unknown');
});

test('the number of shards is that of --partition, else that of the model, else one', () => {
  expect(askedShards({ partition: undefined }, schedulesIn(''))).toBe(1);
  expect(askedShards({ partition: undefined }, schedulesIn('  shards = 3'))).toBe(3);
  expect(askedShards({ partition: 2 }, schedulesIn('  shards = 3'))).toBe(2);
});

test('one batch ahead is allowed, and only for pipelined batches of several parts', () => {
  expect(() => asked('', { ahead: '1' })).toThrow('neither the command nor the model asks for it');
  expect(() => asked('', { ahead: '1', schedule: 'lockstep' })).toThrow('--schedule asks for lockstep');
  expect(() => asked('  mode = pipelined\n  microbatches = 1\n  ahead = 1')).toThrow('one microbatch');
  expect(() => asked('  mode = pipelined', { microbatches: '1', ahead: '1' })).toThrow('one microbatch');
  expect(asked('  mode = pipelined\n  ahead = 1', { microbatches: '1' }).ahead).toBeUndefined();
  expect(() => asked('', { ahead: '2', schedule: 'pipelined' })).toThrow('from 0 to 1');
  expect(asked('', { ahead: '0' })).toEqual({});
});
