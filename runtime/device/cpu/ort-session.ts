/** How ONNX Runtime runs a graph. */
import * as ort from 'onnxruntime-node';
import { freeNow } from '../../support/free-now.ts';

/** Above this many bytes of graph ONNX Runtime's own optimiser costs more time than it saves (it is superlinear). */
const OPTIMISE_BELOW = 4 * 1024 * 1024;

/** @param isLarge its weights are: then it does not keep what its values took */
export function openSession(graph: Uint8Array, threads: number, isLarge: boolean): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(graph, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: graph.length < OPTIMISE_BELOW ? 'all' : 'disabled',
    logSeverityLevel: 3,
    enableCpuMemArena: !isLarge,
    // Numbers that decay towards zero would make products three times slower.
    extra: { session: { set_denormal_as_zero: '1' } },
  });
}

/** The library copies what it has written to the memory that it was given. */
export function freeCopies(
  made: ort.InferenceSession.OnnxValueMapType,
  given: Readonly<Record<string, ort.Tensor>>,
): void {
  for (const [name, { data }] of Object.entries(given)) {
    const copy = made[name]?.data;
    if (ArrayBuffer.isView(copy) && ArrayBuffer.isView(data) && copy.buffer !== data.buffer) freeNow(copy);
  }
}
