/**
 * Runs the ONNX graphs and the vector kernels of one shard. All tensors that stay lie in one memory, made once: states
 * that a graph writes have two places that change roles with every step, states that a kernel writes have one. Nothing
 * is allocated per batch but the results.
 */
import * as ort from 'onnxruntime-node';
import type { CpuKernel, CpuManifest } from '../../../spec/cpu-manifest.ts';
import type { Shape } from '../../../spec/program.ts';
import { sizeOf } from '../../../spec/program.ts';
import { evaluateScalar } from '../../../spec/scalars.ts';
import type { FieldData, Position } from '../device.ts';
import { createMemory, type Placed, padded, type SharedMemory } from './memory.ts';

export interface EngineState {
  readonly id: string;
  readonly shape: Shape;
}

export interface EngineOptions {
  readonly threads: number;
}

type KernelFunction = (...args: number[]) => void;

interface Loaded {
  readonly manifest: CpuManifest;
  readonly session: ort.InferenceSession;
  readonly kernels: readonly { readonly kernel: CpuKernel; readonly call: KernelFunction }[];
  /** Results, and what kernels read. */
  readonly outputs: ReadonlyMap<string, Placed>;
}

interface StatePlaces {
  current: Placed;
  /** Only where a graph writes the state. */
  spare: Placed | undefined;
}

/** Above this many bytes of graph ONNX Runtime's own optimiser costs more time than it saves (it is superlinear). */
const OPTIMISE_BELOW = 4 * 1024 * 1024;
const ORT_TYPES = { u8: 'uint8', i32: 'int32', f32: 'float32' } as const;

export class CpuEngine {
  private readonly states = new Map<string, StatePlaces>();
  private readonly manifests = new Map<string, CpuManifest>();
  private readonly functions = new Map<string, Promise<Loaded>>();
  private readonly files: ReadonlyMap<string, Uint8Array>;
  private readonly options: EngineOptions;
  private readonly memory: SharedMemory;
  private readonly outputs = new Map<string, Map<string, Placed>>();

  constructor(states: readonly EngineState[], files: ReadonlyMap<string, Uint8Array>, options: EngineOptions) {
    this.files = files;
    this.options = options;
    for (const [path, bytes] of files) {
      if (!path.endsWith('.json')) continue;
      const manifest = JSON.parse(new TextDecoder().decode(bytes)) as CpuManifest;
      this.manifests.set(manifest.function, manifest);
    }
    const rewritten = new Set<string>();
    for (const manifest of this.manifests.values())
      for (const output of manifest.outputs) if ('state' in output) rewritten.add(output.state);
    const placesOf = (s: EngineState): number => (rewritten.has(s.id) ? 2 : 1);
    const others = [...this.manifests.values()].flatMap((m) => m.outputs.filter((o) => !('state' in o)));
    this.memory = createMemory([
      ...states.flatMap((s) => new Array<number>(placesOf(s)).fill(sizeOf(s.shape))),
      ...others.map((o) => sizeOf(o.shape)),
    ]);
    for (const s of states) {
      const current = this.memory.place(s.shape);
      this.states.set(s.id, { current, spare: rewritten.has(s.id) ? this.memory.place(s.shape) : undefined });
    }
    for (const [name, manifest] of this.manifests) {
      const placed = manifest.outputs.flatMap((o) =>
        'state' in o ? [] : [[o.output, this.memory.place(o.shape)] as const],
      );
      this.outputs.set(name, new Map(placed));
    }
  }

  write(id: string, values: Float32Array | Float64Array): void {
    const data = dataOf(this.state(id).current);
    if (data.length !== values.length) throw new Error(`${id} has ${data.length} elements, not ${values.length}`);
    data.set(values);
  }

  read(id: string): Float32Array {
    return dataOf(this.state(id).current).slice();
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
    const { manifest, session, kernels, outputs } = await this.load(name);
    const scope = { ...position, tick: 0 };
    const fetches: Record<string, ort.Tensor> = {};
    for (const o of manifest.outputs)
      fetches[o.output] = ('state' in o ? spareOf(this.state(o.state), o.state) : placeOf(outputs, o.output)).tensor;
    await session.run(this.feeds(manifest, inputs, scope), fetches);
    for (const { kernel, call } of kernels) call(...this.kernelArguments(kernel, outputs, scope));
    const results: Record<string, Float32Array> = {};
    for (const o of manifest.outputs) {
      if ('state' in o) swap(this.state(o.state));
      else if ('result' in o) results[o.result] = dataOf(placeOf(outputs, o.output)).slice();
    }
    return results;
  }

  async close(): Promise<void> {
    for (const loaded of this.functions.values()) await (await loaded).session.release();
  }

  private feeds(
    manifest: CpuManifest,
    inputs: Readonly<Record<string, FieldData>>,
    scope: Position & { tick: number },
  ): Record<string, ort.Tensor> {
    const feeds: Record<string, ort.Tensor> = {};
    for (const { field, type, shape } of manifest.fields) {
      const data = inputs[field];
      if (data?.length !== sizeOf(shape))
        throw new Error(`${manifest.function} wants ${sizeOf(shape)} elements of ${field}`);
      feeds[`in:${field}`] = new ort.Tensor(ORT_TYPES[type], data, shape);
    }
    for (const id of manifest.states) feeds[id] = this.state(id).current.tensor;
    if (manifest.scalars.length > 0) {
      const values = Float32Array.from(manifest.scalars, (s) => evaluateScalar(s, scope));
      feeds.scalars = new ort.Tensor('float32', values, [values.length]);
    }
    return feeds;
  }

  private kernelArguments(
    kernel: CpuKernel,
    outputs: ReadonlyMap<string, Placed>,
    scope: Position & { tick: number },
  ): number[] {
    const tensors = kernel.tensors.map(
      (t) => ('state' in t ? this.state(t.state).current : placeOf(outputs, t.gradient)).address,
    );
    const results = kernel.results.map((id) => this.state(id).current.address);
    return [padded(kernel.elements), ...tensors, ...results, ...kernel.scalars.map((s) => evaluateScalar(s, scope))];
  }

  private state(id: string): StatePlaces {
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
    const manifest = this.manifests.get(name);
    if (!graph || !manifest) throw new Error(`the plan has no cpu form of ${name}`);
    const session = await ort.InferenceSession.create(graph, {
      intraOpNumThreads: this.options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: graph.length < OPTIMISE_BELOW ? 'all' : 'disabled',
      logSeverityLevel: 3,
      // Numbers that decay towards zero would make products three times slower.
      extra: { session: { set_denormal_as_zero: '1' } },
    });
    const kernels = await this.openKernels(name, manifest);
    return { manifest, session, kernels, outputs: this.outputs.get(name) ?? new Map() };
  }

  private async openKernels(name: string, manifest: CpuManifest): Promise<Loaded['kernels']> {
    const bytes = this.files.get(`cpu/${name}.wasm`);
    if (!bytes) return [];
    const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes), { env: { memory: this.memory.memory } });
    return manifest.kernels.map((kernel) => ({ kernel, call: instance.exports[kernel.export] as KernelFunction }));
  }
}

function dataOf(placed: Placed): Float32Array {
  return placed.tensor.data as Float32Array;
}

function placeOf(outputs: ReadonlyMap<string, Placed>, name: string): Placed {
  const placed = outputs.get(name);
  if (!placed) throw new Error(`no output ${name}`);
  return placed;
}

function spareOf(state: StatePlaces, id: string): Placed {
  if (!state.spare) throw new Error(`${id} is not written by a graph`);
  return state.spare;
}

function swap(state: StatePlaces): void {
  if (!state.spare) return;
  const { current } = state;
  state.current = state.spare;
  state.spare = current;
}
