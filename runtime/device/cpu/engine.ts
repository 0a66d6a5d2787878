/**
 * Runs the ONNX graphs and the vector kernels of one shard. All tensors that stay lie in one memory, made once: states
 * that a graph writes have two places that change roles with every step, states that a kernel writes have one. Nothing
 * is allocated per batch but the results.
 */

import * as ort from 'onnxruntime-node';
import { type CpuKernel, type CpuManifest, pairExport } from '../../../spec/cpu-manifest.ts';
import { isGradientName, LANE, STEP, TRAIN } from '../../../spec/names.ts';
import type { Shape } from '../../../spec/program.ts';
import { sizeOf } from '../../../spec/program.ts';
import { evaluateScalar } from '../../../spec/scalars.ts';
import type { Position, RunInput } from '../device.ts';
import { largestTile, type PlacedTile, placedTiles } from './gradient-tiles.ts';
import { Layouts } from './laid-out.ts';
import type { LaneRun, WholeRun } from './lane-run.ts';
import type { GraphSplitter } from './large-gradients.ts';
import { manifestsIn } from './manifest.ts';
import { createMemory, type Placed, padded, type SharedMemory } from './memory.ts';
import { freeCopies, type GraphSession, openSession } from './ort-session.ts';
import { type Reads, readsOf } from './reads.ts';
import { partOf } from './slots.ts';
import type { LateGradient, SplitGraph } from './split-graph.ts';
import { type StatePlaces, spareOf, swap } from './state-places.ts';
import type { ValuePool } from './value-pool.ts';

export interface EngineState {
  readonly id: string;
  readonly shape: Shape;
}

export interface EngineOptions {
  readonly threads: number;
  /** Takes products apart whose results are made one after the other; absent: all are made at once. */
  readonly split?: GraphSplitter | undefined;
  /** Runs of graphs do not wait for a turn of the event loop. Many of them have to let it turn. */
  readonly atOnce?: boolean;
}

type KernelFunction = (...args: number[]) => void;

interface Loaded {
  readonly manifest: CpuManifest;
  /** Nothing where the function is kernels alone. */
  readonly session: GraphSession | undefined;
  readonly kernels: readonly LoadedKernel[];
  readonly places: Places;
  /** What it reads. */
  readonly reads: Reads;
  /** The places of its results, by their names. */
  readonly results: ReadonlyMap<string, Placed>;
  /** The part of the graph that kernels read. */
  readonly read: ReadonlySet<string>;
  /** Values that the graph hands over to the products that follow it. */
  readonly handed: readonly string[];
  /** Gradients that are made behind it, one after the other. */
  readonly late: readonly LoadedGradient[];
}

interface LoadedGradient {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly session: GraphSession;
  readonly tiles: readonly PlacedTile[];
  readonly kernels: readonly LoadedKernel[];
}

/** A graph with all that its runs have in common looked up. */
interface Bound {
  readonly loaded: Loaded;
  readonly feeds: Record<string, ort.Tensor>;
  readonly fetches: Record<string, ort.Tensor>;
}

interface LoadedKernel {
  readonly kernel: CpuKernel;
  readonly call: KernelFunction;
  /** For fields in two parts. */
  readonly callPair: KernelFunction | undefined;
}

/** Where a function's results, and what its kernels read, lie: each group one after the other. */
interface Places {
  readonly outputs: ReadonlyMap<string, Placed>;
  readonly fields: ReadonlyMap<string, Placed>;
}

/**
 * Of a program with so many bytes of states memory matters more than the time that it takes to make: no function keeps
 * what its values took, and copies are freed at once.
 */
const LARGE_BYTES = 64e6;
/** A copy that is freed at once: the next one takes its place in the processor's memory, for half of what it costs. */
const COPY_BYTES = 512 * 1024;
const NO_TENSOR = new ort.Tensor('float32', new Float32Array(0), [0]);
const ORT_TYPES = { u8: 'uint8', i32: 'int32', f32: 'float32' } as const;

export class CpuEngine {
  readonly #states = new Map<string, StatePlaces>();
  /** States that are another engine's. */
  readonly #borrowed = new Map<string, () => ort.Tensor>();
  readonly #manifests = new Map<string, CpuManifest>();
  readonly #functions = new Map<string, Promise<Loaded>>();
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #options: EngineOptions;
  readonly #memory: SharedMemory;
  readonly #split = new Map<string, SplitGraph>();
  /** Where tiles of gradients that are made late lie, one after the other. */
  readonly #scratch: Placed;
  readonly #places = new Map<string, Places>();
  readonly #versions = new Map<string, number>();
  readonly #layouts = new Layouts({
    values: (id) => dataOf(this.#state(id).current),
    version: (id) => this.#versions.get(id) ?? 0,
  });

  constructor(states: readonly EngineState[], files: ReadonlyMap<string, Uint8Array>, options: EngineOptions) {
    this.#files = files;
    this.#options = options;
    for (const manifest of manifestsIn(files)) {
      const name = manifest.function;
      this.#manifests.set(name, manifest);
      const graph = files.get(`cpu/${name}.onnx`);
      const split = graph && options.split?.(graph, manifest);
      if (split) this.#split.set(name, split);
    }
    const rewritten = new Set<string>();
    for (const manifest of this.#manifests.values())
      for (const output of manifest.outputs) if ('state' in output) rewritten.add(output.state);
    const placesOf = (s: EngineState): number => (rewritten.has(s.id) ? 2 : 1);
    const others = [...this.#manifests.values()].flatMap((m) => this.#outputsOf(m).filter((o) => !('state' in o)));
    const scratch = [...this.#split.values()].flatMap((s) =>
      s.late.map(({ shape, tiles }) => largestTile(shape, tiles)),
    );
    const largest = Math.max(0, ...scratch);
    this.#memory = createMemory([
      ...states.flatMap((s) => new Array<number>(placesOf(s)).fill(sizeOf(s.shape))),
      largest,
      ...others.map((o) => sizeOf(o.shape)),
      ...[...this.#manifests.values()].flatMap((m) => m.kernelFields.map((k) => sizeOf(k.shape))),
      // Behind all else: the results of another lane.
      ...(this.#manifests.get(LANE)?.outputs ?? []).map((o) => sizeOf(o.shape)),
    ]);
    for (const s of states) {
      const current = this.#memory.place(s.shape);
      this.#states.set(s.id, { current, spare: rewritten.has(s.id) ? this.#memory.place(s.shape) : undefined });
    }
    this.#scratch = this.#memory.place([largest]);
    for (const [name, manifest] of this.#manifests) {
      const placed = this.#outputsOf(manifest).flatMap((o) => {
        if ('state' in o) return [];
        const place = this.#memory.place(o.shape);
        // Kernels name a gradient as the program does; the graph may call it otherwise where a state gets it, too.
        return 'gradient' in o
          ? [[o.output, place] as const, [o.gradient, place] as const]
          : [[o.output, place] as const];
      });
      const fields = manifest.kernelFields.map((k) => [k.field, this.#memory.place(k.shape)] as const);
      this.#places.set(name, { outputs: new Map(placed), fields: new Map(fields) });
    }
  }

  /** Bytes of all that stays. */
  get bytes(): number {
    return this.#memory.memory.buffer.byteLength;
  }

  get #isLarge(): boolean {
    return this.bytes >= LARGE_BYTES;
  }

  /** Outputs of its graph, without those that are made behind it. */
  #outputsOf(manifest: CpuManifest): CpuManifest['outputs'] {
    const late = this.#split.get(manifest.function)?.late;
    return late ? manifest.outputs.filter((o) => !late.some((l) => l.output === o.output)) : manifest.outputs;
  }

  /** A state that its functions read is one of another engine of this thread, where it lies. */
  borrow(id: string, from: CpuEngine, state: string): void {
    const place = from.#state(state);
    this.#borrowed.set(id, () => place.current.tensor);
  }

  write(id: string, values: Float32Array | Float64Array): void {
    const data = dataOf(this.#state(id).current);
    if (data.length !== values.length) throw new Error(`${id} has ${data.length} elements, not ${values.length}`);
    data.set(values);
    this.#changed(id);
  }

  writePart(id: string, begin: number, values: Float32Array | Float64Array): void {
    dataOf(this.#state(id).current).set(values, begin);
    this.#changed(id);
  }

  /** A state where it lies: as it is until the next run. */
  valuesOf(id: string): Float32Array {
    return dataOf(this.#state(id).current);
  }

  read(id: string, begin?: number, end?: number): Float32Array {
    return this.valuesOf(id).slice(begin, end);
  }

  /** Begins to load a function before it is wanted. */
  prepare(name: string): Promise<unknown> {
    return this.#load(name);
  }

  /** Runs a function; its results, copied. */
  async run(
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
  ): Promise<Record<string, Float32Array>> {
    const loaded = await this.#load(name);
    const { fields } = loaded.places;
    for (const [field, placed] of fields) dataOf(placed).set(inputs[field] ?? []);
    await this.#runAll(this.#bind(loaded, inputs), position);
    const results: Record<string, Float32Array> = {};
    for (const [result, placed] of loaded.results) results[result] = dataOf(placed).slice();
    return results;
  }

  /** As `run`, without copies: results lie in the pool's memory, and so may inputs. */
  async runWithin(
    pool: ValuePool,
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
  ): Promise<Record<string, Float32Array>> {
    const loaded = await this.#load(name);
    if (!loaded.session && loaded.late.length === 0) return this.run(name, inputs, position);
    const { fields } = loaded.places;
    for (const [field, placed] of fields) dataOf(placed).set(inputs[field] ?? []);
    const bound = this.#bind(loaded, inputs, pool);
    const pooled: Record<string, Float32Array> = {};
    for (const o of loaded.manifest.outputs)
      if ('result' in o && !loaded.read.has(o.output)) {
        const tensor = pool.take(o.shape);
        bound.fetches[o.output] = tensor;
        pooled[o.result] = tensor.data as Float32Array;
      }
    await this.#runAll(bound, position);
    const results: Record<string, Float32Array> = {};
    for (const [result, placed] of loaded.results) results[result] = pooled[result] ?? dataOf(placed).slice();
    return results;
  }

  manifestOf(name: string): CpuManifest {
    const manifest = this.#manifests.get(name);
    if (!manifest) throw new Error(`the plan has no cpu form of ${name}`);
    return manifest;
  }

  /** @param inputs of a batch: the same memory for every batch */
  async whole(inputs: Readonly<Record<string, RunInput>>): Promise<WholeRun> {
    const loaded = await this.#load(TRAIN);
    const bound = this.#bind(loaded, inputs);
    return (position, known) =>
      this.#runAll(bound, position, () => known((result) => dataOf(placeOf(loaded.results, result))));
  }

  /** @param inputs of a lane's share: the same memory for every batch */
  async lane(inputs: Readonly<Record<string, RunInput>>): Promise<LaneRun> {
    const [graph, step] = [await this.#load(LANE), await this.#load(STEP)];
    const { parts = 1 } = graph.manifest;
    const bound = Array.from({ length: parts }, (_, part) => this.#bind(graph, partOf(inputs, part, parts)));
    const { address } = this.#laneResults();
    const own = this.#part(0);
    const before = new Float32Array(parts > 1 ? own.length : 0);
    const sums = [...graph.results].filter(([result]) => !isGradientName(result));
    return {
      own,
      other: this.#part(this.#memory.end() - address),
      share: async (position) => {
        for (const [part, one] of bound.entries()) {
          if (part > 0) before.set(own);
          await this.#runGraph(one, position);
          for (let i = 0; part > 0 && i < own.length; i++) own[i] = (before[i] as number) + (own[i] as number);
        }
      },
      sum: (first, second, results) => {
        for (const [result, placed] of sums) {
          const at = (placed.address - address) / 4;
          const place = results[result];
          for (let i = 0; place && i < place.length; i++)
            place[i] = (first[at + i] as number) + (second[at + i] as number);
        }
      },
      step: (first, second, position) =>
        this.#runKernels(step, position, (field) => {
          const offset = placeOf(graph.results, field).address - address;
          return [first.byteOffset + offset, second.byteOffset + offset];
        }),
    };
  }

  #laneResults(): { readonly address: number; readonly floats: number } {
    const placed = [...(this.#places.get(LANE)?.outputs.values() ?? [])];
    const bytes = placed.reduce((sum, p) => sum + padded(dataOf(p).length), 0);
    return { address: placed[0]?.address ?? 0, floats: bytes / 4 };
  }

  /** Memory as large as the results of a lane, so many bytes behind them. */
  #part(behind: number): Float32Array {
    const { address, floats } = this.#laneResults();
    return new Float32Array(this.#memory.memory.buffer, address + behind, floats);
  }

  /** @param inputs by field; what a run reads is in them then */
  #bind(loaded: Loaded, inputs: Readonly<Record<string, RunInput>>, pool?: ValuePool): Bound {
    const { manifest, places, reads } = loaded;
    const feeds: Record<string, ort.Tensor> = {};
    for (const { field, type, shape, input, size } of reads.fields) {
      const data = inputs[field];
      if (data?.length !== size) throw new Error(`${manifest.function} needs ${size} elements of ${field}`);
      feeds[input] = pool?.tensorOf(data) ?? new ort.Tensor(ORT_TYPES[type], data, shape);
    }
    if (reads.scalars) feeds.scalars = reads.scalars;
    const fetches: Record<string, ort.Tensor> = {};
    for (const o of this.#outputsOf(manifest))
      if (!('state' in o)) fetches[o.output] = placeOf(places.outputs, o.output).tensor;
    return { loaded, feeds, fetches };
  }

  /**
   * The graph, and behind it all that moves weights.
   * @param known called when the results are there
   */
  async #runAll(bound: Bound, position: Position, known?: () => void): Promise<void> {
    const { loaded, feeds } = bound;
    const { places, late } = loaded;
    const addressesOf = (field: string): readonly number[] => [placeOf(places.fields, field).address];
    const made = await this.#runGraph(bound, position);
    known?.();
    this.#runKernels(loaded, position, addressesOf);
    for (const { inputs, output, session, tiles, kernels } of late) {
      const sides = Object.fromEntries(inputs.map((name) => [name, made[name] ?? feeds[name] ?? NO_TENSOR]));
      for (const tile of tiles) {
        const given = await session.run({ ...sides, ...tile.bounds }, { [output]: tile.tensor });
        freeCopies(given, { [output]: tile.tensor });
        this.#runKernels({ ...loaded, kernels }, position, addressesOf, tile);
      }
    }
  }

  /** @returns what it hands over */
  async #runGraph(
    { loaded, feeds, fetches }: Bound,
    position: Position,
  ): Promise<Readonly<Record<string, ort.Tensor | undefined>>> {
    const { manifest, session, handed } = loaded;
    if (!session) return {};
    const scope = { ...position, tick: position.tick ?? 0 };
    // States change places.
    for (const { id, input } of loaded.reads.states)
      feeds[input] = this.#borrowed.get(id)?.() ?? this.#state(id).current.tensor;
    for (const wanted of manifest.laidOut ?? []) feeds[wanted.input] = this.#layouts.tensor(wanted);
    for (const o of manifest.outputs)
      if ('state' in o) fetches[o.output] = spareOf(this.#state(o.state), o.state).tensor;
    const scalars = feeds.scalars?.data as Float32Array | undefined;
    manifest.scalars.forEach((s, i) => {
      if (scalars) scalars[i] = evaluateScalar(s, scope);
    });
    const given: Record<string, ort.Tensor | null> = { ...fetches };
    for (const name of handed) given[name] = null;
    const made = await session.run(feeds, handed.length > 0 ? given : fetches);
    freeCopies(made, fetches, this.#isLarge ? 0 : COPY_BYTES);
    for (const o of manifest.outputs)
      if ('state' in o) {
        swap(this.#state(o.state));
        this.#changed(o.state);
      }
    return made as Readonly<Record<string, ort.Tensor | undefined>>;
  }

  /**
   * @param fieldAddresses where a field lies: one place, or two parts of a sum
   * @param late rows of a gradient: what else they read and write are the same rows
   */
  #runKernels(
    { kernels, places }: Pick<Loaded, 'kernels' | 'places'>,
    position: Position,
    fieldAddresses: (field: string) => readonly number[],
    late?: PlacedTile,
  ): void {
    const behind = late?.begin ?? 0;
    const scope = { ...position, tick: position.tick ?? 0 };
    for (const { kernel, call, callPair } of kernels) {
      let parts = 1;
      const tensors = kernel.tensors.flatMap((t) => {
        if ('state' in t) return this.#state(t.state).current.address + behind;
        if ('gradient' in t) return late?.address ?? placeOf(places.outputs, t.gradient).address;
        const addresses = fieldAddresses(t.field);
        parts = addresses.length;
        return addresses.map((address) => address + behind);
      });
      const results = kernel.results.map((id) => this.#state(id).current.address + behind);
      const scalars = kernel.scalars.map((expr) => evaluateScalar(expr, scope));
      const run = parts === 2 && callPair ? callPair : call;
      run(padded(late?.elements ?? kernel.elements), ...tensors, ...results, ...scalars);
      for (const id of kernel.results) this.#changed(id);
    }
  }

  async close(): Promise<void> {
    for (const loading of this.#functions.values()) {
      const { session, late } = await loading;
      for (const one of [session, ...late.map((l) => l.session)]) await one?.release();
    }
  }

  #changed(id: string): void {
    this.#versions.set(id, (this.#versions.get(id) ?? 0) + 1);
  }

  #state(id: string): StatePlaces {
    const state = this.#states.get(id);
    if (!state) throw new Error(`no state ${id}`);
    return state;
  }

  #load(name: string): Promise<Loaded> {
    const known = this.#functions.get(name);
    if (known) return known;
    const loading = this.#open(name);
    this.#functions.set(name, loading);
    return loading;
  }

  async #open(name: string): Promise<Loaded> {
    const split = this.#split.get(name);
    const graph = split ? split.graph : this.#files.get(`cpu/${name}.onnx`);
    const manifest = this.manifestOf(name);
    const places = this.#places.get(name);
    if (!places) throw new Error(`${name} has no places`);
    const session = graph && (await this.#openSession(graph));
    const module = this.#files.get(`cpu/${name}.wasm`);
    const results = resultsOf(manifest, places);
    const read = new Set(
      manifest.kernels.flatMap((k) => k.tensors.flatMap((t) => ('gradient' in t ? t.gradient : []))),
    );
    const handed = split?.handed ?? [];
    const found = { manifest, session, places, reads: readsOf(manifest), results, read, handed };
    if (!module) return { ...found, kernels: [], late: [] };
    const { instance } = await WebAssembly.instantiate(new Uint8Array(module), {
      env: { memory: this.#memory.memory },
    });
    const { exports } = instance;
    const kernels = manifest.kernels.map((kernel) => ({
      kernel,
      call: exports[kernel.export] as KernelFunction,
      callPair: exports[pairExport(kernel.export)] as KernelFunction | undefined,
    }));
    const late = await Promise.all((split?.late ?? []).map((gradient) => this.#openLate(gradient, manifest, kernels)));
    const own = kernels.filter((k) => !late.some((l) => l.kernels.includes(k)));
    return { ...found, kernels: own, late };
  }

  async #openLate(
    { graph, output, shape, inputs, tiles }: LateGradient,
    manifest: CpuManifest,
    kernels: readonly LoadedKernel[],
  ): Promise<LoadedGradient> {
    const names = manifest.outputs.flatMap((o) => (o.output === output && 'gradient' in o ? [o.gradient] : []));
    const reads = ({ kernel }: LoadedKernel): boolean =>
      kernel.tensors.some((t) => 'gradient' in t && names.includes(t.gradient));
    return {
      ...{ inputs, output },
      session: await this.#openSession(graph),
      tiles: placedTiles(shape, tiles, this.#scratch),
      kernels: kernels.filter(reads),
    };
  }

  #openSession(graph: Uint8Array): Promise<GraphSession> {
    const { threads, atOnce = false } = this.#options;
    return openSession(graph, { threads, isLarge: this.#isLarge, atOnce });
  }
}

function resultsOf(manifest: CpuManifest, places: Places): Map<string, Placed> {
  return new Map(
    manifest.outputs.flatMap((o) => ('result' in o ? [[o.result, placeOf(places.outputs, o.output)] as const] : [])),
  );
}

function dataOf(placed: Placed): Float32Array {
  return placed.tensor.data as Float32Array;
}

function placeOf(outputs: ReadonlyMap<string, Placed>, name: string): Placed {
  const placed = outputs.get(name);
  if (!placed) throw new Error(`no output ${name}`);
  return placed;
}
