/** Whether an answer that a server has signed is what the weights give that it has named. */
import { HttpError } from '../../http/http-error.ts';
import { answerTo } from '../../serve/answer.ts';
import type { Loaded } from '../../serve/predictor.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { answerHolds } from '../../wire/signed-answer.ts';
import { compared, type Difference } from './compare-answers.ts';
import type { SignedAnswer } from './signed-answers.ts';

/**
 * `match`: what these weights give, to the bit or (`near`) within what devices differ by. `stale`: so, of weights that are
 * not the newest any more. `weights`: of none that the run keeps. `forged`: the server has not signed it. `mismatch`: these
 * weights give something else.
 */
export type Verdict = 'match' | 'near' | 'stale' | 'weights' | 'forged' | 'mismatch';

export interface Found {
  readonly verdict: Verdict;
  readonly difference?: Difference;
  /** Of a stale answer: the snapshot that it is from. */
  readonly version?: string;
}

export function isSigned(answer: SignedAnswer): boolean {
  return answerHolds(answer.word, bytesOf(answer));
}

/** @param loaded the weights that the answer names. @param isNewest of those that the run has */
export async function verdictOf(loaded: Loaded, answer: SignedAnswer, isNewest: boolean): Promise<Found> {
  const own = await bodyOf(loaded, answer);
  const difference = own === answer.answer ? undefined : compared(parsedJson(answer.answer), parsedJson(own));
  if (difference && !difference.isNear) return { verdict: 'mismatch', difference };
  if (!isNewest) return { verdict: 'stale', version: loaded.version };
  return difference ? { verdict: 'near', difference } : { verdict: 'match' };
}

/** @returns what is not JSON where these weights do not answer it at all */
async function bodyOf(loaded: Loaded, answer: SignedAnswer): Promise<string> {
  try {
    return (await answerTo(loaded, answer.word.task, bytesOf(answer).request)).body;
  } catch (error) {
    if (error instanceof HttpError || error instanceof UserError) return '';
    throw error;
  }
}

function bytesOf({ request, answer }: SignedAnswer): { readonly request: Uint8Array; readonly answer: Uint8Array } {
  return { request: Buffer.from(request), answer: Buffer.from(answer) };
}
