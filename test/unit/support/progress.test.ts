import { describe, expect, it } from 'vitest';
import { createProgress, type Progress, type ProgressStream } from '../../../runtime/support/progress.ts';

interface Recorder {
  stream: ProgressStream & { columns: number };
  writes: string[];
  clock: { time: number };
  progress: Progress;
}

function record(isTerminal: boolean, environment: Record<string, string> = { NO_COLOR: '1' }, columns = 120): Recorder {
  const writes: string[] = [];
  const clock = { time: 0 };
  const stream = { write: (text: string) => writes.push(text), columns };
  return {
    stream,
    writes,
    clock,
    progress: createProgress({ stream, isTerminal, environment, now: () => clock.time }),
  };
}

/** Text of a line on the terminal, without the codes that place it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes begin with one
const plain = (text: string | undefined): string => (text ?? '').replace(/\x1b\[[0-9;]*[A-Za-z]|\r|\n/g, '');

function epochThree({ progress, clock }: Recorder): void {
  progress.startEpoch({ epoch: 3, epochs: 6, batches: 79 });
  clock.time = 1345;
  progress.update(44, 44 * 1280);
}

describe('progress on a terminal', () => {
  it('is the bar of a running epoch, then its result', () => {
    const recorder = record(true);
    epochThree(recorder);
    expect(plain(recorder.writes.at(-1))).toBe(
      'epoch  3/6  ███████████░░░░░░░░░  44/79  41,874 samples/s   1.1 s left',
    );
    recorder.clock.time = 2400;
    recorder.progress.update(79, 79 * 1280);
    recorder.progress.finishEpoch({ energy: 0.4127, accuracy: 0.9134, measures: { validation: 0.9 } });
    expect(plain(recorder.writes.at(-1))).toBe(
      'epoch  3/6  ████████████████████  79/79  42,133 samples/s   energy 0.4127   test 91.3 %   validation 0.9000',
    );
    expect(recorder.writes.at(-1)).toMatch(/\n$/);
  });

  it('is drawn at most ten times a second', () => {
    const { progress, clock, writes } = record(true);
    progress.startEpoch({ epoch: 1, epochs: 1, batches: 1000 });
    for (let batch = 1; batch <= 1000; batch += 1) {
      clock.time = batch;
      progress.update(batch, batch);
    }
    expect(writes).toHaveLength(1 + 10);
  });

  it('fits every width, and gives up the bar before the result', () => {
    for (let columns = 4; columns <= 120; columns += 1) {
      const recorder = record(true, { NO_COLOR: '1' }, columns);
      epochThree(recorder);
      recorder.progress.finishEpoch({ energy: 0.4127, accuracy: 0.9134 });
      for (const text of recorder.writes) expect(plain(text).length).toBeLessThan(columns);
      if (columns > 39) expect(plain(recorder.writes.at(-1))).toContain('test 91.3 %');
    }
  });

  it('shows work beside the batches in place of the time left, and work that is not an epoch alone', () => {
    const recorder = record(true);
    epochThree(recorder);
    recorder.clock.time = 1500;
    recorder.progress.status('glyphs.test 40.0 %');
    expect(plain(recorder.writes.at(-1))).toMatch(/44\/79 .* samples\/s {3}glyphs\.test 40\.0 %$/);
    recorder.clock.time = 1700;
    recorder.progress.busy('mnist.test 12.0 %');
    expect(plain(recorder.writes.at(-1))).toBe('mnist.test 12.0 %');
    recorder.progress.busy('too soon');
    expect(plain(recorder.writes.at(-1))).toBe('mnist.test 12.0 %');
  });

  it('goes up to the first row of a line that a narrower window has wrapped', () => {
    const recorder = record(true);
    epochThree(recorder);
    recorder.stream.columns = 30;
    recorder.clock.time = 1500;
    recorder.progress.update(45, 45 * 1280);
    // The line of 70 characters takes three rows of 30.
    expect(recorder.writes.at(-1)?.startsWith('\r\x1b[2A\x1b[J')).toBe(true);
  });

  it('keeps notes above the bar and leaves an empty line below', () => {
    const recorder = record(true);
    epochThree(recorder);
    recorder.progress.note('stopping after this batch');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: cursor codes begin with one
    expect(recorder.writes.at(-1)).toMatch(/^\r\x1b\[Jstopping after this batch\nepoch {2}3\/6 /);
    recorder.progress.stop();
    expect(recorder.writes.at(-1)).toBe('\n');
    const count = recorder.writes.length;
    recorder.progress.stop();
    expect(recorder.writes).toHaveLength(count);
  });

  it('has a coloured bar, unless NO_COLOR is set', () => {
    const coloured = record(true, {});
    epochThree(coloured);
    expect(coloured.writes.at(-1)).toContain('\x1b[36m');
    const plainly = record(true, { NO_COLOR: '1' });
    epochThree(plainly);
    expect(plainly.writes.join('')).not.toContain('\x1b[3');
  });

  it('has speed and time left from where an epoch was resumed', () => {
    const { progress, clock, writes } = record(true);
    progress.startEpoch({ epoch: 2, epochs: 2, batches: 100, batchesDone: 50 });
    clock.time = 1000;
    progress.update(75, 2500);
    expect(plain(writes.at(-1))).toContain('75/100  2,500 samples/s   1.0 s left');
  });
});

describe('progress elsewhere', () => {
  it.each([
    [false, {}],
    [true, { TERM: 'dumb' }],
  ])('is whole lines without control codes (terminal: %s)', (isTerminal, environment) => {
    const { progress, clock, writes } = record(isTerminal, environment, 20);
    progress.startEpoch({ epoch: 1, epochs: 10, batches: 79 });
    for (const seconds of [1, 5, 11, 12, 25]) {
      clock.time = seconds * 1000;
      progress.update(seconds, seconds * 100);
    }
    progress.note('a word');
    progress.finishEpoch({ energy: 0.4127, accuracy: 0.913 });
    progress.stop();
    expect(writes).toEqual([
      'epoch   1/10  11/79  100 samples/s   1 min 08 s left\n',
      'epoch   1/10  25/79  100 samples/s   54 s left\n',
      'a word\n',
      'epoch   1/10  25/79  100 samples/s   energy 0.4127   test 91.3 %\n',
    ]);
  });
});
