/** Files of answers that a server has signed: what was asked, what it said, and its word, an answer a line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { appendLineDurably } from '../../support/atomic.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { ownPath } from '../../support/safe-path.ts';
import { follows, object, oneOf, type TypeOf, text } from '../../support/shape.ts';
import { ANSWER_WORD } from '../../wire/signed-answer.ts';

const FORMAT = 'nmc/answer/1';
/** Both bodies as they were sent. */
const LINE = object({ format: oneOf(FORMAT), request: text, answer: text, word: ANSWER_WORD });
export type SignedAnswer = Omit<TypeOf<typeof LINE>, 'format'>;

export function keepAnswer(path: string, { request, answer, word }: SignedAnswer): void {
  appendLineDurably(ownPath(path), JSON.stringify({ format: FORMAT, request, answer, word }));
}

/** @throws UserError `answer/format` */
export async function* answersIn(path: string): AsyncGenerator<SignedAnswer> {
  const input = createReadStream(path, 'utf8');
  let line = 0;
  for await (const read of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    const value = parsedJson(read);
    if (!follows(LINE, value)) throw new UserError('answer/format', `line ${line} of ${path} is not a signed answer`);
    yield value;
  }
}
