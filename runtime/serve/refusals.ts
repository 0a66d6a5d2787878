/** Every answer other than a prediction: JSON with code, message and repair. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, HttpError } from '../http/http-error.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { notJson } from './read-body.ts';

/** Of words from outside that are shown again. */
const MAX_SHOWN = 100;

/** @param log unexpected failures; their words stay on this machine */
export function answerFailure(error: unknown, reply: FastifyReply, log: (error: unknown) => void): void {
  if (error instanceof HttpError) {
    const { status, code, message, repair, headers, details } = error;
    void reply
      .code(status)
      .headers(headers)
      .send(errorBody(code, message, repair, details));
  } else if (error instanceof UserError) {
    void reply.code(400).send(errorBody(error.code, error.message, error.repair));
  } else if (error instanceof EnvironmentError) {
    void reply
      .code(503)
      .header('retry-after', '1')
      .send(errorBody(error.code, error.message, error.repair));
  } else answerUnknown(error, reply, log);
}

export function answerNoPath({ method, url }: FastifyRequest, reply: FastifyReply): void {
  // Its body, if there is one, is not read.
  if (method !== 'GET' && method !== 'HEAD') void reply.header('connection', 'close');
  void reply
    .code(404)
    .send(errorBody('serve/path', `there is no ${method} ${shown(url)}`, 'GET /openapi.json lists the paths'));
}

function shown(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** Errors of the framework have a status; others are ours. */
function answerUnknown(error: unknown, reply: FastifyReply, log: (error: unknown) => void): void {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  // A content type that cannot be read at all.
  if (error instanceof Error && status === 415) {
    answerFailure(notJson(), reply, log);
    return;
  }
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    void reply
      .code(status)
      .header('connection', 'close')
      .send(errorBody('http/request', shown(error.message), 'GET /openapi.json describes every request'));
    return;
  }
  log(error);
  void reply.code(500).send(errorBody('internal', 'the prediction failed', 'the server’s standard error says why'));
}
