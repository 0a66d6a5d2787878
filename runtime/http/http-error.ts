/** Refusals of our servers, as every answer has them: a status, and JSON with code, message and repair. */

import { STATUS_CODES } from 'node:http';
import { withCommands } from '../support/command-text.ts';
import type { ErrorCode } from '../support/error-codes.ts';

export interface HttpErrorOptions {
  readonly repair?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body was not read to its end: what follows on the connection is not a request. */
  readonly closes?: boolean;
  /** For programs: stands beside the code. */
  readonly details?: object;
}

export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: ErrorCode;
  readonly repair: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: object | undefined;

  constructor(status: number, code: ErrorCode, message: string, options: HttpErrorOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.repair = options.repair;
    this.details = options.details;
    this.headers = { ...options.headers, ...(options.closes ? { connection: 'close' } : {}) };
  }
}

/** Headers of every answer: nothing is guessed, kept or shown inside another page. */
export const HARDENED: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

export function errorBody(code: string, message: string, repair?: string, details?: object): object {
  return { error: { code, message, ...(repair === undefined ? {} : { repair: withCommands(repair) }), ...details } };
}

/** A whole answer, for a connection whose request nothing else answers. */
export function rawAnswer({ status, code, message, repair, headers }: HttpError): string {
  const body = JSON.stringify(errorBody(code, message, repair));
  const all: Readonly<Record<string, string>> = {
    ...HARDENED,
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** Names the mistake that Node's parser found. @param code of its error */
export function unreadable(code: string | undefined): HttpError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'http/slow', 'the request did not arrive in time', {
        repair: 'send it in one go, or a smaller one',
      });
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(431, 'http/headers', 'the headers are too large', {
        repair: 'send fewer or shorter headers',
      });
    default:
      return new HttpError(400, 'http/request', 'this is not an HTTP request', { repair: 'speak HTTP/1.1' });
  }
}
