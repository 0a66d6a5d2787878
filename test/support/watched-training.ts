/**
 * A small training in shards of one process, whose frames are watched as trainers of a mesh watch them. Beside what was
 * sent, it is watched what a shard would have sent that lies: of each lie as if it were the only one.
 */
import type { DeviceSession, FieldData, Tensor } from '../../runtime/device/device.ts';
import { stateHash } from '../../runtime/net/shard-state.ts';
import { Lockstep } from '../../runtime/shard/lockstep.ts';
import { openSession, type ShardSession } from '../../runtime/shard/session.ts';
import { type SavedStates, saveStates } from '../../runtime/shard/shard.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import { BorderWatch } from '../../runtime/validation/border-watch.ts';
import { NO_WATCH, type RunWatch, withStretch, withWeights } from '../../runtime/validation/standing.ts';
import { movesBetween, PartSketch, type TensorSketch } from '../../runtime/validation/weight-sketch.ts';
import { stream } from '../../spec/random.ts';
import { openReference } from './reference.ts';
import { compileText, fillStates, positionOf, splitRandomly } from './shards.ts';

/** What a shard sends instead of a frame. */
export type Lie = (frame: Frame, earlier: Earlier) => readonly Tensor[];

/** What a snapshot has instead of a weight. @param before of the snapshot before it */
export type WeightLie = (weight: Tensor, before: Tensor) => Tensor;

export interface Earlier {
  /** Since it began to lie. */
  readonly calls: number;
  /** The same message in the tick before, and in the same tick of the last honest call. */
  readonly tick: readonly Tensor[] | undefined;
  readonly honest: readonly Tensor[] | undefined;
  /** The newest one of another shard for the same neighbour, of the same sizes. */
  readonly foreign: readonly Tensor[] | undefined;
}

export interface WatchedOptions {
  readonly source: string;
  readonly shards: number;
  readonly stretches: number;
  /** Batches of each. */
  readonly batches: number;
  readonly seed: number;
  /** Of which shard, and from which stretch on. */
  readonly liar: number;
  readonly from: number;
  /** By name; `frozen`: its state does not move. */
  readonly lies: Readonly<Record<string, AnyLie>>;
}

type AnyLie = Lie | 'frozen' | { readonly weight: WeightLie };

/** Of each stretch: how suspicious each shard is behind it, and why. */
export type Watched = readonly (readonly { readonly suspicion: number; readonly why: string }[])[];

/** @returns by lie, those that change something; `honest`: of what was sent */
export async function watchedTraining(options: WatchedOptions): Promise<Map<string, Watched>> {
  const { source, shards, stretches, batches, seed, liar, from, lies } = options;
  const compiled = compileText(source);
  const parts = splitRandomly(compiled, shards, seed);
  const devices = await Promise.all(parts.map(({ program }) => openReference(program)));
  for (const [i, { program }] of parts.entries()) await fillStates(devices[i] as DeviceSession, program);
  const all = [['honest', undefined] as const, ...Object.entries(lies)];
  const seen = all.map(([name, lie]) => new Seen(name, lie, shards));
  const earlier = new Map<string, readonly Tensor[]>();
  const note = (frame: Frame, sender: number, receiver: number): void => {
    const { message, tick, callIndex, values } = frame;
    const name = (at: string | number): string => `${sender}/${message}/${at}`;
    const before = {
      calls: callIndex - from * batches,
      ...{ tick: earlier.get(name('last')), honest: earlier.get(name(tick)) },
      foreign: earlier.get(`${receiver}/${sizes(values)}`),
    };
    const lying = sender === liar && callIndex >= from * batches;
    for (const one of seen) one.take(frame, sender, receiver, lying ? before : undefined);
    earlier.set(name('last'), values);
    if (!lying) earlier.set(name(tick), values);
    if (sender !== liar) earlier.set(`${receiver}/${sizes(values)}`, values);
  };
  const sessions = parts.map(({ program, schedule }, shard): ShardSession => {
    const session = openSession(schedule, { program, files: new Map() }, devices[shard] as DeviceSession);
    return {
      ...{ shard, schedule },
      deliver: (frame) => {
        note(frame, schedule.messages.find((m) => m.id === frame.message)?.from ?? -1, shard);
        return session.deliver(frame);
      },
      start: (part) => session.start(part),
      advance: () => session.advance(),
      reset: () => session.reset(),
      isFree: (message) => session.isFree(message),
    };
  });
  const lockstep = new Lockstep(sessions);
  const train = compiled.program.functions.find(({ name }) => name === 'train');
  for (let stretch = 0; stretch < stretches; stretch++) {
    for (let batch = stretch * batches; batch < (stretch + 1) * batches; batch++)
      await lockstep.run('train', batchOf(train?.inputs ?? [], seed, batch), positionOf(batch + 1));
    const saved: SavedStates[] = [];
    for (const [i, { program }] of parts.entries())
      saved.push(await saveStates(devices[i] as DeviceSession, program.states));
    for (const one of seen) one.end(stretch, batches, saved, stretch >= from ? liar : -1);
  }
  await Promise.all(devices.map((device) => device.close()));
  return new Map(seen.flatMap(({ name, result, differs }) => (differs || name === 'honest' ? [[name, result]] : [])));
}

/** A mesh in which there is this lie, or none. */
class Seen {
  readonly name: string;
  readonly result: { suspicion: number; why: string }[][] = [];
  /** Anything is other than honest. */
  differs = false;
  readonly #lie: AnyLie | undefined;
  readonly #sketches: (readonly TensorSketch[])[] = [];
  readonly #weights = new Map<string, Tensor>();
  readonly #owners: readonly string[];
  #watches: readonly BorderWatch[];
  #watch: RunWatch = NO_WATCH;
  #hashes: readonly string[] = [];

  constructor(name: string, lie: AnyLie | undefined, shards: number) {
    this.name = name;
    this.#lie = lie;
    this.#owners = Array.from({ length: shards }, (_, shard) => `trainer of ${shard}`);
    this.#watches = this.#owners.map(() => new BorderWatch());
  }

  /** @param earlier where its sender lies */
  take(frame: Frame, sender: number, receiver: number, earlier: Earlier | undefined): void {
    const lie = typeof this.#lie === 'function' && earlier ? this.#lie(frame, earlier) : undefined;
    const isOther = (v: Tensor, i: number): boolean => frame.values[i]?.some((value, k) => value !== v[k]) ?? false;
    this.differs ||= lie?.some(isOther) ?? false;
    this.#watches[receiver]?.take(lie ? { ...frame, values: lie } : frame, sender);
  }

  /** @param liar that lies in it; -1: there is none */
  end(stretch: number, batches: number, saved: readonly SavedStates[], liar: number): void {
    const hashes = saved.map(stateHash);
    const before = this.#hashes;
    this.#hashes = hashes.map((hash, i) => (this.#lie === 'frozen' && i === liar ? (before[i] ?? hash) : hash));
    this.differs ||= this.#hashes.some((hash, i) => hash !== hashes[i]);
    for (const shard of this.#owners.keys()) {
      const state = { calls: (stretch + 1) * batches, hash: this.#hashes[shard] ?? '' };
      const seen = this.#watches[shard]?.seen() ?? [];
      this.#watch = withStretch(this.#watch, { shard, term: 1, from: stretch * batches, state, seen }, this.#owners);
    }
    for (const [shard, states] of saved.entries()) this.#snapshot(stretch, batches, shard, states, shard === liar);
    this.#watches = this.#owners.map(() => new BorderWatch());
    const { keys } = this.#watch;
    this.result.push(this.#owners.map((key) => ({ suspicion: keys[key]?.suspicion ?? 0, why: keys[key]?.why ?? '' })));
  }

  /** Of each stretch there is one. */
  #snapshot(stretch: number, batches: number, shard: number, { parameters }: SavedStates, lies: boolean): void {
    const sketch = new PartSketch(12_345);
    for (const { name, dtype, data } of parameters) {
      const honest = data as Tensor;
      const before = this.#weights.get(`${shard}/${name}`) ?? honest;
      const isLie = lies && typeof this.#lie === 'object';
      const weight = isLie ? this.#lie.weight(honest, before) : honest;
      if (isLie) this.differs ||= honest.some((value, i) => value !== weight[i]);
      this.#weights.set(`${shard}/${name}`, weight);
      sketch.begin(name, dtype);
      sketch.take(new Uint8Array(weight.buffer, weight.byteOffset, weight.byteLength));
    }
    const now = sketch.end();
    const [since, calls] = [stretch * batches, (stretch + 1) * batches];
    const tensors = movesBetween(this.#sketches[shard] ?? now, now);
    if (this.#sketches[shard])
      this.#watch = withWeights(this.#watch, { shard, term: 1, since, calls, tensors }, this.#owners);
    this.#sketches[shard] = now;
  }
}

function sizes(values: readonly Tensor[]): string {
  return values.map((v) => v.length).join();
}

type Inputs = readonly { readonly field: string; readonly shape: readonly number[] }[];

/** Samples around three centres, which say what to predict: a task that can be learnt. */
function batchOf(inputs: Inputs, seed: number, batch: number): Record<string, FieldData> {
  const rng = stream(seed, `batch ${batch}`);
  const fields: Record<string, FieldData> = {};
  for (const { field, shape } of inputs) {
    const [samples = 1, size = 1] = shape;
    const centres = stream(seed, `centres of ${field}`);
    fields[field] = Float32Array.from({ length: samples * size }, (_, i) => {
      const kind = rng.bits(100_000 + Math.floor(i / size)) % 3;
      return centres.normal(kind * size + (i % size)) + (field === 'x' ? 0.3 * rng.normal(i) : 0);
    });
  }
  return fields;
}
