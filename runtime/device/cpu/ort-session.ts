/** How ONNX Runtime runs a graph. */
import * as ort from 'onnxruntime-node';
import { binding, initOrt } from 'onnxruntime-node/dist/binding.js';
import { freeNow } from '../../support/free-now.ts';

/** Above this many bytes of graph ONNX Runtime's own optimiser costs more time than it saves (it is superlinear). */
const OPTIMISE_BELOW = 4 * 1024 * 1024;

type Values = ort.InferenceSession.OnnxValueMapType;

/** A graph that can be run. */
export interface GraphSession {
  /** @param fetches memory of results; of a name with nothing it is made */
  run(
    feeds: ort.InferenceSession.FeedsType,
    fetches: ort.InferenceSession.NullableOnnxValueMapType,
  ): Values | Promise<Values>;
  release(): Promise<void>;
}

export interface SessionSettings {
  readonly threads: number;
  /** Its weights are: then it does not keep what its values took. */
  readonly isLarge: boolean;
  /** Runs end before the call returns. Else each waits for the next turn of the event loop. */
  readonly atOnce: boolean;
}

export async function openSession(
  graph: Uint8Array,
  { threads, isLarge, atOnce }: SessionSettings,
): Promise<GraphSession> {
  const options: ort.InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: graph.length < OPTIMISE_BELOW ? 'all' : 'disabled',
    logSeverityLevel: 3,
    enableCpuMemArena: !isLarge,
    // Numbers that decay towards zero would make products three times slower.
    extra: { session: { set_denormal_as_zero: '1' } },
  };
  const laidOut = hasConvolutions(graph) ? await blocked(graph) : graph;
  return atOnce ? openAtOnce(laidOut, options) : ort.InferenceSession.create(laidOut, options);
}

function hasConvolutions(graph: Uint8Array): boolean {
  return Buffer.from(graph.buffer, graph.byteOffset, graph.byteLength).includes('Conv');
}

/** Loaded only for a graph that has convolutions: most have none, and should start quickly. */
async function blocked(graph: Uint8Array): Promise<Uint8Array> {
  const { withBlockedConvolutions } = await import('./blocked-convolutions.ts');
  return withBlockedConvolutions(graph);
}

/** The library's own sessions do the same a turn of the event loop later, which takes as long as a short run. */
function openAtOnce(graph: Uint8Array, options: ort.InferenceSession.SessionOptions): GraphSession {
  initOrt();
  const session = new binding.InferenceSession();
  session.loadModel(graph.buffer as ArrayBuffer, graph.byteOffset, graph.byteLength, options);
  return {
    run: (feeds, fetches) => session.run(feeds as Values, fetches, {}),
    release: async () => session.dispose(),
  };
}

/** The library copies what it has written to the memory that it was given. @param least bytes of a copy that is freed */
export function freeCopies(made: Values, given: Readonly<Record<string, ort.Tensor>>, least = 0): void {
  for (const [name, { data }] of Object.entries(given)) {
    const copy = made[name]?.data;
    if (!ArrayBuffer.isView(copy) || !ArrayBuffer.isView(data) || copy.byteLength < least) continue;
    if (copy.buffer !== data.buffer) freeNow(copy);
  }
}
