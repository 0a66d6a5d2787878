/** Asking NATS again while it does not answer: a leader that has died is replaced in some seconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { wallNow } from '../support/clock.ts';
import type { EnvironmentError } from '../support/errors.ts';
import { isUnanswered, natsFailure, noAnswer } from './nats-errors.ts';

export interface Patience {
  /** Milliseconds: a single question is given up. */
  readonly answerMs: number;
  /** Milliseconds: it is not asked again. */
  readonly giveUpMs: number;
}

export const PATIENCE: Patience = { answerMs: 3_000, giveUpMs: 20_000 };
const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;

/** Thrown by an attempt: the answer decides nothing, it is to be tried again. */
export class Undecided extends Error {
  override readonly name = 'Undecided';
  /** What is wrong where the answer stays the same. */
  readonly failure: EnvironmentError | undefined;
  constructor(failure?: EnvironmentError) {
    super('the answer decides nothing');
    this.failure = failure;
  }
}

/**
 * @param what for messages: `changing run/a`
 * @param attempt may have been done before, without an answer: it has to look, and to do nothing twice
 * @throws EnvironmentError `nats/no-answer` and others of nats-errors.ts
 */
export async function untilAnswered<T>(
  { giveUpMs }: Patience,
  what: string,
  attempt: (tried: number) => Promise<T>,
): Promise<T> {
  const end = wallNow() + giveUpMs;
  for (let tried = 0; ; tried++) {
    try {
      return await attempt(tried);
    } catch (error) {
      if (!(error instanceof Undecided) && !isUnanswered(error)) throw natsFailure(error, what);
      if (wallNow() >= end)
        throw (error instanceof Undecided ? error.failure : undefined) ?? noAnswer(what, giveUpMs / 1000);
      await sleep(Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** tried));
    }
  }
}

/** @returns what the work comes to, or `late` where it has not by then */
export async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T | 'late'> {
  const waiting = new AbortController();
  const late = sleep(milliseconds, 'late' as const, { signal: waiting.signal }).catch(() => 'late' as const);
  try {
    return await Promise.race([work, late]);
  } finally {
    waiting.abort();
  }
}

/** So many at a time, results in the order of the items. */
export async function inBatches<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += size)
    results.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  return results;
}
