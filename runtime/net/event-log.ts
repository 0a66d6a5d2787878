/**
 * The recording of each active run in the backplane: compressed pieces in a stream of their own, written beside the
 * work, once a second. A kill -9 loses the last second of a recording, nothing of the run; what comes behind begins at
 * a new base. It is bounded: the oldest parts go, and what is left begins at a base again.
 */
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Backplane } from '../backplane/backplane.ts';
import { type RecordedPiece, Recording } from '../roles/recording.ts';
import { isActive } from '../roles/synchronizer.ts';
import type { RunState, Step, SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { follows, list, shapeProblem } from '../support/shape.ts';
import { unlike } from './ask.ts';
import { RECORDED_PIECE } from './recording-shapes.ts';

const FLUSH_MILLISECONDS = 1000;
/** Characters of one record of the stream. */
const MAX_RECORD_BYTES = 256 * 1024;
/** Of all that is kept of one run, in characters; behind a part of this size a new base begins. */
export const MAX_KEPT_BYTES = 32 * 1024 * 1024;
const PART = 4 * 1024 * 1024;
/** How a record begins: pieces with a base first, pieces that go on, or the rest of the record before it. */
const BASE = 'B';
const ON = 'E';
const REST = '+';

const PIECES = list(RECORDED_PIECE);

interface Part {
  readonly from: number;
  size: number;
}

interface RunLog {
  readonly recording: Recording;
  /** From one base to the next; undefined until the stream was looked at. */
  parts?: Part[];
}

export interface Limits {
  readonly kept: number;
  readonly part: number;
}

/** While anything can come of an event for the run, here. */
function isRecorded(run: RunState): boolean {
  return !run.foreign && (isActive(run) || run.phase === 'checking');
}

export class EventLog {
  readonly #backplane: Backplane;
  readonly #failed: (run: string, error: unknown) => void;
  readonly #limits: Limits;
  readonly #runs = new Map<string, RunLog>();
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  /** @param failed the recording of a run could not be written and ends there; the run goes on */
  constructor(
    backplane: Backplane,
    failed: (run: string, error: unknown) => void,
    limits: Limits = { kept: MAX_KEPT_BYTES, part: PART },
  ) {
    this.#backplane = backplane;
    this.#failed = failed;
    this.#limits = limits;
    this.#timer = setInterval(() => void this.flush(), FLUSH_MILLISECONDS);
    this.#timer.unref();
  }

  /** An event has entered the state machine. */
  note(before: SynchronizerState, event: SynchronizerEvent, at: number, step: Step): void {
    for (const run of Object.values(step.state.runs)) {
      const id = run.deployment.run;
      const was = before.runs[id];
      if (!isRecorded(run) && !(was && isRecorded(was))) continue;
      const log = this.#runs.get(id) ?? { recording: new Recording() };
      this.#runs.set(id, log);
      log.recording.note(before, event, at, step);
    }
  }

  /** @returns when all that was noted so far is kept */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      for (const [run, log] of this.#runs) {
        try {
          await this.#write(eventStream(run), log);
        } catch (error) {
          this.#runs.delete(run);
          this.#failed(run, error);
        }
      }
    });
    return this.#writing;
  }

  /** Another one leads the run, and goes on with a base of its own. */
  leave(run: string): void {
    this.#runs.delete(run);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** What is not written yet is given up. */
  abandon(): void {
    clearInterval(this.#timer);
    this.#runs.clear();
  }

  async #write(stream: string, log: RunLog): Promise<void> {
    log.parts ??= await this.#partsOf(stream);
    const full = (log.parts.at(-1)?.size ?? 0) > this.#limits.part;
    const pieces = log.recording.take(full);
    if (pieces.length === 0) return;
    for (const record of await encodePieces(pieces)) {
      const sequence = await this.#backplane.append(stream, record);
      addTo(log.parts, sequence, record);
    }
    await this.#trim(stream, log.parts);
  }

  async #trim(stream: string, parts: Part[]): Promise<void> {
    let dropped = false;
    for (let size = parts.reduce((sum, p) => sum + p.size, 0); size > this.#limits.kept && parts.length > 1; ) {
      size -= parts.shift()?.size ?? 0;
      dropped = true;
    }
    const [first] = parts;
    if (dropped && first) await this.#backplane.trim(stream, first.from);
  }

  async #partsOf(stream: string): Promise<Part[]> {
    const parts: Part[] = [];
    for (let from = 1; ; ) {
      const records = await this.#backplane.read(stream, from, 64);
      for (const { sequence, value } of records) {
        addTo(parts, sequence, value);
        from = sequence + 1;
      }
      if (records.length === 0) return parts;
    }
  }
}

export function eventStream(run: string): string {
  return `event/${run}`;
}

function addTo(parts: Part[], sequence: number, record: string): void {
  const last = parts.at(-1);
  if (!last || record.startsWith(BASE)) parts.push({ from: sequence, size: record.length });
  else last.size += record.length;
}

async function encodePieces(pieces: readonly RecordedPiece[]): Promise<string[]> {
  const text = (await promisify(deflateRaw)(JSON.stringify(pieces))).toString('base64');
  const records: string[] = [];
  for (let at = 0; at < text.length; at += MAX_RECORD_BYTES) {
    const mark = at > 0 ? REST : pieces[0]?.base ? BASE : ON;
    records.push(mark + text.slice(at, at + MAX_RECORD_BYTES));
  }
  return records;
}

/**
 * @param records in the order of their stream; what was written in part only, as a kill leaves it, and the rest of
 * what is forgotten are left out: behind them a base follows
 * @throws EnvironmentError `mesh/answer` where they are not a recording, or that of another version
 */
export async function decodePieces(records: readonly string[]): Promise<RecordedPiece[]> {
  const texts: string[] = [];
  for (const record of records) {
    if (!record.startsWith(REST)) texts.push(record.slice(1));
    else if (texts.length > 0) texts.push(`${texts.pop() ?? ''}${record.slice(1)}`);
  }
  const pieces: RecordedPiece[] = [];
  for (const text of texts) pieces.push(...(await decoded(text)));
  return pieces;
}

async function decoded(text: string): Promise<RecordedPiece[]> {
  const value = parsedJson(await inflated(text));
  if (value === undefined) return [];
  if (follows(PIECES, value)) return [...value];
  throw unlike(`the recording of a run: ${shapeProblem(PIECES, value)}`);
}

/** @returns nothing of what was cut off */
async function inflated(text: string): Promise<string> {
  try {
    return String(await promisify(inflateRaw)(Buffer.from(text, 'base64')));
  } catch {
    return '';
  }
}
