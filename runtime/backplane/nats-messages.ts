/** Messages to all who listen at this moment, by the core of NATS: nothing is kept. */
import { setImmediate } from 'node:timers/promises';
import type { NatsAccess } from './nats-connection.ts';
import { assertFits, isUnanswered, natsFailure, noAnswer } from './nats-errors.ts';
import { tokenOf } from './nats-names.ts';
import { inTime } from './nats-patience.ts';

export class NatsMessages {
  readonly #access: NatsAccess;
  /** Of what was published in this turn: one answer of the server stands for all of it. */
  #flushed: Promise<boolean> | undefined;

  constructor(access: NatsAccess) {
    this.#access = access;
  }

  /** Waits until the server has it: without that a message that is lost says nothing. */
  async publish(subject: string, message: string): Promise<void> {
    const { connection, maxPayload, patience } = this.#access;
    const what = `a message to ${subject}`;
    assertFits(what, message, maxPayload());
    try {
      connection.publish(this.#subject(subject), message);
      this.#flushed ??= this.#flush();
      if (!(await this.#flushed)) throw noAnswer(what, patience.giveUpMs / 1000);
    } catch (error) {
      // Those who listen may have heard it: it is not sent again.
      throw isUnanswered(error) ? noAnswer(what, patience.giveUpMs / 1000) : natsFailure(error, what);
    }
  }

  /** @returns whether the server has answered in time */
  async #flush(): Promise<boolean> {
    await setImmediate();
    this.#flushed = undefined;
    const { connection, patience } = this.#access;
    return (await inTime(connection.flush(), patience.giveUpMs)) !== 'late';
  }

  subscribe(subject: string, listener: (message: string) => void): () => void {
    const subscription = this.#access.connection.subscribe(this.#subject(subject), {
      callback: (error, message) => {
        if (!error) listener(message.string());
      },
    });
    return () => subscription.unsubscribe();
  }

  #subject(subject: string): string {
    return `${this.#access.names.messages}.${tokenOf(subject)}`;
  }
}
