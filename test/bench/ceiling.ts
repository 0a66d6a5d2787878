/** The machine's own ceiling: chained products in ONNX Runtime, and nothing else. */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { encodeModel, type OnnxNode } from '../../compiler/7-kernels/onnx/model.ts';
import { stream } from '../../spec/random.ts';
import { median } from './statistics.ts';

const CHAIN = 40;
const [ROWS, WIDTH] = [256, 512];
const CEILING_FLOP = CHAIN * 2 * ROWS * WIDTH * WIDTH;
const WARM = 3;
const RUNS = 12;

/** Milliseconds that `flop` operations take at the ceiling's speed. */
export function atCeiling(flop: number, ceilingMs: number): number {
  return (flop / CEILING_FLOP) * ceilingMs;
}

/** Median milliseconds of 40 chained 256×512×512 products with weights that are fed. Its session is gone afterwards. */
export async function measureCeiling(): Promise<number> {
  const session = await ort.InferenceSession.create(chain(), {
    intraOpNumThreads: availableParallelism(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const tensor = (rows: number, value: (i: number) => number): ort.Tensor =>
    new ort.Tensor(
      'float32',
      Float32Array.from({ length: rows * WIDTH }, (_, i) => value(i)),
      [rows, WIDTH],
    );
  const rng = stream(0, 'ceiling');
  // Values keep their size along the chain: products of denormal numbers would be three times as slow.
  const feeds = {
    a: tensor(ROWS, (i) => rng.normal(i)),
    w: tensor(WIDTH, (i) => rng.normal(i) / Math.sqrt(WIDTH)),
  };
  const fetches = { y: tensor(ROWS, () => 0) };
  const times: number[] = [];
  for (let run = -WARM; run < RUNS; run++) {
    const started = performance.now();
    await session.run(feeds, fetches);
    if (run >= 0) times.push(performance.now() - started);
  }
  await session.release();
  return median(times);
}

function chain(): Uint8Array {
  const name = (i: number): string => (i === 0 ? 'a' : i === CHAIN ? 'y' : `a${i}`);
  const nodes = Array.from(
    { length: CHAIN },
    (_, i): OnnxNode => ({
      op: 'Gemm',
      inputs: [name(i), 'w'],
      outputs: [name(i + 1)],
      attributes: {},
    }),
  );
  const matrix = (id: string, rows: number) => ({ name: id, type: 'float', shape: [rows, WIDTH] }) as const;
  return encodeModel({
    name: 'ceiling',
    inputs: [matrix('a', ROWS), matrix('w', WIDTH)],
    outputs: [matrix('y', ROWS)],
    initializers: [],
    nodes,
  });
}
