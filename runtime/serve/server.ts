/**
 * The predictor over HTTP:
 *
 *     POST /predict, /predict/TASK   one sample or a list of them, as application/json
 *     GET  /healthz                  200 once predictions are possible
 *     GET  /metrics                  for Prometheus
 *     GET  /openapi.json             what the fields are
 */
import { setMaxListeners } from 'node:events';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { PlanPrediction } from '../../spec/plan.ts';
import { isLocal } from '../http/hosts.ts';
import { type Certificate, limitedServer, refuseConnection } from '../http/limited-server.ts';
import { answerTo } from './answer.ts';
import { BodyBudget, type Hold } from './body-budget.ts';
import { FairQueue } from './fair-queue.ts';
import { clientOf, type GuardOptions, guard } from './guard.ts';
import { SERVE_LIMITS, type ServeLimits } from './limits.ts';
import { type ServeMetrics, serveMetrics } from './metrics.ts';
import { taskSchema } from './openapi.ts';
import { type Pay, payerOf, type Till } from './paid.ts';
import type { ReloadingPredictor } from './predictor.ts';
import { readBody } from './read-body.ts';
import { answerFailure, answerNoPath } from './refusals.ts';
import { whenOver } from './when-over.ts';

/** @returns the text of the header `nmc-answer` */
export type SignAnswer = (answer: {
  readonly weights: string;
  readonly version: string;
  readonly task: string;
  /** Both bodies as they are sent. */
  readonly request: Uint8Array;
  readonly answer: string;
}) => string;

export interface ServeOptions extends GuardOptions {
  /** Of the program, for the description. */
  readonly version: string;
  /** Then it speaks https. */
  readonly certificate?: Certificate;
  readonly limits?: ServeLimits;
  /** Then predictions cost something. */
  readonly till?: Till;
  /** Then each answer has the server's signed word beside it. */
  readonly sign?: SignAnswer;
  /** Hears of what should not have happened. */
  readonly log: (error: unknown) => void;
}

/** Nothing listens yet: call `listen`. */
export async function predictionServer(predictor: ReloadingPredictor, options: ServeOptions): Promise<FastifyInstance> {
  const { limits = SERVE_LIMITS, certificate, log, till, sign } = options;
  const metrics = serveMetrics(predictor);
  const app = fastify({
    logger: false,
    serverFactory: (listener) => limitedServer(certificate, limits.server, listener),
    clientErrorHandler: (error, socket) => {
      metrics.refused.inc();
      refuseConnection(error, socket);
    },
    frameworkErrors: (error, _request, reply) => {
      metrics.refused.inc();
      answerFailure(error, reply, log);
    },
  });
  // Bodies are read by `readBody` and checked by `readSamples`, in words that name the sample and the field.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  await app.register(swagger, { openapi: { info: { title: predictor.plan.model, version: options.version } } });
  app.setErrorHandler((error, _request, reply) => {
    metrics.refused.inc();
    answerFailure(error, reply, log);
  });
  app.setNotFoundHandler(answerNoPath);
  guard(app, options);
  const predictions = new Predictions(predictor, metrics, limits, { till, sign });
  app.addHook('preClose', async () => predictions.close());
  addTasks(app, predictions);
  addInsight(app, predictor, metrics, till);
  return app;
}

function addTasks(app: FastifyInstance, predictions: Predictions): void {
  // Routes wait until the plug-ins are there, so that the description knows of them.
  app.after(() => {
    for (const [i, prediction] of predictions.all.entries()) {
      const { task } = prediction;
      const handle = (request: FastifyRequest, reply: FastifyReply) => predictions.answer(task, request, reply);
      const schema = taskSchema(prediction, predictions.isPaid);
      app.post(`/predict/${encodeURIComponent(task)}`, { schema }, handle);
      if (i === 0) app.post('/predict', { schema }, handle);
    }
  });
}

const OVER = 'the request is over';
/** The header of the server's signed word. */
const ANSWER_HEADER = 'nmc-answer';

interface Answer {
  readonly body: string;
  readonly version: string;
  readonly word?: string;
}

/** Bodies within their budget, clients in turn, each request with the weights of one moment. */
class Predictions {
  readonly #predictor: ReloadingPredictor;
  readonly #metrics: ServeMetrics;
  readonly #limits: ServeLimits;
  readonly #budget: BodyBudget;
  readonly #queue: FairQueue;
  readonly #closing = new AbortController();

  readonly #till: Till | undefined;
  readonly #sign: SignAnswer | undefined;

  constructor(
    predictor: ReloadingPredictor,
    metrics: ServeMetrics,
    limits: ServeLimits,
    { till, sign }: { readonly till: Till | undefined; readonly sign: SignAnswer | undefined },
  ) {
    this.#till = till;
    this.#sign = sign;
    this.#predictor = predictor;
    this.#metrics = metrics;
    this.#limits = limits;
    this.#budget = new BodyBudget(limits.budget);
    this.#queue = new FairQueue(limits.queue);
    // One listener for each body under way.
    setMaxListeners(0, this.#closing.signal);
    metrics.watch({ waiting: () => this.#queue.waiting, bytes: () => this.#budget.total });
  }

  get isPaid(): boolean {
    return this.#till !== undefined;
  }

  get all(): readonly PlanPrediction[] {
    return this.#predictor.plan.predictions;
  }

  async answer(task: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const stop = this.#metrics.seconds.startTimer({ task });
    const client = clientOf(request);
    const pay = await payerOf(this.#till, request);
    const hold = this.#budget.open(client);
    const left = new AbortController();
    whenOver(request.raw, reply.raw, () => {
      hold.release();
      // With a reason of its own: the default is an error with a stack, made anew for every request.
      left.abort(OVER);
    });
    const bytes = await readBody(request.raw, reply.raw, hold, this.#limits.body, this.#closing.signal);
    // Parsed when it is its turn: what waits is no larger than what was sent.
    const { body, version, word } = await this.#queue.run(client, left.signal, () => this.#predict(task, bytes, pay));
    stop();
    this.#watchAnswer(request, reply, hold, body);
    if (word !== undefined) void reply.header(ANSWER_HEADER, word);
    // Which weights answered: a client can see a reload.
    await reply.header('nmc-weights', version).type('application/json').send(body);
  }

  /** Answers the requests that have been sent, and reads no more. */
  close(): void {
    this.#closing.abort();
  }

  #predict(task: string, bytes: Uint8Array, pay: Pay): Promise<Answer> {
    return this.#predictor.use(async (loaded) => {
      const { body, count } = await answerTo(loaded, task, bytes, pay);
      this.#metrics.predictions.inc({ task }, count);
      const { version, weights } = loaded;
      const signed = { version, task, request: bytes, answer: body };
      const word = weights === undefined ? undefined : this.#sign?.({ ...signed, weights });
      return { body, version, ...(word === undefined ? {} : { word }) };
    });
  }

  /** A client that does not read its answer is closed; until then its memory is counted. */
  #watchAnswer(request: FastifyRequest, reply: FastifyReply, hold: Hold, body: string): void {
    hold.force(body.length);
    const timer = setTimeout(() => request.raw.socket.destroy(), this.#limits.answerMilliseconds);
    whenOver(request.raw, reply.raw, () => clearTimeout(timer));
  }
}

function addInsight(
  app: FastifyInstance,
  predictor: ReloadingPredictor,
  metrics: ServeMetrics,
  till: Till | undefined,
): void {
  app.after(() => {
    app.get('/healthz', { schema: { summary: 'Whether predictions are possible' } }, ({ raw }) => ({
      ok: true,
      model: predictor.plan.model,
      weights: predictor.version,
      reloads: predictor.reloads,
      ...(till ? { payment: till.terms } : {}),
      ...(predictor.failure === undefined
        ? {}
        : { newerWeights: isLocal(raw) ? predictor.failure : 'cannot be loaded' }),
    }));
    app.get('/metrics', { schema: { summary: 'For Prometheus' } }, async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    );
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
}
