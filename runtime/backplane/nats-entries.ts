/**
 * Records that change by compare-and-set, in a key-value bucket. Each change has an identifier of its own and names the
 * revision that it replaces: where an answer is lost, or is wrong, what lies in the bucket says which change won. A key
 * that was removed keeps a marker, so that a change that was sent before, and arrives late, finds its revision replaced.
 */
import { randomUUID } from 'node:crypto';
import type { StoredMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { Entry } from './backplane.ts';
import { ENVELOPE_BYTES, type NatsAccess } from './nats-connection.ts';
import { assertFits, isWrongRevision, noAnswer } from './nats-errors.ts';
import { lastMessage, nextMessage } from './nats-look.ts';
import { keyOfSubject, subjectOfKey, subjectOfPrefix, WRITE_HEADER } from './nats-names.ts';
import { inBatches, Undecided, untilAnswered } from './nats-patience.ts';

const REPLACED_HEADER = 'Nmc-Replaced';
/** Of the key-value store: what lies there stands for nothing. */
const OPERATION_HEADER = 'KV-Operation';
const REMOVED = 'DEL';
/** Entries asked for at the same time. */
const BATCH = 32;

interface Change {
  readonly id: string;
  readonly key: string;
  /** Nothing: it is removed. */
  readonly value: string | undefined;
  readonly expected: number;
}

type Outcome = 'lost' | 'unknown' | { readonly won: number } | { readonly open: number };

export class NatsEntries {
  readonly #access: NatsAccess;

  constructor(access: NatsAccess) {
    this.#access = access;
  }

  get(key: string): Promise<Entry | undefined> {
    return untilAnswered(this.#access.patience, `reading ${key}`, async () => entryOf(key, await this.#last(key)));
  }

  async list(prefix: string): Promise<Entry[]> {
    const { jsm, names, patience } = this.#access;
    const beginning = `$KV.${names.entries}.`;
    // The leader of the stream answers this; a consumer may lie on a server that is behind.
    const info = await untilAnswered(patience, `listing ${prefix}`, () =>
      jsm.streams.info(names.entryStream, { subjects_filter: beginning + subjectOfPrefix(prefix) }),
    );
    const keys = Object.keys(info.state.subjects ?? {}).map((subject) => keyOfSubject(subject.slice(beginning.length)));
    const wanted = keys.filter((key) => key.startsWith(prefix)).sort((a, b) => (a < b ? -1 : 1));
    return (await inBatches(wanted, BATCH, (key) => this.get(key))).flatMap((entry) => entry ?? []);
  }

  put(key: string, value: string, expected: number): Promise<number | undefined> {
    return this.#change({ id: randomUUID(), key, value, expected });
  }

  async remove(key: string, expected: number): Promise<boolean> {
    if (expected <= 0) return false;
    return (await this.#change({ id: randomUUID(), key, value: undefined, expected })) !== undefined;
  }

  /** @returns the revision that it made; nothing where another change came first */
  async #change(change: Change): Promise<number | undefined> {
    const { maxPayload, patience } = this.#access;
    assertFits(`the entry ${change.key}`, change.value ?? '', maxPayload() - ENVELOPE_BYTES);
    const what = `changing ${change.key}`;
    let replaced = change.expected;
    let unanswered = false;
    return untilAnswered(patience, what, async (tried) => {
      if (tried > 0) {
        const found = await this.#outcome(change, replaced, unanswered);
        if (found === 'unknown') throw noAnswer(what, patience.giveUpMs / 1000);
        if (found === 'lost') return undefined;
        if ('won' in found) return found.won;
        replaced = found.open;
      }
      try {
        return await this.#publish(change, replaced);
      } catch (error) {
        // A busy cluster says so of revisions that nothing has replaced: what lies there decides.
        if (isWrongRevision(error)) throw new Undecided();
        unanswered = true;
        throw error;
      }
    });
  }

  async #publish({ id, key, value }: Change, replaced: number): Promise<number> {
    const { js, names } = this.#access;
    const told = headers();
    told.set(WRITE_HEADER, id);
    told.set(REPLACED_HEADER, String(replaced));
    if (value === undefined) told.set(OPERATION_HEADER, REMOVED);
    const subject = `$KV.${names.entries}.${subjectOfKey(key)}`;
    const expect = { lastSubjectSequence: replaced };
    return (await js.publish(subject, value ?? '', { headers: told, expect, retries: 0 })).seq;
  }

  /**
   * What has become of a change: the one that follows the revision it replaces is this, or another.
   * @param unanswered it may have been made
   */
  async #outcome(change: Change, replaced: number, unanswered: boolean): Promise<Outcome> {
    const { names } = this.#access;
    const subject = `$KV.${names.entries}.${subjectOfKey(change.key)}`;
    const [next, last] = [
      await nextMessage(this.#access, names.entryStream, subject, replaced + 1),
      await this.#last(change.key),
    ];
    if (next?.header.get(WRITE_HEADER) === change.id) return { won: next.seq };
    const present = last?.seq ?? 0;
    // The last one would have been the next: one of the two answers is of a server that is behind.
    if (!next && present > replaced) throw new Undecided();
    if (!next) return present === replaced ? { open: replaced } : 'lost';
    // The bucket keeps some changes of each key: another one may have come between, and be gone.
    const follows = Number(next.header.get(REPLACED_HEADER)) === replaced;
    if (unanswered && !follows) return 'unknown';
    const removed = change.expected === 0 && last && isRemoved(last);
    return removed ? { open: last.seq } : 'lost';
  }

  #last(key: string): Promise<StoredMsg | null> {
    const { names } = this.#access;
    return lastMessage(this.#access, names.entryStream, `$KV.${names.entries}.${subjectOfKey(key)}`);
  }
}

function entryOf(key: string, message: StoredMsg | null): Entry | undefined {
  if (!message || isRemoved(message)) return undefined;
  return { key, value: message.string(), revision: message.seq };
}

function isRemoved(message: StoredMsg): boolean {
  return message.header.get(OPERATION_HEADER) !== '';
}
