/**
 * Runs the ONNX graphs of one shard. States live in two sets of buffers that change places with every step, so nothing
 * is allocated per batch; results are copied out.
 */
import * as ort from 'onnxruntime-node';
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import type { Shape } from '../../../spec/program.ts';
import { sizeOf } from '../../../spec/program.ts';
import { evaluateScalar } from '../../../spec/scalars.ts';
import type { FieldData, Position } from '../device.ts';

export interface EngineState {
  readonly id: string;
  readonly shape: Shape;
}

export interface EngineOptions {
  readonly threads: number;
}

interface Loaded {
  readonly manifest: CpuManifest;
  readonly session: ort.InferenceSession;
  readonly results: Map<string, ort.Tensor>;
}

interface StateBuffers {
  current: ort.Tensor;
  spare: ort.Tensor;
}

/** Above this many bytes of graph ONNX Runtime's own optimiser costs more time than it saves (it is superlinear). */
const OPTIMISE_BELOW = 4 * 1024 * 1024;
const ORT_TYPES = { u8: 'uint8', i32: 'int32', f32: 'float32' } as const;

export class CpuEngine {
  private readonly states = new Map<string, StateBuffers>();
  private readonly functions = new Map<string, Promise<Loaded>>();
  private readonly files: ReadonlyMap<string, Uint8Array>;
  private readonly options: EngineOptions;

  constructor(states: readonly EngineState[], files: ReadonlyMap<string, Uint8Array>, options: EngineOptions) {
    this.files = files;
    this.options = options;
    for (const state of states) this.states.set(state.id, { current: empty(state.shape), spare: empty(state.shape) });
  }

  write(id: string, values: Float32Array | Float64Array): void {
    const data = this.state(id).current.data as Float32Array;
    if (data.length !== values.length) throw new Error(`${id} has ${data.length} elements, not ${values.length}`);
    data.set(values);
  }

  read(id: string): Float32Array {
    return (this.state(id).current.data as Float32Array).slice();
  }

  /** Begins to load a function before it is wanted. */
  prepare(name: string): Promise<unknown> {
    return this.load(name);
  }

  async run(
    name: string,
    inputs: Readonly<Record<string, FieldData>>,
    position: Position,
  ): Promise<Record<string, Float32Array>> {
    const { manifest, session, results } = await this.load(name);
    const feeds: Record<string, ort.Tensor> = {};
    for (const { field, type, shape } of manifest.fields) {
      const data = inputs[field];
      if (data?.length !== sizeOf(shape)) throw new Error(`${name} wants ${sizeOf(shape)} elements of ${field}`);
      feeds[`in:${field}`] = new ort.Tensor(ORT_TYPES[type], data, shape);
    }
    for (const id of manifest.states) feeds[id] = this.state(id).current;
    if (manifest.scalars.length > 0) {
      const scope = { ...position, tick: 0 };
      feeds.scalars = new ort.Tensor(
        'float32',
        Float32Array.from(manifest.scalars, (s) => evaluateScalar(s, scope)),
        [manifest.scalars.length],
      );
    }
    const fetches: Record<string, ort.Tensor> = {};
    for (const output of manifest.outputs)
      fetches[output.output] =
        'state' in output ? this.state(output.state).spare : (results.get(output.output) as ort.Tensor);
    await session.run(feeds, fetches);
    const copied: Record<string, Float32Array> = {};
    for (const output of manifest.outputs) {
      if ('state' in output) swap(this.state(output.state));
      else copied[output.result] = ((results.get(output.output) as ort.Tensor).data as Float32Array).slice();
    }
    return copied;
  }

  async close(): Promise<void> {
    for (const loaded of this.functions.values()) await (await loaded).session.release();
  }

  private state(id: string): StateBuffers {
    const state = this.states.get(id);
    if (!state) throw new Error(`no state ${id}`);
    return state;
  }

  private load(name: string): Promise<Loaded> {
    const known = this.functions.get(name);
    if (known) return known;
    const loading = this.open(name);
    this.functions.set(name, loading);
    return loading;
  }

  private async open(name: string): Promise<Loaded> {
    const graph = this.files.get(`cpu/${name}.onnx`);
    const text = this.files.get(`cpu/${name}.json`);
    if (!graph || !text) throw new Error(`the plan has no cpu form of ${name}`);
    const manifest = JSON.parse(new TextDecoder().decode(text)) as CpuManifest;
    const session = await ort.InferenceSession.create(graph, {
      intraOpNumThreads: this.options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: graph.length < OPTIMISE_BELOW ? 'all' : 'disabled',
      logSeverityLevel: 3,
    });
    const results = new Map<string, ort.Tensor>();
    for (const output of manifest.outputs) if ('result' in output) results.set(output.output, empty(output.shape));
    return { manifest, session, results };
  }
}

function empty(shape: Shape): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(sizeOf(shape)), shape);
}

function swap(buffers: StateBuffers): void {
  const { current } = buffers;
  buffers.current = buffers.spare;
  buffers.spare = current;
}
