/** Progress of training: one bar per epoch on a terminal, plain lines anywhere else. Only ever on stderr. */

import { formatCount, formatDuration, formatMeasure, formatPercent } from './format-numbers.ts';

/** The part of a terminal stream that is used; `process.stderr` is one. */
export interface ProgressStream {
  readonly write: (text: string) => unknown;
  /** Read before every redraw, so that a resized window is obeyed. */
  readonly columns?: number;
}

export interface ProgressOptions {
  readonly stream?: ProgressStream;
  readonly isTerminal?: boolean;
  /** Milliseconds from any origin; only differences are used. */
  readonly now?: () => number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface EpochStart {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches in this epoch. */
  readonly batches: number;
  /** Batches done before, when training resumes within the epoch. */
  readonly batchesDone?: number;
}

export interface EpochResult {
  readonly energy?: number | undefined;
  /** Fraction right on the test set. */
  readonly accuracy?: number | undefined;
  /** Further measures, shown as `name value`. */
  readonly measures?: Readonly<Record<string, number>>;
}

export interface Progress {
  startEpoch(start: EpochStart): void;
  /** @param batch batches done in this epoch; @param samples samples seen in this epoch by this process */
  update(batch: number, samples: number): void;
  /** Work within the epoch besides its batches, shown in place of the time left: `glyphs.test 40.0 %`. */
  status(text: string): void;
  /** Work that is not an epoch: a line that the next one takes the place of. */
  busy(text: string): void;
  finishEpoch(result: EpochResult): void;
  /** A whole line, kept above the bar. */
  note(line: string): void;
  /** Leaves the cursor on an empty line; call before anything else writes to the terminal (also after a failure). */
  stop(): void;
}

const REDRAW_MILLISECONDS = 100;
const PLAIN_LINE_MILLISECONDS = 10_000;
const BAR_WIDTHS = [20, 10, 0];
const DEFAULT_COLUMNS = 80;

export function createProgress(options: ProgressOptions = {}): Progress {
  const stream = options.stream ?? process.stderr;
  const environment = options.environment ?? process.env;
  const isTerminal = (options.isTerminal ?? process.stderr.isTTY === true) && environment.TERM !== 'dumb';
  const now = options.now ?? (() => performance.now());
  const screen = isTerminal ? terminalLine(stream) : plainLines(stream);
  const paint = isTerminal && !environment.NO_COLOR ? (bar: string) => `\x1b[36m${bar}\x1b[39m` : (bar: string) => bar;
  const interval = isTerminal ? REDRAW_MILLISECONDS : PLAIN_LINE_MILLISECONDS;

  let epoch: EpochStart = { epoch: 0, epochs: 0, batches: 0 };
  let batch = 0;
  let samples = 0;
  let startedAt = 0;
  let drawnAt = now();

  const draw = (tail: string): string => {
    const seconds = (now() - startedAt) / 1000;
    const rate = samples > 0 && seconds > 0 ? `${formatCount(samples / seconds)} samples/s` : '';
    return fitLine({ epoch, batch, rate, tail }, isTerminal ? (stream.columns ?? DEFAULT_COLUMNS) : undefined, paint);
  };
  const timeLeft = (): string => {
    const done = batch - (epoch.batchesDone ?? 0);
    if (done <= 0) return '';
    return `${formatDuration(((now() - startedAt) / 1000 / done) * (epoch.batches - batch))} left`;
  };

  return {
    startEpoch(start) {
      epoch = start;
      batch = start.batchesDone ?? 0;
      samples = 0;
      startedAt = now();
      drawnAt = startedAt;
      if (isTerminal) screen.replace(draw(''));
    },
    update(batchesDone, samplesSeen) {
      batch = batchesDone;
      samples = samplesSeen;
      if (now() - drawnAt < interval) return;
      drawnAt = now();
      screen.replace(draw(timeLeft()));
    },
    status(text) {
      if (now() - drawnAt < interval) return;
      drawnAt = now();
      screen.replace(draw(text));
    },
    busy(text) {
      if (now() - drawnAt < interval) return;
      drawnAt = now();
      screen.replace(isTerminal ? text.slice(0, (stream.columns ?? DEFAULT_COLUMNS) - 1) : text);
    },
    finishEpoch(result) {
      screen.finish(draw(resultText(result)));
    },
    note(line) {
      screen.above(line);
    },
    stop() {
      screen.leave();
    },
  };
}

/** Carries out work that says now and then what it is doing. */
export function withProgress<T>(work: (busy: Progress['busy']) => T): T {
  const progress = createProgress();
  try {
    return work(progress.busy);
  } finally {
    progress.stop();
  }
}

function resultText({ energy, accuracy, measures = {} }: EpochResult): string {
  const parts: string[] = [];
  if (energy !== undefined) parts.push(`energy ${formatMeasure(energy)}`);
  if (accuracy !== undefined) parts.push(`test ${formatPercent(accuracy)}`);
  for (const [name, value] of Object.entries(measures)) parts.push(`${name} ${formatMeasure(value)}`);
  return parts.join('   ');
}

interface LineParts {
  readonly epoch: EpochStart;
  readonly batch: number;
  readonly rate: string;
  readonly tail: string;
}

/** The widest form of the line that fits: the bar shrinks first, then rate and count go; the result stays longest. */
function fitLine(parts: LineParts, columns: number | undefined, paint: (bar: string) => string): string {
  const { epoch, batch, rate, tail } = parts;
  const name = `epoch  ${String(epoch.epoch).padStart(String(epoch.epochs).length)}/${epoch.epochs}`;
  const count = `${String(batch).padStart(String(epoch.batches).length)}/${epoch.batches}`;
  const join = (bar: string, showRate: boolean, showCount = true): string => {
    const head = [name, bar, showCount ? count : '', showRate ? rate : ''].filter((part) => part !== '').join('  ');
    return tail === '' ? head : `${head}${showCount ? '   ' : '  '}${tail}`;
  };
  if (columns === undefined) return join('', true);
  // The last column stays free: some terminals wrap when it is written.
  const room = columns - 1;
  for (const showRate of [true, false]) {
    for (const width of BAR_WIDTHS) {
      if (join('x'.repeat(width), showRate).length <= room) {
        return join(width === 0 ? '' : paint(barText(batch, epoch.batches, width)), showRate);
      }
    }
  }
  return join('', false, false).slice(0, Math.max(0, room));
}

function barText(done: number, total: number, width: number): string {
  // Full only when all is done; the small excess keeps 7/7 from rounding down.
  const filled = total === 0 ? width : Math.min(width, Math.floor((done / total) * width + 1e-9));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

interface Screen {
  /** Shows a line in place of the unfinished one. */
  replace(line: string): void;
  /** Shows a line that stays. */
  finish(line: string): void;
  /** Puts a line that stays above the unfinished one. */
  above(line: string): void;
  leave(): void;
}

function plainLines(stream: ProgressStream): Screen {
  const line = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return { replace: line, finish: line, above: line, leave: () => {} };
}

function terminalLine(stream: ProgressStream): Screen {
  let shown = '';
  const erase = (): string => {
    if (shown === '') return '';
    // A window made narrower since has wrapped the old line over several rows: go up to the first of them.
    const rows = Math.ceil(visibleLength(shown) / Math.max(1, stream.columns ?? DEFAULT_COLUMNS));
    return `\r${rows > 1 ? `\x1b[${rows - 1}A` : ''}\x1b[J`;
  };
  return {
    replace(line) {
      stream.write(erase() + line);
      shown = line;
    },
    finish(line) {
      stream.write(`${erase()}${line}\n`);
      shown = '';
    },
    above(line) {
      stream.write(`${erase()}${line}\n${shown}`);
    },
    leave() {
      if (shown !== '') stream.write('\n');
      shown = '';
    },
  };
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
  return text.replace(/\x1b\[[0-9;]*m/g, '').length;
}
