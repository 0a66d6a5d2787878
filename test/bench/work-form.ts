/** An operation alone in ONNX Runtime. */
import * as ort from 'onnxruntime-node';
import { encodeModel, type OnnxAttribute, type OnnxNode } from '../../compiler/7-kernels/onnx/model.ts';
import { type Shape, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';

/** One ONNX node, or several that make `made` of x0, x1 and so on. */
export interface Work {
  readonly op: string;
  readonly nodes?: readonly OnnxNode[];
  /** Whole numbers that these read, by their names. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly domain?: string;
  readonly inputs: readonly Shape[];
  readonly result: Shape;
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OpenForm {
  /** Milliseconds of the fastest of some runs. */
  time(): Promise<number>;
  close(): Promise<void>;
}

const RUNS = 4;

export async function openForm(
  { op, nodes, constants = {}, inputs, result, attributes, domain }: Work,
  threads: number,
): Promise<OpenForm> {
  const names = inputs.map((_, i) => `x${i}`);
  const port = (name: string, shape: Shape) => ({ name, type: 'float', shape }) as const;
  // Only its first number leaves: copying all of a result out of the library takes as long as many of the operations.
  const one = result.map(() => 1);
  const whole = (name: string, values: readonly number[]) =>
    ({ name, type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) }) as const;
  const places = { ...constants, begin: result.map(() => 0), end: one };
  const node: OnnxNode = {
    op,
    inputs: names,
    outputs: ['made'],
    attributes,
    ...(domain === undefined ? {} : { domain }),
  };
  const model = encodeModel({
    name: op,
    inputs: inputs.map((shape, i) => port(`x${i}`, shape)),
    outputs: [port('y', one)],
    initializers: Object.entries(places).map(([name, values]) => whole(name, values)),
    nodes: [...(nodes ?? [node]), { op: 'Slice', inputs: ['made', 'begin', 'end'], outputs: ['y'], attributes: {} }],
  });
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(inputs.map((shape, i) => [`x${i}`, filled(shape, `x${i}`)]));
  const fetches = { y: filled(one, 'y') };
  return {
    time: async () => {
      let least = Number.POSITIVE_INFINITY;
      for (let run = 0; run < RUNS; run++) {
        const started = performance.now();
        await session.run(feeds, fetches);
        least = Math.min(least, performance.now() - started);
      }
      return least;
    },
    close: () => session.release(),
  };
}

function filled(shape: Shape, name: string): ort.Tensor {
  const rng = stream(0, name);
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.uniform(i) - 0.5);
  return new ort.Tensor('float32', data, [...shape]);
}
