/** Messages to all who listen at this moment, by the core of NATS: nothing is kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsAccess } from './nats-connection.ts';
import { isUnanswered, natsFailure, noAnswer, tooLarge } from './nats-errors.ts';
import { tokenOf } from './nats-names.ts';

export class NatsMessages {
  readonly #access: NatsAccess;

  constructor(access: NatsAccess) {
    this.#access = access;
  }

  /** Waits until the server has it: without that a message that is lost says nothing. */
  async publish(subject: string, message: string): Promise<void> {
    const { connection, maxPayload, patience } = this.#access;
    const what = `a message to ${subject}`;
    const most = maxPayload();
    const bytes = Buffer.byteLength(message);
    if (bytes > most) throw tooLarge(`${what} has ${bytes} bytes, of which NATS takes ${most}`);
    const waiting = new AbortController();
    const late = sleep(patience.giveUpMs, true, { signal: waiting.signal }).catch(() => false);
    try {
      connection.publish(this.#subject(subject), message);
      const sent = connection.flush().then(() => false);
      if (await Promise.race([sent, late])) throw noAnswer(what, patience.giveUpMs / 1000);
    } catch (error) {
      // Those who listen may have heard it: it is not sent again.
      throw isUnanswered(error) ? noAnswer(what, patience.giveUpMs / 1000) : natsFailure(error, what);
    } finally {
      waiting.abort();
    }
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
