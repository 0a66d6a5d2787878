/** Signs answers of a server with its key. */
import type { KeyPair } from '../../identity/ed25519.ts';
import type { SignAnswer } from '../../serve/server.ts';
import { wallNow } from '../../support/clock.ts';
import { signAnswer } from '../../wire/signed-answer.ts';

export function answerSigner(keys: KeyPair): SignAnswer {
  return ({ weights, version, task, request, answer }) => {
    const word = { weights, version, task, at: Math.round(wallNow()) };
    return JSON.stringify(signAnswer(word, { request, answer: Buffer.from(answer) }, keys));
  };
}
