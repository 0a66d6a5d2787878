import { describe, expect, it } from 'vitest';
import { NO_TICK_TIMES, type ProcessTimes, TICK_ROWS, TickTimes } from '../../../runtime/support/tick-times.ts';

describe('TickTimes', () => {
  const begin: ProcessTimes = { now: 1000, active: 10, collecting: 5, processor: 100 };

  it('prints microseconds of a tick, row by row, since the last table', () => {
    const lines: string[] = [];
    let process = begin;
    const times = new TickTimes(
      true,
      'shard 3',
      (line) => lines.push(line),
      () => process,
    );
    const tell = (): void => {
      times.add('device', 2);
      times.ran();
      times.add('waiting for a border', 6);
      times.called(4);
    };
    tell();
    process = { now: 1008, active: 12, collecting: 6, processor: 108 };
    times.write();
    const rows = new Map(lines.map((line) => [line.slice(0, 24).trim(), Number(line.slice(24).replace('us', ''))]));
    expect(lines[0]).toBe('shard 3: 1 calls, 4 ticks, 0.25 runs of the device a tick, of a tick:');
    expect(rows.get('all')).toBe(2000);
    expect(rows.get('device')).toBe(500);
    expect(rows.get('waiting for a border')).toBe(1500);
    expect(rows.get('other work')).toBe(500);
    expect(rows.get('garbage collection')).toBe(250);
    expect(rows.get('processor, all threads')).toBe(2000);
    expect([...rows.keys()].slice(2)).toEqual([...TICK_ROWS]);
    lines.length = 0;
    times.write();
    expect(lines).toEqual([]);
    tell();
    process = { now: 12_000, active: 12, collecting: 6, processor: 108 };
    times.called(4);
    expect(lines[0]).toBe('shard 3: 2 calls, 8 ticks, 0.13 runs of the device a tick, of a tick:');
  });

  it('counts work in one row at a time', () => {
    const lines: string[] = [];
    const times = new TickTimes(
      true,
      'shard 0',
      (line) => lines.push(line),
      () => ({ ...begin, active: lines.length }),
    );
    const outer = times.enter('decoding');
    const inner = times.enter('hashing');
    expect(inner).toBe(TICK_ROWS.indexOf('decoding'));
    times.leave(inner);
    times.leave(outer);
    // Nothing is entered any more.
    expect(times.enter('socket')).toBe(-1);
  });

  it('reads no clock unless it is asked for', () => {
    expect(NO_TICK_TIMES.enter('hashing')).toBe(-1);
    NO_TICK_TIMES.leave(-1);
    NO_TICK_TIMES.add('device', 1);
    NO_TICK_TIMES.called(1);
    NO_TICK_TIMES.write();
    const asked = (): ProcessTimes => {
      throw new Error('asked');
    };
    expect(() => new TickTimes(false, '', () => undefined, asked).called(1)).not.toThrow();
  });
});
