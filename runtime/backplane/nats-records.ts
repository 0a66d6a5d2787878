/**
 * Streams of records, all in one stream of the server. Each record is a subject, which ends with its number, and is
 * written only behind the record before it: a record that was sent before, and arrives late or twice, is refused.
 */
import { randomUUID } from 'node:crypto';
import type { StoredMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { EnvironmentError } from '../support/errors.ts';
import { type InTurn, inTurn } from '../support/in-turn.ts';
import type { StreamRecord } from './backplane.ts';
import { ENVELOPE_BYTES, type NatsAccess } from './nats-connection.ts';
import { assertFits, isWrongRevision, noAnswer } from './nats-errors.ts';
import { lastMessage, nextMessage } from './nats-look.ts';
import { tokenOf, WRITE_HEADER } from './nats-names.ts';
import { inBatches, Undecided, untilAnswered } from './nats-patience.ts';

/** Records asked for at the same time. */
const BATCH = 64;

/** The last record of a stream. */
interface Tail {
  readonly number: number;
  /** Of the stream of the server. */
  readonly sequence: number;
}

const NOTHING: Tail = { number: 0, sequence: 0 };

export class NatsRecords {
  readonly #access: NatsAccess;
  readonly #tails = new Map<string, Tail>();
  readonly #turns = new Map<string, InTurn>();

  constructor(access: NatsAccess) {
    this.#access = access;
  }

  append(stream: string, value: string): Promise<number> {
    const turn = this.#turns.get(stream) ?? inTurn();
    this.#turns.set(stream, turn);
    return turn(() => this.#append(stream, value));
  }

  async read(stream: string, from: number, limit: number): Promise<StreamRecord[]> {
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

  async trim(stream: string, before: number): Promise<void> {
    const { jsm, names, patience } = this.#access;
    await untilAnswered(patience, `forgetting records of ${stream}`, async () => {
      const tail = await this.#lookAtTail(stream);
      const kept = await this.#record(stream, Math.min(before, tail.number));
      if (kept) await jsm.streams.purge(names.recordStream, { filter: this.#subject(stream, '*'), seq: kept.seq });
    });
  }

  async #append(stream: string, value: string): Promise<number> {
    const { maxPayload, patience } = this.#access;
    assertFits(`a record of ${stream}`, value, maxPayload() - ENVELOPE_BYTES);
    const what = `appending to ${stream}`;
    const id = randomUUID();
    let behind = this.#tails.get(stream);
    let unanswered = false;
    return untilAnswered(patience, what, async (tried) => {
      if (behind && tried > 0) {
        const there = await this.#record(stream, behind.number + 1);
        if (there?.header.get(WRITE_HEADER) === id) return this.#confirmed(stream, behind.number + 1, there.seq);
        const tail = await this.#lookAtTail(stream);
        // It may have been written and forgotten since.
        if (unanswered && !there && tail.number > behind.number) throw noAnswer(what, patience.giveUpMs / 1000);
        behind = tail;
      }
      behind ??= await this.#lookAtTail(stream);
      try {
        return this.#confirmed(stream, behind.number + 1, await this.#publish(stream, behind, id, value));
      } catch (error) {
        // Another record came first, or a busy cluster says so: what lies there decides.
        if (isWrongRevision(error)) throw new Undecided();
        unanswered = true;
        throw error;
      }
    });
  }

  async #publish(stream: string, behind: Tail, id: string, value: string): Promise<number> {
    const told = headers();
    told.set(WRITE_HEADER, id);
    const expect = {
      lastSubjectSequence: behind.sequence,
      lastSubjectSequenceSubject: this.#subject(stream, '*'),
    };
    const subject = this.#subject(stream, behind.number + 1);
    return (await this.#access.js.publish(subject, value, { headers: told, expect, retries: 0 })).seq;
  }

  #confirmed(stream: string, number: number, sequence: number): number {
    if (number > (this.#tails.get(stream)?.number ?? 0)) this.#tails.set(stream, { number, sequence });
    return number;
  }

  /** @throws EnvironmentError `nats/lost` where records are gone that were there */
  async #lookAtTail(stream: string): Promise<Tail> {
    const last = await lastMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, '*'));
    const tail = last ? { number: numberOf(last), sequence: last.seq } : NOTHING;
    const known = this.#tails.get(stream) ?? NOTHING;
    // A server that leads no longer may answer so for a moment.
    if (tail.number < known.number) throw new Undecided(lost(stream, tail.number + 1));
    this.#tails.set(stream, tail);
    return tail;
  }

  async #firstNumber(stream: string): Promise<number> {
    const first = await nextMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, '*'), 1);
    return first ? numberOf(first) : 1;
  }

  /** Records that were forgotten while the others were read are left out; another gap is a loss. */
  async #withoutForgotten(
    stream: string,
    found: readonly { readonly number: number; readonly message: StoredMsg | null }[],
  ): Promise<StreamRecord[]> {
    const gap = found.findLast(({ message }) => message === null)?.number;
    if (gap !== undefined && gap >= (await this.#firstNumber(stream))) throw new Undecided(lost(stream, gap));
    return found.flatMap(({ number, message }) =>
      message === null || number <= (gap ?? 0) ? [] : [{ sequence: number, value: message.string() }],
    );
  }

  #record(stream: string, number: number): Promise<StoredMsg | null> {
    return lastMessage(this.#access, this.#access.names.recordStream, this.#subject(stream, number));
  }

  #subject(stream: string, number: number | '*'): string {
    return `${this.#access.names.records}.${tokenOf(stream)}.${number}`;
  }
}

function numberOf(message: StoredMsg): number {
  return Number(message.subject.slice(message.subject.lastIndexOf('.') + 1));
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
