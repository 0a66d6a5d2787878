import { describe, expect, it, vi } from 'vitest';
import { emit, jsonLine } from '../../../runtime/support/emit.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import { onInterrupt, type SignalSource } from '../../../runtime/support/interrupt.ts';
import { createLog, DEBUG_LEVELS, debugLevel } from '../../../runtime/support/log.ts';
import { smallPlot, sparkline } from '../../../runtime/support/sparkline.ts';

describe('sparkline', () => {
  it('goes from the smallest to the largest', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([3, 3])).toBe('▁▁');
    expect(sparkline([1, Number.NaN, 2])).toBe('▁ █');
    expect(sparkline([])).toBe('');
  });

  it('averages a long series to its width', () => {
    expect(sparkline([0, 0, 10, 10, 20, 20], 3)).toBe('▁▅█');
    expect(sparkline(Array.from({ length: 1000 }, Math.random), 20)).toHaveLength(20);
  });
});

describe('smallPlot', () => {
  it('shows energy and accuracy with their extremes', () => {
    // Of 24 eighths of a row: energy 24, 9, 4, 1; accuracy 1, 16, 21, 24.
    const rows = [1, 2, 3, 4].map((epoch) => ({ epoch, energy: 1 / epoch, accuracy: 1 - 0.1 / epoch }));
    expect(smallPlot(rows, 26)).toBe(
      [
        '    1.000 ████',
        '   energy ████▁▁▁▁',
        '   0.2500 ████████▄▄▄▄▁▁▁▁',
        '   97.5 %         ▅▅▅▅████',
        '     test     ████████████',
        '   90.0 % ▁▁▁▁████████████',
        '    epoch 1              4',
      ].join('\n'),
    );
  });

  it('keeps to its width and leaves out what was not measured', () => {
    const rows = Array.from({ length: 500 }, (_, index) => ({ epoch: index + 1, energy: Math.exp(-index / 50) }));
    const lines = smallPlot(rows).split('\n');
    expect(lines).toHaveLength(4);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(smallPlot([{ epoch: 1, energy: 1 }])).toBe('');
    expect(smallPlot([{ epoch: 1 }, { epoch: 2, energy: null }])).toBe('');
  });
});

describe('emit', () => {
  it('writes one line of JSON that any reader takes', () => {
    const object = {
      a: Number.NaN,
      b: Number.NEGATIVE_INFINITY,
      c: 'two\nlines',
      d: Float32Array.of(0.5, 1),
      e: 5n,
      f: 2n ** 60n,
    };
    expect(jsonLine(object)).toBe('{"a":null,"b":null,"c":"two\\nlines","d":[0.5,1],"e":5,"f":"1152921504606846976"}');
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    emit({ event: 'done' });
    const calls = write.mock.calls.map(([text]) => text);
    write.mockRestore();
    expect(calls).toEqual(['{"event":"done"}\n']);
  });
});

describe('log', () => {
  it('shows the topics up to its level, each line marked', () => {
    const lines: string[] = [];
    const log = createLog(2, (line) => lines.push(line));
    log.debug('stages', 'parse 3 ms');
    log.debug('timing', () => 'a\nb\n');
    log.debug('kernels', () => {
      throw new Error('nobody reads this');
    });
    expect(lines).toEqual(['[stages] parse 3 ms\n', '[timing] a\n', '[timing] b\n']);
    expect(DEBUG_LEVELS.map(({ topic }) => log.shows(topic))).toEqual([true, true, false, false, false, false]);
  });

  it('takes its level from NMC_DEBUG', () => {
    expect(debugLevel({})).toBe(0);
    expect(debugLevel({ NMC_DEBUG: '' })).toBe(0);
    expect(debugLevel({ NMC_DEBUG: ' 3' })).toBe(3);
    for (const wrong of ['7', 'true', '-1', '1.5']) expect(() => debugLevel({ NMC_DEBUG: wrong })).toThrow(UserError);
  });
});

describe('onInterrupt', () => {
  it('asks once, ends at the second signal, and can be removed', () => {
    const listeners = new Map<string, (signal: NodeJS.Signals) => void>();
    const exits: number[] = [];
    const source: SignalSource = {
      on: (signal, listener) => listeners.set(signal, listener),
      off: (signal, listener) => listeners.get(signal) === listener && listeners.delete(signal),
      exit: (code) => exits.push(code),
    };
    const asked: string[] = [];
    const remove = onInterrupt((signal) => asked.push(signal), source);
    listeners.get('SIGTERM')?.('SIGTERM');
    expect([asked, exits]).toEqual([['SIGTERM'], []]);
    listeners.get('SIGINT')?.('SIGINT');
    expect([asked, exits]).toEqual([['SIGTERM'], [130]]);
    remove();
    expect(listeners.size).toBe(0);
  });
});
