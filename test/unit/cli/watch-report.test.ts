/** `nmc deploy --watch` reports a run, and says once that it is suspended, in whatever order it hears of it. */
import { expect, test } from 'vitest';
import { EpochLook } from '../../../runtime/cli/mesh/deploy-watch.ts';
import { WatchReport } from '../../../runtime/cli/mesh/watch-report.ts';
import { createProgress } from '../../../runtime/support/progress.ts';
import type { RunEvent } from '../../../spec/run-events.ts';

function report() {
  const lines: string[] = [];
  const told = new WatchReport('r-1', {
    json: false,
    line: (text) => lines.push(text),
    trouble: (text) => lines.push(`! ${text}`),
    next: (run) => lines.push(`next ${run}`),
  });
  let sequence = 0;
  const record = (event: RunEvent): number | undefined =>
    told.record({ sequence: ++sequence, record: { sequence, time: 0, event: event.event }, event });
  return { told, lines, record };
}

const STOPPED = 'r-1 is suspended: the mesh was stopped; it goes on when the mesh is back';
const AWAY = 'r-1 is suspended: closed by the other end; it goes on when the mesh is back';

test('a mesh that was stopped is reported once, before it ends or after it returns', () => {
  const before = report();
  before.record({ event: 'suspended', calls: 3 });
  before.told.away('the mesh is going down');
  before.told.back();
  expect(before.lines).toEqual([STOPPED, 'the mesh is back']);
  const after = report();
  after.told.away('closed by the other end');
  after.told.back();
  after.record({ event: 'suspended', calls: 3 });
  expect(after.lines).toEqual([AWAY, 'the mesh is back']);
  // And again, the next time.
  after.record({ event: 'suspended', calls: 9 });
  after.told.away('the mesh is going down');
  expect(after.lines.slice(2)).toEqual([STOPPED]);
});

test('the end reports the checks and the next command, and gives the exit code', () => {
  const { lines, record } = report();
  const check = { check: 'accuracy(a) >= 0.9', value: 0.95, pass: true };
  expect(record({ event: 'done', accuracy: 0.95, seconds: 1, checks: [check] })).toBe(0);
  expect(lines).toEqual(['holds  accuracy(a) >= 0.9: 0.95', 'next r-1']);
  const failed = report();
  const wrong = { ...check, value: null, pass: false };
  expect(failed.record({ event: 'done', accuracy: null, seconds: 1, checks: [wrong] })).toBe(1);
  expect(failed.lines[0]).toBe('MISSES accuracy(a) >= 0.9: what is read is not a finite number');
  expect(report().record({ event: 'interrupted' })).toBe(130);
});

test('a terminal shows a bar with the share of the epoch, the rate and the time left', async () => {
  let time = 0;
  const now = (): number => time;
  let written = '';
  const stream = { columns: 80, write: (text: string) => (written += text) };
  const progress = createProgress({ stream, isTerminal: true, now, environment: { NO_COLOR: '1' } });
  const shard = { state: 'running', trainer: 'a', ticksPerSecond: 1, busy: 1, bytesSent: 1, bytesReceived: 1 };
  const rest = { borders: 0, direct: 0, reason: '', limit: '' };
  const statusAt = (...batches: number[]) => ({
    runs: [
      {
        ...{
          run: 'r-1',
          model: 'm',
          task: 't',
          state: 'running',
          reason: '',
          epoch: 2,
          epochs: 5,
          schedule: 'lockstep',
        },
        ...{ microbatches: 1, ahead: 0, ownersEpoch: 1, energy: null, accuracy: null, samplesPerSecond: null },
        ...{
          snapshotAge: null,
          snapshot: null,
          shards: batches.map((b, i) => ({ ...shard, ...rest, shard: i, batch: b })),
        },
      },
    ],
    ...{ trainers: [], refused: {}, relayedBytes: 0, more: 0 },
  });
  const look = new EpochLook({ run: 'r-1', batches: 80, batch: 16 }, progress, now);
  for (const batches of [
    [0, 1],
    [20, 25],
    [40, 41],
  ]) {
    await look.take({ ask: async () => statusAt(...batches) });
    time += 1000;
  }
  expect(written).toContain('epoch  2/5');
  // The shard that is least far counts.
  expect(written).toContain('40/80  320 samples/s   2.0 s left');
});
