/** A thread that settles all shards for its share of every batch, and moves the weights of its own shards. */
import { sizeOf } from '../../../spec/program.ts';
import { type Made, madeName } from '../../../spec/trace.ts';
import { CpuEngine } from '../../device/cpu/engine.ts';
import { Meeting } from '../../device/cpu/meeting.ts';
import { ValuePool } from '../../device/cpu/value-pool.ts';
import type { FieldData, Position, RunInput, Tensor } from '../../device/device.ts';
import { type LanePlan, type LaneWeight, SETTLE } from './lane-plan.ts';
import { type Spent, Stopwatch } from './stopwatch.ts';

export interface ShardLaneStart {
  readonly plan: LanePlan;
  /** Which share this thread takes. */
  readonly lane: number;
  /** The thread of each shard. */
  readonly threads: readonly number[];
  /** See `Meeting`; behind it the word `DIFFERS`. */
  readonly control: SharedArrayBuffer;
  readonly values: SharedArrayBuffer;
  readonly weights: SharedArrayBuffer;
  /** Whether it tells where its time goes. */
  readonly counts: boolean;
}

/** A batch that threads share, as one of them is given it. */
export interface LaneBatch {
  readonly position: Position;
  readonly callIndex: number;
  /** Fields of its share. */
  readonly share: Readonly<Record<string, FieldData>>;
  /** Fields of the whole batch that each shard of the thread reads behind settling, or at all where it may run alone. */
  readonly inputs: ReadonlyMap<number, Readonly<Record<string, FieldData>>>;
  /** Whether states were written since the batch before. */
  readonly written: boolean;
}

type Results = Readonly<Record<string, Tensor>>;

export class ShardLane {
  /** Whether settling in shares is known to give the bits of settling shard by shard; absent: not yet. */
  isSame: boolean | undefined;
  readonly #start: ShardLaneStart;
  readonly #engines: ReadonlyMap<number, CpuEngine>;
  readonly #engine: CpuEngine;
  readonly #pool: ValuePool;
  readonly #meeting: Meeting;
  readonly #differs: Int32Array;
  readonly #watch: Stopwatch;
  readonly #values: ReadonlyMap<string, { readonly whole: Float32Array; readonly shape: readonly number[] }>;
  readonly #weights: readonly { readonly weight: LaneWeight; readonly shared: Float32Array; readonly own: boolean }[];
  /** Others may not have taken the weights yet that this thread has moved. */
  #hasMoved = false;

  /** @param engines of the shards of this thread */
  constructor(start: ShardLaneStart, engines: ReadonlyMap<number, CpuEngine>) {
    const { plan, lane, threads, control } = start;
    this.#start = start;
    this.#engines = engines;
    this.#pool = new ValuePool();
    this.#watch = new Stopwatch(start.counts);
    this.#meeting = new Meeting(new Int32Array(control), plan.lanes);
    this.#differs = new Int32Array(control, control.byteLength - Int32Array.BYTES_PER_ELEMENT);
    const places = placesIn(start.values, plan.values);
    this.#values = new Map(
      plan.values.map(({ name, shape }, i) => [name, { whole: places[i] as Float32Array, shape }]),
    );
    const shared = placesIn(start.weights, plan.weights);
    this.#weights = plan.weights.map((weight, i) => ({
      weight,
      shared: shared[i] as Float32Array,
      own: threads[weight.shard] === lane,
    }));
    const others = this.#weights.filter(({ own }) => !own).map(({ weight }) => weight);
    this.#engine = new CpuEngine(others, plan.files, { threads: 1 });
    for (const { weight, own } of this.#weights)
      if (own) this.#engine.borrow(weight.id, engines.get(weight.shard) as CpuEngine, weight.state);
  }

  get name(): string {
    return this.#start.plan.name;
  }

  /** Loads the graph before it is wanted. */
  async prepare(): Promise<void> {
    await this.#engine.prepare(SETTLE);
  }

  /** Settles its share, and waits until all have settled theirs. */
  async settle({ position, share, written }: LaneBatch): Promise<void> {
    if (this.#hasMoved) this.#take(({ moves }) => moves);
    if (written) {
      this.#give(() => true);
      this.#take(() => true);
    }
    this.#watch.turn('device');
    const made = await this.#engine.runWithin(this.#pool, SETTLE, share, position);
    this.#watch.ran();
    this.#watch.turn('copying');
    for (const [name, { whole }] of this.#values) {
      const values = made[name] as Float32Array;
      whole.set(values, this.#start.lane * values.length);
      this.#free(values);
    }
    this.#meet();
    this.#watch.turn(undefined);
  }

  /** Runs of its own shards behind settling. @returns their results */
  async learn({ position, inputs }: LaneBatch): Promise<Results> {
    const { behind, results } = this.#start.plan;
    this.#watch.turn('copying');
    const known = new Map<string, Float32Array>();
    const madeBy = (made: Made): Float32Array => {
      const name = madeName(made);
      const value = known.get(name) ?? this.#whole(name);
      known.set(name, value);
      return value;
    };
    for (const { run, shard, segment, tick, inputs: sources } of behind) {
      const engine = this.#engines.get(shard);
      if (!engine) continue;
      const fields = inputs.get(shard) ?? {};
      const given = Object.entries(sources).map(([field, source]) => {
        return [field, 'field' in source ? (fields[source.field] as RunInput) : madeBy(source)] as const;
      });
      this.#watch.turn('device');
      const made = await engine.runWithin(this.#pool, segment, Object.fromEntries(given), { ...position, tick });
      this.#watch.ran();
      this.#watch.turn('copying');
      for (const [result, value] of Object.entries(made)) {
        this.#pool.hold(value);
        known.set(madeName({ run, result }), value);
      }
    }
    const given = [...this.#engines.keys()].flatMap((shard) => Object.entries(results[shard] ?? {}));
    const found = Object.fromEntries(given.map(([name, source]) => [name, madeBy(source as Made).slice()]));
    for (const value of known.values()) this.#pool.drop(value);
    this.#moved();
    return found;
  }

  /** The weights of its own shards are those of the next batch. */
  #moved(): void {
    this.#give(({ moves }) => moves);
    this.#hasMoved = true;
  }

  /** Compares what a shard runs on with what was settled in shares. */
  compare(shard: number, segment: string, tick: number, inputs: Readonly<Record<string, RunInput>>): void {
    const run = this.#start.plan.behind.find((r) => r.shard === shard && r.segment === segment && r.tick === tick);
    for (const [field, source] of Object.entries(run?.inputs ?? {})) {
      const settled = 'field' in source ? undefined : this.#values.get(madeName(source))?.whole;
      const value = inputs[field];
      if (settled && value && !sameBits(settled, value)) Atomics.store(this.#differs, 0, 1);
    }
  }

  /** When all threads have compared. */
  decide(): void {
    this.#meet();
    this.isSame = Atomics.load(this.#differs, 0) === 0;
    if (this.isSame) this.#moved();
  }

  /** Time spent since this was last asked. */
  get spent(): Spent | undefined {
    return this.#watch.taken();
  }

  fail(): void {
    this.#meeting.fail();
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #meet(): void {
    this.#watch.turn('waiting');
    this.#meeting.meet();
    this.#watch.turn('copying');
  }

  #whole(name: string): Float32Array {
    const value = this.#values.get(name);
    if (!value) throw new Error(`${name} was not settled`);
    const data = this.#pool.take(value.shape).data as Float32Array;
    data.set(value.whole);
    this.#pool.hold(data);
    return data;
  }

  #free(values: Float32Array): void {
    this.#pool.hold(values);
    this.#pool.drop(values);
  }

  #give(which: (weight: LaneWeight) => boolean): void {
    for (const { weight, shared, own } of this.#weights)
      if (own && which(weight)) shared.set((this.#engines.get(weight.shard) as CpuEngine).valuesOf(weight.state));
  }

  /** When all have given theirs. */
  #take(which: (weight: LaneWeight) => boolean): void {
    this.#meet();
    for (const { weight, shared, own } of this.#weights)
      if (!own && which(weight)) this.#engine.write(weight.id, shared);
    this.#hasMoved = false;
  }
}

/** Memory for all of these, one after the other. */
export function placesIn(
  memory: SharedArrayBuffer,
  all: readonly { readonly shape: readonly number[] }[],
): Float32Array[] {
  let at = 0;
  return all.map(({ shape }) => {
    const place = new Float32Array(memory as unknown as ArrayBuffer, at, sizeOf(shape));
    at += padded(place.byteLength);
    return place;
  });
}

export function bytesOf(all: readonly { readonly shape: readonly number[] }[]): number {
  return all.reduce((sum, { shape }) => sum + padded(sizeOf(shape) * Float32Array.BYTES_PER_ELEMENT), 0);
}

const LINE_BYTES = 64;
const padded = (bytes: number): number => Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;

function sameBits(a: Float32Array, b: RunInput): boolean {
  if (a.length !== b.length || !(b instanceof Float32Array)) return false;
  const [left, right] = [a, b].map((values) => new Uint32Array(values.buffer, values.byteOffset, values.length));
  return (left as Uint32Array).every((word, i) => word === right?.[i]);
}
