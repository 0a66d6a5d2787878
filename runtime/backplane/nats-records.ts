/**
 * Streams of records, all in one stream of the server. Each record is a subject, which ends with its number, and is
 * written only behind the record before it: a record that was sent before, and arrives late or twice, is refused.
 */
import { randomUUID } from 'node:crypto';
import type { StoredMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { EnvironmentError } from '../support/errors.ts';
import { inTurnBy } from '../support/in-turn.ts';
import type { ChainedRecord, StreamRecord } from './backplane.ts';
import { chained, chainProblem, type Head, ORIGIN } from './chain.ts';
import { differs } from './chain-errors.ts';
import { ENVELOPE_BYTES, type NatsAccess } from './nats-connection.ts';
import { assertFits, isWrongRevision, noAnswer } from './nats-errors.ts';
import { lastMessage, nextMessage } from './nats-look.ts';
import { textOf, tokenOf, WRITE_HEADER } from './nats-names.ts';
import { inBatches, Undecided, untilAnswered } from './nats-patience.ts';

/** Records asked for at the same time. */
const BATCH = 64;

const PREVIOUS_HEADER = 'Nmc-Previous';
const HASH_HEADER = 'Nmc-Hash';
/** Behind the name of a stream: a message that says there is one. What is forgotten of it leaves that. */
const NAMED = 'stream.name';

/** The last record of a stream. */
interface Tail {
  readonly number: number;
  /** Of the stream of the server. */
  readonly sequence: number;
  readonly hash: string;
}

const NOTHING: Tail = { number: 0, sequence: 0, hash: ORIGIN };

export class NatsRecords {
  readonly #access: NatsAccess;
  readonly #tails = new Map<string, Tail>();
  readonly #inTurn = inTurnBy();

  constructor(access: NatsAccess) {
    this.#access = access;
  }

  append(stream: string, value: string): Promise<number> {
    return this.#inTurn(stream, () => this.#append(stream, (behind) => chained(stream, behind, value)));
  }

  async read(stream: string, from: number, limit: number): Promise<StreamRecord[]> {
    return (await this.chain(stream, from, limit)).map(({ sequence, value }) => ({ sequence, value }));
  }

  async chain(stream: string, from: number, limit: number): Promise<ChainedRecord[]> {
    return untilAnswered(this.#access.patience, `reading ${stream}`, async () => {
      const tail = await this.#lookAtTail(stream);
      const begin = Math.max(from, 1);
      if (limit < 1 || begin > tail.number) return [];
      const start = (await this.#record(stream, begin)) ? begin : Math.max(begin, await this.#firstNumber(stream));
      const numbers = range(start, Math.min(tail.number, start + limit - 1));
      const found = await inBatches(numbers, BATCH, async (number) => ({
        number,
        message: await this.#record(stream, number),
      }));
      return this.#withoutForgotten(stream, found);
    });
  }

  async streams(): Promise<string[]> {
    const { jsm, names, patience } = this.#access;
    const beginning = `${names.records}.`;
    const info = await untilAnswered(patience, 'listing streams', () =>
      jsm.streams.info(names.recordStream, { subjects_filter: `${beginning}*.${NAMED}` }),
    );
    return Object.keys(info.state.subjects ?? {})
      .map((subject) => textOf(subject.slice(beginning.length, -NAMED.length - 1)))
      .sort((a, b) => (a < b ? -1 : 1));
  }

  async restore(stream: string, records: readonly ChainedRecord[]): Promise<void> {
    for (const record of records)
      await this.#inTurn(stream, () =>
        this.#append(stream, (behind) => {
          const problem = chainProblem(stream, record, behind.sequence === 0 ? undefined : behind);
          if (problem !== undefined) throw differs(stream, problem);
          return record;
        }),
      );
  }

  async trim(stream: string, before: number): Promise<void> {
    const { jsm, names, patience } = this.#access;
    await untilAnswered(patience, `forgetting records of ${stream}`, async () => {
      const tail = await this.#lookAtTail(stream);
      const kept = await this.#record(stream, Math.min(before, tail.number));
      if (kept) await jsm.streams.purge(names.recordStream, { filter: this.#subject(stream, '*'), seq: kept.seq });
    });
  }

  /** @param make the record that follows the last one */
  async #append(stream: string, make: (behind: Head) => ChainedRecord): Promise<number> {
    const { patience } = this.#access;
    const what = `appending to ${stream}`;
    const id = randomUUID();
    let behind = this.#tails.get(stream);
    let unanswered = false;
    return untilAnswered(patience, what, async (tried) => {
      if (behind && tried > 0) {
        const sent = make(headOf(behind));
        const there = await this.#record(stream, sent.sequence);
        if (there?.header.get(WRITE_HEADER) === id) return this.#confirmed(stream, tailOf(there));
        const tail = await this.#lookAtTail(stream);
        if (unanswered && !there && tail.number > behind.number) {
          const unknown = noAnswer(what, patience.giveUpMs / 1000);
          // It may have been written and forgotten since; else a server that is behind has not seen what lies there.
          throw (await this.#firstNumber(stream)) > sent.sequence ? unknown : new Undecided(unknown);
        }
        behind = tail;
      }
      behind ??= await this.#lookAtTail(stream);
      const record = make(headOf(behind));
      try {
        if (behind.number === 0) await this.#name(stream);
        const sequence = await this.#publish(stream, behind, id, record);
        return this.#confirmed(stream, { number: record.sequence, sequence, hash: record.hash });
      } catch (error) {
        // Another record came first, or a busy cluster says so: what lies there decides.
        if (isWrongRevision(error)) throw new Undecided();
        unanswered = true;
        throw error;
      }
    });
  }

  async #publish(stream: string, behind: Tail, id: string, record: ChainedRecord): Promise<number> {
    assertFits(`a record of ${stream}`, record.value, this.#access.maxPayload() - ENVELOPE_BYTES);
    const told = headers();
    told.set(WRITE_HEADER, id);
    told.set(PREVIOUS_HEADER, record.previous);
    told.set(HASH_HEADER, record.hash);
    const expect = {
      lastSubjectSequence: behind.sequence,
      lastSubjectSequenceSubject: this.#subject(stream, '*'),
    };
    const subject = this.#subject(stream, record.sequence);
    return (await this.#access.js.publish(subject, record.value, { headers: told, expect, retries: 0 })).seq;
  }

  /** Before the first record: so the stream can be found by those who do not know it. */
  async #name(stream: string): Promise<void> {
    const subject = this.#subject(stream, NAMED);
    try {
      await this.#access.js.publish(subject, '', { expect: { lastSubjectSequence: 0 }, retries: 0 });
    } catch (error) {
      // It may be there; a server that says so wrongly is asked again.
      const there =
        isWrongRevision(error) && (await lastMessage(this.#access, this.#access.names.recordStream, subject));
      if (!there) throw error;
    }
  }

  #confirmed(stream: string, tail: Tail): number {
    if (tail.number > (this.#tails.get(stream)?.number ?? 0)) this.#tails.set(stream, tail);
    return tail.number;
  }

  /** @throws EnvironmentError `nats/lost` where records are gone that were there, `chain/differs` where others are */
  async #lookAtTail(stream: string): Promise<Tail> {
    const last = await lastMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, '*'));
    const tail = last ? tailOf(last) : NOTHING;
    const known = this.#tails.get(stream) ?? NOTHING;
    // A server that leads no longer may answer so for a moment.
    if (tail.number < known.number) throw new Undecided(lost(stream, tail.number + 1));
    if (known.number > 0 && tail.hash !== known.hash) await this.#assertFollows(stream, tail, known);
    this.#tails.set(stream, tail);
    return tail;
  }

  /** Records that were lost may have been replaced by as many others. */
  async #assertFollows(stream: string, tail: Tail, known: Tail): Promise<void> {
    const same = tail.number === known.number ? undefined : await this.#record(stream, known.number);
    // Forgotten since: what follows it says nothing about it.
    if (same === null || (same && hashOf(same) === known.hash)) return;
    throw differs(stream, `record ${known.number} is not the one that was confirmed`);
  }

  async #firstNumber(stream: string): Promise<number> {
    const first = await nextMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, '*'), 1);
    return first ? numberOf(first) : 1;
  }

  /** Records that were forgotten while the others were read are left out; another gap is a loss. */
  async #withoutForgotten(
    stream: string,
    found: readonly { readonly number: number; readonly message: StoredMsg | null }[],
  ): Promise<ChainedRecord[]> {
    const gap = found.findLast(({ message }) => message === null)?.number;
    if (gap !== undefined && gap >= (await this.#firstNumber(stream))) throw new Undecided(lost(stream, gap));
    return found.flatMap(({ number, message }) =>
      message === null || number <= (gap ?? 0) ? [] : [recordOf(message)],
    );
  }

  #record(stream: string, number: number): Promise<StoredMsg | null> {
    return lastMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, number));
  }

  #subject(stream: string, number: number | '*' | typeof NAMED): string {
    return `${this.#access.names.records}.${tokenOf(stream)}.${number}`;
  }
}

function numberOf(message: StoredMsg): number {
  return Number(message.subject.slice(message.subject.lastIndexOf('.') + 1));
}

function hashOf(message: StoredMsg): string {
  return message.header.get(HASH_HEADER);
}

function recordOf(message: StoredMsg): ChainedRecord {
  const previous = message.header.get(PREVIOUS_HEADER);
  return { sequence: numberOf(message), value: message.string(), previous, hash: hashOf(message) };
}

function tailOf(message: StoredMsg): Tail {
  return { number: numberOf(message), sequence: message.seq, hash: hashOf(message) };
}

function headOf({ number, hash }: Tail): Head {
  return { sequence: number, hash };
}

function range(from: number, to: number): number[] {
  const numbers: number[] = [];
  for (let number = from; number <= to; number++) numbers.push(number);
  return numbers;
}

function lost(stream: string, number: number): EnvironmentError {
  return new EnvironmentError(
    'nats/lost',
    `record ${number} of ${stream} was confirmed, and is not there any more`,
    'set sync_interval: always in the configuration of every server, and restore the store from a copy',
  );
}
