/**
 * Keeps a copy of every stream behind the store, and looks whether the store still has what the copy has. A stream that
 * ends before its copy, or has other records, is broken: that is written down with what was found, and stays so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentError } from '../support/errors.ts';
import { inTurnBy } from '../support/in-turn.ts';
import type { ChainedRecord, StreamRecord } from './backplane.ts';
import { chained, chainProblem, type Head } from './chain.ts';
import { behind, brokenAs, differs } from './chain-errors.ts';
import { type ChainReader, compareStream, differenceOf } from './compare-streams.ts';
import type { StreamCopy } from './stream-copy.ts';

const PAGE = 256;
/** A server that leads no longer may answer from what it had: so often it is asked again before it counts. */
const LOOKS = 5;
const PAUSE_MS = 200;

const pause = (): Promise<unknown> => sleep(PAUSE_MS);

export interface FollowerOptions {
  readonly source: ChainReader;
  /** The mesh has meant to forget the records of a stream before this number. */
  readonly forgotten: (stream: string) => Promise<number>;
  readonly copy: StreamCopy;
  /** A stream is broken from now on. */
  readonly onBroken: (error: EnvironmentError) => void;
  /** Before the store is asked again. */
  readonly pause?: () => Promise<unknown>;
}

/** What was written here, with its hash where that is known. */
export type OwnRecord = StreamRecord & Partial<Pick<ChainedRecord, 'hash'>>;

/** What came behind the end of the copy. */
interface Following {
  readonly records: readonly ChainedRecord[];
  /** They begin behind records that were forgotten before they were copied. */
  readonly anew: boolean;
}

interface Wrong {
  readonly error: EnvironmentError;
  readonly found: readonly ChainedRecord[];
}

export class StreamFollower {
  readonly #options: FollowerOptions;
  readonly #broken = new Map<string, EnvironmentError>();
  readonly #inTurn = inTurnBy();

  constructor(options: FollowerOptions) {
    this.#options = options;
    for (const { stream, code, told } of options.copy.broken()) this.#broken.set(stream, brokenAs(code, told));
  }

  /** @throws EnvironmentError `chain/behind`, `chain/differs` of a stream that is broken */
  assertSound(stream: string): void {
    const broken = this.#broken.get(stream);
    if (broken) throw broken;
  }

  /**
   * Copies what is new of a stream.
   * @throws EnvironmentError `chain/behind`, `chain/differs` where it does not go on from the copy; those of the store
   */
  catchUp(stream: string): Promise<void> {
    return this.#inTurn(stream, () => this.#catchUp(stream));
  }

  /**
   * What was appended here needs not be read: its place says what it follows.
   * @returns whether that was all
   */
  addOwn(stream: string, own: readonly OwnRecord[]): Promise<boolean> {
    return this.#inTurn(stream, () => this.#addOwn(stream, own));
  }

  /**
   * Reads all of a stream again: what was copied before may have been changed since.
   * @throws EnvironmentError `chain/differs`; those of the store
   */
  async compare(stream: string): Promise<void> {
    const { copy, source } = this.#options;
    this.assertSound(stream);
    let told: string | undefined;
    for (let look = 0; look < LOOKS; look++) {
      const compared = await compareStream(stream, [
        { name: 'store', reader: source },
        { name: 'copy', reader: copy },
      ]);
      told = differenceOf(compared, await this.#options.forgotten(stream));
      if (told === undefined) return;
      await (this.#options.pause ?? pause)();
    }
    throw this.break(stream, differs(stream, String(told)));
  }

  /** A stream is not what it was. @returns why, as it was found first */
  break(stream: string, error: EnvironmentError, found: readonly ChainedRecord[] = []): EnvironmentError {
    const { copy, onBroken } = this.#options;
    const before = this.#broken.get(stream);
    if (before) return before;
    copy.break({ stream, code: error.code, told: error.message }, found);
    this.#broken.set(stream, error);
    onBroken(error);
    return error;
  }

  /** An append was confirmed with this number. @throws EnvironmentError `chain/behind` where the copy has another there */
  async assertNew(stream: string, sequence: number, value: string): Promise<void> {
    const { copy } = this.#options;
    const [known] = await copy.chain(stream, sequence, 1);
    // Our own record may have been copied before its append was answered.
    if (known?.sequence === sequence && known.value !== value)
      throw this.break(stream, behind(stream, sequence - 1, copy.head(stream).sequence));
  }

  #addOwn(stream: string, own: readonly OwnRecord[]): boolean {
    const { copy } = this.#options;
    this.assertSound(stream);
    let head = copy.head(stream);
    const records: ChainedRecord[] = [];
    for (const { sequence, value, hash } of [...own].sort((a, b) => a.sequence - b.sequence)) {
      if (sequence <= head.sequence) continue;
      if (sequence > head.sequence + 1) return false;
      const record = chained(stream, head, value);
      // Behind another record than the last one of the copy: what lies in the store says which.
      if (hash !== undefined && hash !== record.hash) return false;
      records.push(record);
      head = record;
    }
    copy.add(stream, records);
    return records.length > 0;
  }

  async #catchUp(stream: string): Promise<void> {
    const { copy } = this.#options;
    for (;;) {
      this.assertSound(stream);
      const { records, anew } = await this.#following(stream, copy.head(stream));
      if (records.length === 0) return;
      if (anew) copy.setAside(stream);
      copy.add(stream, records);
    }
  }

  async #following(stream: string, head: Head): Promise<Following> {
    for (let look = 1; ; look++) {
      const found = await this.#look(stream, head);
      if (!('error' in found)) return found;
      if (look === LOOKS) throw this.break(stream, found.error, found.found);
      await (this.#options.pause ?? pause)();
    }
  }

  async #look(stream: string, head: Head): Promise<Following | Wrong> {
    const { source } = this.#options;
    const page = await source.chain(stream, Math.max(1, head.sequence), PAGE);
    const [first] = page;
    if (!first) return head.sequence === 0 ? { records: [], anew: false } : ended(stream, head, page);
    const anew = first.sequence > head.sequence + 1;
    if (anew && (await this.#options.forgotten(stream)) < first.sequence)
      return wrong(stream, `record ${head.sequence + 1} is missing before record ${first.sequence}`, page);
    if (first.sequence === head.sequence && first.hash !== head.hash)
      return wrong(stream, `record ${first.sequence} is another one than in the copy of this machine`, page);
    const problem = firstProblem(stream, page, first.sequence === head.sequence + 1 ? head : undefined);
    if (problem !== undefined) return wrong(stream, problem, page);
    return { records: first.sequence === head.sequence ? page.slice(1) : page, anew };
  }
}

/** @param before nothing where the first one is known, or follows what is forgotten */
function firstProblem(stream: string, page: readonly ChainedRecord[], before: Head | undefined): string | undefined {
  let last = before;
  for (const record of page) {
    const problem = chainProblem(stream, record, last);
    if (problem !== undefined) return problem;
    last = record;
  }
  return undefined;
}

function ended(stream: string, head: Head, found: readonly ChainedRecord[]): Wrong {
  return { error: behind(stream, undefined, head.sequence), found };
}

function wrong(stream: string, told: string, found: readonly ChainedRecord[]): Wrong {
  return { error: differs(stream, told), found };
}
