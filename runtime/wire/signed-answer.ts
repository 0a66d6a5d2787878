/** The signed word of a predictor: this answer to this request comes from these weights. */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { count, object, type TypeOf, text } from '../support/shape.ts';
import { canonicalBytes } from './canonical.ts';
import { fromHex, hex, sha256 } from './hash.ts';

/** What stands beside an answer. */
export const ANSWER_WORD = object({
  /** Key of the server. */
  by: text,
  /** Hash of the weights, as `weightsHash` has it, and what the server calls them. */
  weights: text,
  version: text,
  task: text,
  /** Milliseconds since 1970, by the clock of the server. */
  at: count,
  sig: text,
});
export type AnswerWord = TypeOf<typeof ANSWER_WORD>;

/** Both bodies as they were sent. */
export interface Exchange {
  readonly request: Uint8Array;
  readonly answer: Uint8Array;
}

export function signAnswer(word: Omit<AnswerWord, 'by' | 'sig'>, exchange: Exchange, keys: KeyPair): AnswerWord {
  const by = keyText(keys.publicKey);
  return { ...word, by, sig: hex(ed25519.sign(answerText({ ...word, by }, exchange), keys.secretKey)) };
}

export function answerHolds(word: AnswerWord, exchange: Exchange): boolean {
  const [publicKey, signature] = [keyBytes(word.by), fromHex(word.sig, 64)];
  return (
    publicKey !== undefined &&
    signature !== undefined &&
    ed25519.verify(answerText(word, exchange), signature, publicKey)
  );
}

function answerText(
  { by, weights, version, task, at }: Omit<AnswerWord, 'sig'>,
  { request, answer }: Exchange,
): Uint8Array {
  const hashes = [request, answer].map((bytes) => hex(sha256(bytes)));
  return canonicalBytes(['nmc/answer/1', by, weights, version, task, at, ...hashes]);
}
