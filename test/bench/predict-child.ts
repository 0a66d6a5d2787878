/**
 * A served predictor beside bare sessions of its exports, in a process of its own: `node predict-child.js RUN DIR`, where
 * DIR holds `COUNT.onnx`. Tells its parent the server's address; asked for `{count}` it answers with milliseconds of
 * one call of each, in turns.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { allSizes, prepareSizes } from '../../runtime/cli/compiling/sized-functions.ts';
import { openPredictor } from '../../runtime/cli/training/run-predictor.ts';
import { memoryDataset } from '../../runtime/data/dataset.ts';
import { Hosts } from '../../runtime/http/hosts.ts';
import { ReloadingPredictor } from '../../runtime/serve/predictor.ts';
import { predictionServer } from '../../runtime/serve/server.ts';
import { predictAll } from '../../runtime/shard/evaluate.ts';
import type { PlanPrediction } from '../../spec/plan.ts';
import type { PredictTimes } from './figures/predict.ts';
import { median } from './statistics.ts';

const [run = '', exports = ''] = process.argv.slice(2);
const HOST = '127.0.0.1';
const PIXELS = 28 * 28;
/** Of a stretch in which one of the two runs alone: the threads of the other have gone to sleep then. */
const STRETCH_MS = 60;
const MIN_CALLS = 3;

const predictor = await ReloadingPredictor.open({
  name: run,
  newest: async () => 'bench',
  load: async () => {
    const { plan, shard } = await openPredictor(run, 'cpu', allSizes);
    prepareSizes(shard);
    return { version: 'bench', plan, shard };
  },
});
const app = await predictionServer(predictor, {
  version: 'bench',
  hosts: new Hosts([HOST]),
  log: (error) => console.error(error),
});
const [prediction] = predictor.plan.predictions as readonly [PlanPrediction];

/** Times of the calls, the first of a stretch left out. */
async function stretch(call: () => Promise<unknown>): Promise<CallTimes[]> {
  await call();
  const times: CallTimes[] = [];
  const end = performance.now() + STRETCH_MS;
  while (times.length < MIN_CALLS || performance.now() < end) {
    const [started, used] = [performance.now(), process.cpuUsage()];
    await call();
    const { user, system } = process.cpuUsage(used);
    times.push({ wall: performance.now() - started, cpu: (user + system) / 1000 });
  }
  return times;
}

async function bareSession(count: number, image: Uint8Array): Promise<() => Promise<unknown>> {
  const session = await ort.InferenceSession.create(readFileSync(join(exports, `${count}.onnx`)), {
    intraOpNumThreads: availableParallelism(),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const feeds = { image: new ort.Tensor('uint8', image, [count, 28, 28]) };
  return () => session.run(feeds);
}

function loaded(count: number, image: Uint8Array): () => Promise<unknown> {
  const field = { name: 'image', type: 'u8', shape: [28, 28] } as const;
  const dataset = memoryDataset('bench', 'bench', [{ field, data: image }]);
  return () =>
    predictor.use(async ({ shard }) => {
      for await (const { results } of predictAll(shard, prediction, dataset))
        if (results.digit === undefined) throw new Error(`no digits of ${count} samples`);
    });
}

/** Milliseconds: by the clock, and of all threads of the process. */
interface CallTimes {
  readonly wall: number;
  readonly cpu: number;
}

type Pair = { readonly bare: () => Promise<unknown>; readonly own: () => Promise<unknown> };
const pairs = new Map<number, Pair>();

async function pairFor(count: number): Promise<Pair> {
  const image = Uint8Array.from({ length: count * PIXELS }, (_, i) => (i * 31) % 256);
  const found = pairs.get(count) ?? { bare: await bareSession(count, image), own: loaded(count, image) };
  pairs.set(count, found);
  return found;
}

async function answer(count: number): Promise<PredictTimes> {
  const { bare, own } = await pairFor(count);
  const [bareTimes, ownTimes] = [await stretch(bare), await stretch(own)];
  const of = (times: readonly CallTimes[], kind: keyof CallTimes): number => median(times.map((t) => t[kind]));
  return {
    bare: of(bareTimes, 'wall'),
    own: of(ownTimes, 'wall'),
    bareCpu: of(bareTimes, 'cpu'),
    ownCpu: of(ownTimes, 'cpu'),
  };
}

process.on('message', ({ count }: { readonly count: number }) => {
  answer(count).then(
    (times) => process.send?.(times),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ address: await app.listen({ host: HOST, port: 0 }) });
