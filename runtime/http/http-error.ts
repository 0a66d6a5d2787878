/** What a server refuses, as every answer of ours says it: a status, and JSON with code, message and repair. */

export interface HttpErrorOptions {
  readonly repair?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body was not read to its end: what follows on the connection is no request. */
  readonly closes?: boolean;
}

export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: string;
  readonly repair: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, options: HttpErrorOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.repair = options.repair;
    this.headers = { ...options.headers, ...(options.closes ? { connection: 'close' } : {}) };
  }
}

/** Headers of every answer: nothing is guessed, kept or shown inside another page. */
export const HARDENED: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

export function errorBody(code: string, message: string, repair?: string): object {
  return { error: { code, message, ...(repair === undefined ? {} : { repair }) } };
}

/** A whole answer for a connection whose request could not even be read. @param code of Node's parser */
export function rawRefusal(code: string | undefined): string {
  const { status, name, message, repair } = refusalOf(code);
  const body = JSON.stringify(errorBody(name, message, repair));
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function refusalOf(code: string | undefined): { status: string; name: string; message: string; repair: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return {
      status: '408 Request Timeout',
      name: 'http/slow',
      message: 'the request did not arrive in time',
      repair: 'send it in one go, or a smaller one',
    };
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      status: '431 Request Header Fields Too Large',
      name: 'http/headers',
      message: 'the headers are too large',
      repair: 'send fewer or shorter headers',
    };
  return {
    status: '400 Bad Request',
    name: 'http/request',
    message: 'this is no HTTP request',
    repair: 'speak HTTP/1.1',
  };
}
