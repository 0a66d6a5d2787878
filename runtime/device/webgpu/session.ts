/**
 * A program on a GPU. Every run is one command buffer: inputs and scalars are written, all dispatches of all ticks
 * follow, results are copied out; nothing waits but who asked for the results. The same file runs in Node and in a
 * page.
 */
import { parseKernels } from '../../../spec/kernel-text.ts';
import { verifyKernels } from '../../../spec/kernel-verify.ts';
import {
  elementsOf,
  KERNEL_LIST,
  type KernelFunction,
  type KernelInput,
  type KernelProgram,
  partsOf,
  type Region,
} from '../../../spec/kernels.ts';
import { type FieldType, sizeOf } from '../../../spec/program.ts';
import { EnvironmentError } from '../../support/errors.ts';
import {
  type DeviceSession,
  type FieldData,
  fieldArrays,
  type Position,
  type RunInput,
  type SampleRunner,
  type Tensor,
} from '../device.ts';
import { DeviceArenas } from './arenas.ts';
import { type BoundDispatch, boundDispatches, known } from './bindings.ts';
import type { Gpu } from './gpu.ts';
import { Pipelines } from './pipelines.ts';
import { type KernelTiming, Profiler } from './profiler.ts';
import { type BackPlan, plansBack, ReadBack, regionsWithin } from './read-back.ts';
import { makeSamplesResident, type ResidentSamples } from './resident-samples.ts';
import { planScalars, type Scalars, type Stretch, scalarValues } from './scalars.ts';

export interface SessionOptions {
  /** For tests: fills what a run computes with NaN, before every run. */
  readonly poison?: boolean;
  /** For tests: bytes of samples in one buffer. */
  readonly residentBytes?: number;
  /** Gets the time of every dispatch of every run; slows them down. */
  readonly profile?: (timings: readonly KernelTiming[]) => void;
}

interface Step {
  readonly pipeline: GPUComputePipeline;
  /** One for all steps that may share it: what is bound stays bound. */
  readonly arenas: GPUBindGroup;
  readonly places: GPUBindGroup | undefined;
  readonly groups: readonly [number, number, number];
}

/** A function with all that its runs have in common looked up: what is left for each run costs microseconds. */
interface Loaded {
  readonly f: KernelFunction;
  readonly inputs: readonly {
    readonly input: KernelInput;
    readonly elements: number;
    /** One behind the other. */
    readonly to: readonly Stretch[];
  }[];
  readonly steps: readonly Step[];
  readonly scalars: Scalars | undefined;
  readonly copies: readonly { readonly from: Stretch; readonly to: Stretch }[];
  readonly results: readonly BackPlan[];
  /** Of each result: how many of the regions that come back are its parts. */
  readonly parts: readonly number[];
}

/** A batch by the numbers of its samples. */
interface Picked {
  readonly samples: ResidentSamples;
  readonly rows: Uint32Array;
  /** All of them are there: nothing is uploaded. */
  readonly known: boolean;
}

/** @throws EnvironmentError `device/kernels` without kernels in the plan, `device/memory` without room */
export async function openSession(
  gpu: Gpu,
  files: ReadonlyMap<string, Uint8Array>,
  options: SessionOptions = {},
): Promise<Required<Omit<DeviceSession, 'computed' | 'held'>>> {
  const kernels = readKernels(files);
  const arenas = new DeviceArenas(gpu.device);
  await arenas.create(gpu, kernels);
  return new WebGpuSession(gpu, kernels, files, arenas, options);
}

function readKernels(files: ReadonlyMap<string, Uint8Array>): KernelProgram {
  const bytes = files.get(KERNEL_LIST);
  if (!bytes)
    throw new EnvironmentError(
      'device/kernels',
      'this plan has no kernels for GPUs',
      'compile the model again, or use --device cpu',
    );
  const kernels = parseKernels(new TextDecoder().decode(bytes));
  verifyKernels(kernels);
  return kernels;
}

class WebGpuSession implements Required<Omit<DeviceSession, 'computed' | 'held'>> {
  readonly #gpu: Gpu;
  readonly #kernels: KernelProgram;
  readonly #arenas: DeviceArenas;
  readonly #options: SessionOptions;
  readonly #pipelines: Pipelines;
  readonly #back: ReadBack;
  readonly #states: ReadonlyMap<string, Region>;
  readonly #functions = new Map<string, Promise<Loaded>>();
  readonly #others: { destroy(): void }[] = [];
  readonly #arena = (name: string): GPUBuffer => this.#arenas.get(name);
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #ready = new Map<string, Loaded>();
  #queue: Promise<unknown> = Promise.resolve();
  /** Calls that wait in the queue. */
  #waiting = 0;

  constructor(
    gpu: Gpu,
    kernels: KernelProgram,
    files: ReadonlyMap<string, Uint8Array>,
    arenas: DeviceArenas,
    options: SessionOptions,
  ) {
    this.#gpu = gpu;
    this.#kernels = kernels;
    this.#arenas = arenas;
    this.#options = options;
    this.#pipelines = new Pipelines(gpu.device, files);
    this.#back = new ReadBack(gpu.device);
    this.#states = new Map(kernels.states.map((s) => [s.name, s]));
  }

  write(state: string, values: Tensor): Promise<void> {
    const parts = this.#state(state);
    const elements = elementsOf(parts);
    if (values.length !== elements) throw new Error(`${state} has ${elements} elements, not ${values.length}`);
    return this.#writeRegions(parts, values);
  }

  writePart(state: string, begin: number, values: Tensor): Promise<void> {
    return this.#writeRegions(regionsWithin(this.#state(state), begin, begin + values.length), values);
  }

  #writeRegions(regions: readonly Region[], values: Tensor): Promise<void> {
    const data = Float32Array.from(values);
    return this.#inTurn(async () => {
      this.#writeParts(
        regions.map((region) => this.#stretch(region)),
        new Uint8Array(data.buffer),
      );
    });
  }

  read(state: string): Promise<Float32Array> {
    return this.#readRegions(this.#state(state));
  }

  async readPart(state: string, begin: number, end: number): Promise<Float32Array> {
    return this.#readRegions(regionsWithin(this.#state(state), begin, end));
  }

  async #readRegions(regions: readonly Region[]): Promise<Float32Array> {
    const plans = plansBack([regions], this.#arena);
    const fetch = await this.#inTurn(async () => {
      const encoder = this.#gpu.device.createCommandEncoder();
      const copied = this.#back.copyAll(encoder, plans);
      this.#gpu.device.queue.submit([encoder.finish()]);
      return { copied };
    });
    return joined(await this.#orGone(fetch.copied()));
  }

  run(
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
  ): Promise<Record<string, Float32Array>> {
    return this.#start(name, inputs, position);
  }

  async makeResident(name: string, samples: number): Promise<SampleRunner | undefined> {
    const { inputs } = await this.#load(name);
    const fields = inputs.flatMap(({ input, to }) => (to[0] && to.length === 1 ? [{ input, to: to[0] }] : []));
    // A batch that lies in parts itself is uploaded each time.
    if (fields.length < inputs.length) return undefined;
    const resident = await this.#inTurn(() =>
      makeSamplesResident(this.#gpu, fields, samples, this.#options.residentBytes),
    );
    if (!resident) return undefined;
    this.#others.push(resident);
    return {
      has: (rows) => resident.has(rows),
      run: (rows, given, position) => {
        const known = resident.has(rows);
        if (!known && !given) throw new Error(`${name} is given numbers of samples that the device has not seen`);
        resident.note(rows);
        return this.#start(name, known || !given ? {} : given, position, { samples: resident, rows, known });
      },
    };
  }

  async #start(
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
    picked?: Picked,
  ): Promise<Record<string, Float32Array>> {
    const ready = this.#ready.get(name);
    // Nothing is in front of it: the inputs go straight to the device, without a copy that waits for its turn.
    if (ready && this.#waiting === 0) {
      this.#assertAlive();
      return this.#fetched(ready, this.#submit(ready, inputs, position, picked));
    }
    const copies = Object.fromEntries(Object.entries(inputs).map(([field, data]) => [field, data.slice()]));
    const loading = this.#load(name);
    const { finish } = await this.#inTurn(async () => ({
      finish: this.#submit(await loading, copies, position, picked),
    }));
    return this.#fetched(await loading, finish);
  }

  async #fetched({ f, parts }: Loaded, finish: () => Promise<Float32Array[]>): Promise<Record<string, Float32Array>> {
    const values = await this.#orGone(finish());
    let next = 0;
    return Object.fromEntries(
      f.results.map((r, i) => {
        const first = next;
        next += parts[i] ?? 1;
        return [r.name, joined(values.slice(first, next))];
      }),
    );
  }

  prepare(name: string): void {
    this.#load(name).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#queue.catch(() => undefined);
    await this.#gpu.device.queue.onSubmittedWorkDone().catch(() => undefined);
    this.#arenas.destroy();
    this.#back.destroy();
    for (const each of this.#others) each.destroy();
  }

  /** Writes, dispatches and copies of one run: what stays is to fetch its results. */
  #submit(
    loaded: Loaded,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
    picked: Picked | undefined,
  ): () => Promise<Float32Array[]> {
    const { device } = this.#gpu;
    if (this.#options.poison) this.#arenas.poison();
    if (!picked?.known) this.#upload(loaded, inputs);
    picked?.samples.write(picked.rows);
    if (loaded.scalars)
      device.queue.writeBuffer(
        loaded.scalars.to.buffer,
        loaded.scalars.to.offset,
        scalarValues(loaded.scalars, position),
      );
    const encoder = device.createCommandEncoder();
    const profiler =
      this.#options.profile && device.features.has('timestamp-query')
        ? new Profiler(device, loaded.steps.length)
        : undefined;
    this.#encode(encoder, loaded.steps, picked, profiler);
    for (const { from, to } of loaded.copies)
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, from.size);
    const fetch = this.#back.copyAll(encoder, loaded.results);
    const timed = profiler?.resolve(encoder);
    device.queue.submit([encoder.finish()]);
    if (!timed) return fetch;
    return async () => {
      const values = await fetch();
      this.#options.profile?.(await timed(loaded.f));
      return values;
    };
  }

  #upload({ f, inputs }: Loaded, given: Readonly<Record<string, RunInput>>): void {
    for (const { input, elements, to } of inputs) {
      const data = given[input.field];
      if (data?.length !== elements) throw new Error(`${f.name} needs ${elements} elements of ${input.field}`);
      this.#writeParts(to, wholeWords(data, input.type));
    }
  }

  #writeParts(parts: readonly Stretch[], bytes: Uint8Array<ArrayBuffer>): void {
    let from = 0;
    for (const { buffer, offset, size } of parts) {
      this.#gpu.device.queue.writeBuffer(buffer, offset, bytes, from, size);
      from += size;
    }
  }

  #stretch({ arena, offset, elements }: Region): Stretch {
    return { buffer: this.#arenas.get(arena), offset: offset * 4, size: elements * 4 };
  }

  #encode(
    encoder: GPUCommandEncoder,
    steps: readonly Step[],
    picked: Picked | undefined,
    profiler: Profiler | undefined,
  ): void {
    const begin = (pass: GPUComputePassEncoder): void => {
      if (picked?.known) picked.samples.take(pass);
      else picked?.samples.keep(pass);
    };
    let set: Partial<Step> = {};
    const carryOut = (pass: GPUComputePassEncoder, step: Step): void => {
      const { pipeline, arenas, places, groups } = step;
      // What is set stays set, and each call costs.
      if (pipeline !== set.pipeline) pass.setPipeline(pipeline);
      if (arenas !== set.arenas) pass.setBindGroup(0, arenas);
      if (places && places !== set.places) pass.setBindGroup(1, places);
      set = step;
      // Each argument costs: most launches have one row.
      if (groups[1] === 1 && groups[2] === 1) pass.dispatchWorkgroups(groups[0]);
      else pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
    };
    if (profiler) {
      const pass = encoder.beginComputePass();
      begin(pass);
      pass.end();
      steps.forEach((step, i) => {
        const pass = encoder.beginComputePass(profiler.pass(i));
        set = {};
        carryOut(pass, step);
        pass.end();
      });
      return;
    }
    const pass = encoder.beginComputePass();
    begin(pass);
    for (const step of steps) carryOut(pass, step);
    pass.end();
  }

  #load(name: string): Promise<Loaded> {
    const known = this.#functions.get(name);
    if (known) return known;
    const loading = this.#open(name);
    this.#functions.set(name, loading);
    return loading;
  }

  async #open(name: string): Promise<Loaded> {
    const f = this.#kernels.functions.find((g) => g.name === name);
    if (!f) throw new Error(`no function ${name}`);
    const regions = new Map([...this.#kernels.states, ...f.regions].map((r) => [r.name, r]));
    const steps = await Promise.all(
      boundDispatches(this.#kernels, f).map(
        async (bound): Promise<Step> => ({
          pipeline: await this.#pipelines.get(bound),
          arenas: this.#arenaGroup(bound),
          places: bound.places && this.#placesGroup(bound.places),
          groups: bound.dispatch.groups,
        }),
      ),
    );
    const stretch = (name: string): Stretch => this.#stretch(known(regions, name));
    const results = f.results.map((r) => partsOf(r.region, regions));
    const loaded: Loaded = {
      f,
      inputs: f.inputs.map((input) => ({
        input,
        elements: sizeOf(input.shape),
        to: partsOf(input.region, regions).map((part) => this.#stretch(part)),
      })),
      steps,
      scalars: f.scalars.length === 0 ? undefined : planScalars(f.scalars, (region) => stretch(region)),
      copies: f.copies.map(({ from, to }) => ({ from: stretch(from), to: stretch(to) })),
      results: plansBack(results, this.#arena),
      parts: results.map((parts) => parts.length),
    };
    this.#ready.set(name, loaded);
    return loaded;
  }

  #arenaGroup({ arenas, accesses }: BoundDispatch): GPUBindGroup {
    return this.#group(`${accesses} ${arenas.join('\n')}`, this.#pipelines.arenas(accesses), () =>
      arenas.map((name) => ({ buffer: this.#arenas.get(name) })),
    );
  }

  #placesGroup(places: readonly number[]): GPUBindGroup {
    return this.#group(`places ${places}`, this.#pipelines.places(), () => {
      const size = Math.ceil(places.length / 4) * 16;
      const usage = GPUBufferUsage.UNIFORM;
      const buffer = this.#gpu.device.createBuffer({ label: 'places', size, usage, mappedAtCreation: true });
      new Uint32Array(buffer.getMappedRange()).set(places);
      buffer.unmap();
      this.#others.push(buffer);
      return [{ buffer }];
    });
  }

  #group(key: string, layout: GPUBindGroupLayout, bound: () => GPUBufferBinding[]): GPUBindGroup {
    const known = this.#groups.get(key);
    if (known) return known;
    const entries = bound().map((resource, binding) => ({ binding, resource }));
    const made = this.#gpu.device.createBindGroup({ layout, entries });
    this.#groups.set(key, made);
    return made;
  }

  #state(id: string): Region[] {
    const parts = partsOf(id, this.#states);
    if (parts.length === 0) throw new Error(`no ${id}`);
    return parts;
  }

  /** One call after the other, each in its turn, until something failed for good. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const done = this.#queue
      .then(async () => {
        this.#assertAlive();
        return await work();
      })
      .finally(() => {
        this.#waiting--;
      });
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #orGone<T>(work: Promise<T>): Promise<T> {
    const result = await Promise.race([work, this.#gpu.gone]).catch((error: unknown) => {
      throw this.#gpu.failure() ?? error;
    });
    this.#assertAlive();
    return result;
  }

  #assertAlive(): void {
    const failure = this.#gpu.failure();
    if (failure) throw failure;
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const [only = new Float32Array()] = parts;
  if (parts.length < 2) return only;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The field as the device holds it; buffers are written in words of four bytes. */
function wholeWords(given: RunInput, type: FieldType): Uint8Array<ArrayBuffer> {
  const form = fieldArrays[type];
  const data = given instanceof form ? given : copied(given, new form(given.length));
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

function copied(from: RunInput, to: FieldData): FieldData {
  to.set(from);
  return to;
}
