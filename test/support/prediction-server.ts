/** A prediction server in this process whose predictions begin and end when a test says so. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Tensor } from '../../runtime/device/device.ts';
import { Hosts } from '../../runtime/http/hosts.ts';
import { SERVE_LIMITS, type ServeLimits } from '../../runtime/serve/limits.ts';
import { type Loaded, ReloadingPredictor } from '../../runtime/serve/predictor.ts';
import { predictionServer, type ServeOptions } from '../../runtime/serve/server.ts';
import type { Plan } from '../../spec/plan.ts';

export interface TestServer {
  readonly port: number;
  readonly app: FastifyInstance;
  /** The value of each sample whose prediction has begun, in order. */
  readonly begun: number[];
  /** Errors inside the server. */
  readonly failures: unknown[];
  /** Lets one prediction that waits, or the next, go on. */
  release(): void;
  close(): Promise<void>;
}

export interface TestServerOptions extends Partial<Omit<ServeOptions, 'limits'>> {
  readonly limits?: { readonly [Part in keyof ServeLimits]?: Partial<ServeLimits[Part]> };
  /** Predictions wait for `release`. */
  readonly gated?: boolean;
  /** Numbers of an answer. */
  readonly wide?: number;
  /** Answer to a sample: zeros, unless something else is given. */
  readonly answer?: (x: number) => number;
}

/** Its samples are `{"x": [NUMBER]}`. */
export async function startPredictionServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { limits = {}, gated = false, wide = 1, answer = () => 0, ...rest } = options;
  const begun: number[] = [];
  const failures: unknown[] = [];
  const waiting: (() => void)[] = [];
  let free = gated ? 0 : Number.POSITIVE_INFINITY;
  const run = async (
    _name: string,
    fed: Readonly<Record<string, ArrayLike<number>>>,
  ): Promise<Record<string, Tensor>> => {
    begun.push(fed.x?.[0] ?? Number.NaN);
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return { y: new Float32Array(wide).fill(answer(fed.x?.[0] ?? Number.NaN)) };
  };
  const predictor = await ReloadingPredictor.open({
    name: 'test',
    newest: async () => '1',
    load: async () =>
      ({
        ...{ version: '1', weights: '0'.repeat(64), plan: planOf(wide) },
        shard: { run, close: async () => undefined },
      }) as unknown as Loaded,
  });
  const app = await predictionServer(predictor, {
    version: '1',
    hosts: new Hosts(['127.0.0.1']),
    log: (error) => failures.push(error),
    limits: merged(limits),
    ...rest,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    port: (app.server.address() as AddressInfo).port,
    app,
    begun,
    failures,
    release: () => {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
    close: async () => {
      app.server.closeAllConnections();
      await app.close();
      await predictor.close();
    },
  };
}

function merged(limits: NonNullable<TestServerOptions['limits']>): ServeLimits {
  return Object.fromEntries(
    Object.entries(SERVE_LIMITS).map(([part, known]: [string, unknown]) => {
      const given: unknown = limits[part as keyof ServeLimits];
      return [part, typeof known === 'object' ? { ...known, ...(given as object) } : (given ?? known)];
    }),
  ) as unknown as ServeLimits;
}

function planOf(wide: number): Plan {
  const x = { name: 'x', type: 'f32', shape: [1] };
  const echo = {
    task: 'echo',
    function: 'predict.echo',
    batch: 1,
    inputs: [x],
    reads: [{ name: 'y', shape: [wide], scores: false }],
  };
  return { model: 'test', predictions: [echo] } as unknown as Plan;
}
