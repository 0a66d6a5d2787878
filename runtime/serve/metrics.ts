/** Metrics of a predictor, as `/metrics` shows them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ReloadingPredictor } from './predictor.ts';

export interface ServeMetrics {
  readonly registry: Registry;
  readonly predictions: Counter<'task'>;
  readonly refused: Counter;
  readonly seconds: Histogram<'task'>;
  watch(load: ServeLoad): void;
}

/** Requests and bytes that are held at the moment. */
export interface ServeLoad {
  readonly waiting: () => number;
  readonly bytes: () => number;
}

export function serveMetrics(predictor: ReloadingPredictor): ServeMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  gauge('nmc_predictor_reloads', 'How often newer weights took over', () => predictor.reloads);
  return {
    registry,
    predictions: new Counter({
      name: 'nmc_predictions_total',
      help: 'Samples predicted',
      labelNames: ['task'],
      registers,
    }),
    refused: new Counter({ name: 'nmc_requests_refused_total', help: 'Requests that could not be read', registers }),
    seconds: new Histogram({
      name: 'nmc_request_seconds',
      help: 'Time from a request to its answer',
      labelNames: ['task'],
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    }),
    watch: ({ waiting, bytes }) => {
      gauge('nmc_requests_waiting', 'Requests whose turn has not come', waiting);
      gauge('nmc_request_bytes', 'Bytes of bodies in memory', bytes);
    },
  };
}
