/** `nmc status` in words: one cause, and 80 columns whatever others have called themselves. */
import { expect, test } from 'vitest';
import { statusText } from '../../../runtime/cli/mesh/status-text.ts';
import type { MeshStatus, RunStatus, ShardStatus } from '../../../runtime/net/mesh-status.ts';

const SHARD: ShardStatus = {
  ...{ shard: 0, state: 'running', trainer: 'a', batch: 40, ticksPerSecond: 812.4, busy: 0.93, bytesSent: 2 ** 20 },
  ...{ bytesReceived: 3 * 2 ** 20, borders: 1, direct: 1, reason: '', limit: 'work' },
};
const WAITS: ShardStatus = {
  ...{ ...SHARD, shard: 1, state: 'waiting', trainer: 'b', busy: 0.1 },
  ...{ reason: 'waits for shard 0', limit: 'waits for shard 0' },
};
const RUN: RunStatus = {
  ...{ run: 'tiny-1', model: 'tiny', task: 'il', state: 'running', reason: '', checked: null, epoch: 3, epochs: 25 },
  ...{ schedule: 'pipelined', microbatches: 4, ahead: 0, ownersEpoch: 1, energy: 0.25, accuracy: 0.94, snapshot: 9 },
  ...{ samplesPerSecond: 1240, snapshotAge: 12, age: 90, batches: 79, limit: 'the work of shard 0 on a' },
  ...{ limitedBy: [0], version: '0.3.0', shards: [SHARD, WAITS] },
};
const capability = { cores: 4, memory: 2 ** 32, rate: 1e9, upload: 0, download: 0, machine: 'm', roundTrip: 12.3 };
const A = { name: 'a', key: 'k'.repeat(43), state: 'training', pid: 7, refused: 0, capability, version: '0.3.0' };
const STATUS: MeshStatus = {
  runs: [RUN],
  trainers: [
    { ...A, used: 12 * 2 ** 20, heard: 0.2 },
    { ...A, name: 'c', state: 'silent', heard: 3, version: '0.2.0', capability: { ...capability, upload: 2.5e6 } },
  ],
  lost: [{ name: 'b', key: 'l', ago: 40, why: 'it was silent for too long' }],
  refused: { 'handshake: not listed': 3, schema: 1 },
  refusedAge: { 'handshake: not listed': 12, schema: 3600 },
  relayedBytes: 0,
  synchronizer: { pid: 1, version: '0.3.0', wire: '2.0' },
  more: 0,
};

test('nmc status says what goes on, what limits it, which trainers are there and which were', () => {
  expect(statusText(STATUS, false, '0.3.0').split('\n')).toEqual([
    'mesh of version 0.3.0, wire 2.0, 2 trainers',
    'some trainers run version 0.2.0: a run stays with trainers of one version',
    'tiny-1  training  epoch 3 of 25, batch 40 of 79',
    '  tiny il, pipelined in 4  1,240 samples/s  energy 0.2500  accuracy 94.0 %',
    '    snapshot 12 s ago',
    '  limited by the work of shard 0 on a',
    '  shard trainer          state      ticks/s  busy  direct  sent/received',
    '> 0     a                training       812  93 %     1/1  1.0 MiB/3.0 MiB',
    '  1     b                training       812  10 %     1/1  1.0 MiB/3.0 MiB',
    'trainer            state       nmc      memory               link',
    'a                  training    0.3.0    12 MiB of 4.0 GiB    12 ms',
    'c                  silent 3 s  0.2.0    0 B of 4.0 GiB       12 ms 20/? Mbit/s',
    'b lost 40 s ago: it was silent for too long',
    'refused:  3 handshake: not listed (last 12 s ago),',
    '  1 schema (last 1 h 00 min ago)',
    '',
  ]);
  expect(statusText({ ...STATUS, damaged: ['r-9'] }, false, '0.3.0')).toContain('r-9 is damaged: its record');
  const silent = { address: '10.0.0.2:7420', pid: 2, presides: false, answers: false, runs: ['tiny-1'] };
  const several = { ...STATUS, synchronizers: [{ ...silent, answers: true, address: '10.0.0.1:7420' }, silent] };
  expect(statusText(several, false, '0.3.0').split('\n')[2]).toBe(
    'synchronizer 10.0.0.2:7420 does not answer  tiny-1 as stored',
  );
  expect(statusText(STATUS, false, '0.4.0')).toContain('wire 2.0, 2 trainers  this is version 0.4.0');
});

test('nmc status says whose work a trainer does, and when a run that waits begins', () => {
  const work = [
    { run: 'tiny-1', shards: [0, 1] },
    { run: 'other', shards: [2] },
  ];
  const waits = { ...RUN, run: 'late', state: 'waiting', reason: 'shard 0 needs 9 MB', limit: '', shards: [] };
  const start = { seconds: 240, at: 'end' as const, of: 'tiny-1' };
  const trainers = [{ ...A, used: 1, work }];
  const runs = [
    { ...RUN, share: 1.5, fairShare: 2, trainers: ['a', 'b'] },
    { ...waits, start, share: 0 },
  ];
  const text = statusText({ ...STATUS, runs, trainers }, false, '0.3.0');
  expect(text).toContain('  works for  tiny-1 (shards 0, 1)  other (shard 2)\n');
  expect(text).toContain('  shares 2 trainers with other runs, which makes 1.5 of them;\n    its fair share is 2\n');
  expect(text).toContain('  begins in about 4 min 00 s, at the end of tiny-1\n');
});

test('nmc status folds runs of yesterday, and those of today beyond the newest', () => {
  const ended = (run: string, hours: number): RunStatus => ({ ...RUN, run, state: 'done', snapshotAge: 3600 * hours });
  const runs = [ended('old', 20), ...[6, 5, 4, 3, 2, 1].map((hours) => ended(`r-${hours}`, hours)), RUN];
  const folded = statusText({ ...STATUS, runs }, false, '0.3.0');
  expect(folded).not.toMatch(/^(old|r-6) /m);
  expect(folded).toContain('r-5  done 5 h 00 min ago');
  expect(folded).toContain('2 more runs have ended: --all shows them');
  expect(statusText({ ...STATUS, runs }, true, '0.3.0')).toMatch(/^old {2}done 20 h 00 min ago/m);
});

test('nmc status fits 80 columns, whatever the names are', () => {
  const long = 'n'.repeat(63);
  const words = 'it has said so many words that nobody reads them to their end '.repeat(9);
  const huge = { ticksPerSecond: 1e12, busy: 1e6, bytesSent: 2 ** 49, bytesReceived: 2 ** 49, limit: words };
  const shards = Array.from({ length: 30 }, (_, shard) => ({ ...WAITS, ...huge, shard, trainer: `${long}-${shard}` }));
  const run: RunStatus = {
    ...{ ...RUN, run: 'r'.repeat(120), model: long, task: long, reason: words, limit: `shard 3 on ${long}` },
    ...{ samplesPerSecond: 1e12, energy: 1e-30, snapshotAge: 1e9, limitedBy: [29], shards },
  };
  const trainer = { ...A, name: long, version: long, used: 2 ** 49, heard: 1e9, state: 'silent' };
  const wide = { ...trainer, capability: { ...capability, roundTrip: 1e6, upload: 1e12, memory: 2 ** 49 } };
  const lost = [{ name: long, key: 'l', ago: 1e9, why: words }];
  const refused = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`a page of another origin ${i}`, 1e9]));
  const status: MeshStatus = { ...STATUS, runs: [run, { ...run, state: 'done' }], trainers: [wide], lost, refused };
  for (const all of [true, false]) {
    const lines = statusText(status, all, long).split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.filter((line) => line.startsWith('>'))).toHaveLength(1);
  }
});

test('nmc status has the direct ways of a trainer below it, the fastest first, in 80 columns', () => {
  const border = { key: 'x', name: 'c', rate: 2.5e6, roundTrip: 24, age: 70 };
  const many = Array.from({ length: 6 }, (_, i) => ({
    ...border,
    name: `trainer-with-a-long-name-${i}`,
    rate: 1e6 - i,
  }));
  const borders = [border, { ...border, name: 'b', rate: 1.25e8, roundTrip: 0.64, age: 3 }, ...many];
  const text = statusText({ ...STATUS, trainers: [{ ...A, borders }] }, false, '0.3.0');
  expect(text).toContain('  directly  to b 1 Gbit/s, 0.6 ms (3.0 s ago)\n    to c 20 Mbit/s, 24 ms (1 min 10 s ago)');
  expect(text).toContain('and 4 more');
  expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

test('nmc status says how often a trainer is audited, and of what it is suspicious', () => {
  const why = 'frames of shard 1 for shard 2 are all zero, which they were not';
  const textOf = (trainer: object): string =>
    statusText({ ...STATUS, trainers: [{ ...A, ...trainer }] }, false, '0.3.0');
  expect(textOf({ audited: { rate: 0.25, suspicion: 0, why: '' } })).toContain(
    '  audited in 25.0 % of its stretches\n',
  );
  expect(textOf({ state: 'idle', audited: { rate: 0.4, suspicion: 0.8, why } }).replaceAll(/\s+/g, ' ')).toContain(
    `audited in 40.0 % of its stretches suspicion 0.80: ${why} `,
  );
  expect(textOf({ state: 'idle', audited: { rate: 0.025, suspicion: 0, why: '' } })).not.toContain('audited');
});
