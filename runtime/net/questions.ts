/** Questions of one connection that wait for their answers. */
import { RelayedCode, UserError } from '../support/errors.ts';
import { printable } from '../support/printable.ts';
import type { Answer } from '../wire/messages.ts';
import type { Waiting } from './waiting.ts';

/** Questions that wait for their answers: a listener that never answers makes this end hold no more. */
const MAX_ASKED = 10_000;

export class Questions {
  readonly #waiting = new Map<number, Waiting<unknown>>();
  #count = 0;

  isFull(): boolean {
    return this.#waiting.size >= MAX_ASKED;
  }

  open(): { readonly id: number; readonly answer: Promise<unknown> } {
    const id = ++this.#count;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    return { id, answer };
  }

  settle({ id, error, answer }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(answerError(error));
    else waiting?.resolve(answer);
  }

  rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

/** The error by which a gateway does not answer a question, in its own words. */
function answerError({ code, message, repair }: NonNullable<Answer['error']>): UserError {
  const words = repair === undefined ? undefined : printable(repair);
  return new UserError(new RelayedCode(printable(code, 60)), printable(message), words);
}
