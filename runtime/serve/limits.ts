/** The most that a prediction server holds, for all clients and for one. */
import { SERVER_LIMITS, type ServerLimits } from '../http/limited-server.ts';
import type { BudgetLimits } from './body-budget.ts';
import type { QueueLimits } from './fair-queue.ts';
import type { BodyLimits } from './read-body.ts';

export interface ServeLimits {
  readonly server: ServerLimits;
  /** Of one request. */
  readonly body: BodyLimits;
  /** Of all requests at once. */
  readonly budget: BudgetLimits;
  readonly queue: QueueLimits;
  /** To the end of an answer, from its beginning. */
  readonly answerMilliseconds: number;
}

const MB = 1024 ** 2;

export const SERVE_LIMITS: ServeLimits = {
  server: SERVER_LIMITS,
  body: { bytes: 32 * MB, stalledMilliseconds: 10_000 },
  budget: { bytes: 256 * MB, bytesPerClient: 64 * MB },
  queue: { width: 2, waiting: 1024, waitingPerClient: 256 },
  answerMilliseconds: 60_000,
};
