/**
 * The predictor over HTTP:
 *
 *     POST /predict, /predict/TASK   one sample or a list of them, as JSON
 *     GET  /healthz                  200 once predictions are possible
 *     GET  /metrics                  for Prometheus
 *     GET  /openapi.json             what the fields are
 */
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { PlanPrediction } from '../../spec/plan.ts';
import { predictAll } from '../shard/evaluate.ts';
import { predictedRow } from '../shard/rows.ts';
import { UserError } from '../support/errors.ts';
import { type ServeMetrics, serveMetrics } from './metrics.ts';
import { taskSchema } from './openapi.ts';
import type { ReloadingPredictor } from './predictor.ts';
import { readSamples } from './samples.ts';

/** Of one request's body. */
const MOST_BYTES = 32 * 1024 ** 2;
const MOST_SAMPLES = 4096;

/** Nothing listens yet: call `listen`. */
export async function predictionServer(predictor: ReloadingPredictor, version: string): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: MOST_BYTES, logger: false });
  // Bodies are checked by `readSamples`, in words that name the sample and the field.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeContentTypeParser('text/plain');
  // `curl -d` sends forms unless told otherwise: what is JSON is read as JSON.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(new UserError('serve/body', 'the body is not JSON', 'send {"field": […]}'));
    }
  });
  const metrics = serveMetrics(predictor);
  await app.register(swagger, { openapi: { info: { title: predictor.plan.model, version } } });
  app.setErrorHandler((error, _request, reply) => {
    metrics.refused.inc();
    answerFailure(error, reply);
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: { code: 'serve/path', message: `there is no ${request.method} ${request.url}` } }),
  );
  addTasks(app, predictor, metrics);
  addInsight(app, predictor, metrics);
  return app;
}

function addTasks(app: FastifyInstance, predictor: ReloadingPredictor, metrics: ServeMetrics): void {
  // Routes wait until the plug-ins are there, so that the description knows of them.
  app.after(() => {
    for (const [i, { task }] of predictor.plan.predictions.entries()) {
      const handle = (request: FastifyRequest, reply: FastifyReply) =>
        predict(predictor, metrics, task, request, reply);
      const schema = taskSchema(predictionOf(predictor.plan.predictions, task));
      app.post(`/predict/${encodeURIComponent(task)}`, { schema }, handle);
      if (i === 0) app.post('/predict', { schema }, handle);
    }
  });
}

async function predict(
  predictor: ReloadingPredictor,
  metrics: ServeMetrics,
  task: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const stop = metrics.seconds.startTimer({ task });
  const answer = await predictor.use(async ({ plan, shard, version }) => {
    const prediction = predictionOf(plan.predictions, task);
    const { dataset, single } = readSamples(request.body, prediction, MOST_SAMPLES);
    const rows: unknown[] = [];
    for await (const batch of predictAll(shard, prediction, dataset))
      for (let i = 0; i < batch.count; i++) rows.push(predictedRow(prediction, batch, i));
    metrics.predictions.inc({ task }, rows.length);
    return { body: single ? rows[0] : rows, version };
  });
  stop();
  // Which weights answered: a client can see a reload.
  await reply.header('nmc-weights', answer.version).type('application/json').send(JSON.stringify(answer.body));
}

function predictionOf(predictions: readonly PlanPrediction[], task: string): PlanPrediction {
  const found = predictions.find((p) => p.task === task);
  if (!found) throw new UserError('task/unknown', `the newest weights have no predict block ${task}`);
  return found;
}

function addInsight(app: FastifyInstance, predictor: ReloadingPredictor, metrics: ServeMetrics): void {
  app.after(() => {
    app.get('/healthz', { schema: { summary: 'Whether predictions are possible' } }, () => ({
      ok: true,
      model: predictor.plan.model,
      weights: predictor.version,
      reloads: predictor.reloads,
      ...(predictor.failure === undefined ? {} : { newerWeights: predictor.failure }),
    }));
    app.get('/metrics', { schema: { summary: 'For Prometheus' } }, async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    );
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
}

function answerFailure(error: unknown, reply: FastifyReply): void {
  if (error instanceof UserError) {
    const { code, message, repair } = error;
    void reply.code(400).send({ error: { code, message, ...(repair === undefined ? {} : { repair }) } });
    return;
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  const message = error instanceof Error ? error.message : String(error);
  const code = typeof status === 'number' && status < 500 ? status : 500;
  void reply.code(code).send({ error: { code: code < 500 ? 'serve/body' : 'internal', message } });
}
