/** A server that is paid for its predictions, as it asks for vouchers; whose they are, and what they are worth, a till says. */
import type { FastifyRequest } from 'fastify';
import { HttpError } from '../http/http-error.ts';
import { nmc } from '../support/command-text.ts';

/** The price of predictions that are under way: one of both is called, once. */
export interface Taken {
  /** They are made, and their answer goes out. */
  done(): void;
  /** They are not. */
  back(): void;
}

/** @typeParam V a voucher that may be taken */
export interface Till<V = unknown> {
  /** What a client has to know. */
  readonly terms: object;
  /** @throws NotPaid */
  read(text: string | undefined): Promise<V>;
  /** @throws NotPaid */
  take(voucher: V, predictions: number): Taken;
}

/** As a till throws it. */
interface NotPaid extends Error {
  readonly terms: object;
}

/** The header that a voucher comes in, as JSON. */
export const VOUCHER_HEADER = 'nmc-voucher';

/** Takes the price of so many predictions, before they are made. */
export type Pay = (predictions: number) => Taken;

export const FREE: Pay = () => ({ done: () => undefined, back: () => undefined });

/**
 * Reads the voucher of a request, before its body is.
 * @throws HttpError 402 `serve/payment`, with what is wanted as `payment`
 */
export async function payerOf(till: Till | undefined, { headers }: FastifyRequest): Promise<Pay> {
  if (!till) return FREE;
  const text = headers[VOUCHER_HEADER];
  const voucher = await refused(() => till.read(typeof text === 'string' ? text : undefined), true);
  return (predictions) => refusedNow(() => till.take(voucher, predictions));
}

async function refused<T>(work: () => Promise<T>, closes: boolean): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asHttp(error, closes);
  }
}

function refusedNow<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asHttp(error, false);
  }
}

/** @param closes the body was not read */
function asHttp(error: unknown, closes: boolean): unknown {
  if (!(error instanceof Error) || error.name !== 'NotPaid') return error;
  return new HttpError(402, 'serve/payment', error.message, {
    repair: `send a voucher over what is owed: ${nmc`predict URL --input FILE --pay CHANNEL`}`,
    details: { payment: (error as NotPaid).terms },
    closes,
  });
}
