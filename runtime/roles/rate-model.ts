/**
 * How fast a training will go on given machines: the shards' own walks through their schedules, in virtual time, with
 * computed values left out. The order of work is that of a real shard, for it is the same code; what a segment costs
 * and how long a frame takes is given.
 */
import type { Program } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import type { Message, ShardFunction, ShardSchedule } from '../../spec/schedule.ts';
import { BatchWalk } from '../shard/batch-walk.ts';
import { type Frame, type FrameKey, frameName } from '../shard/frames.ts';
import { type BatchRoute, batchRouteOf } from '../shard/route.ts';
import type { Walk } from '../shard/walk.ts';
import { EventQueue } from './event-queue.ts';

export interface ModelShard {
  readonly schedule: ShardSchedule;
  readonly program: Program;
  /** Seconds of device work of each segment (`train.tick.0`), once. */
  readonly seconds: (segment: string) => number;
  /** Which of the machines runs it. */
  readonly machine: number;
  /** Shards of one trainer hand their frames over without sending them. */
  readonly trainer: number;
}

export interface ModelMachine {
  readonly name: string;
  /** Segments that it can run at a time. */
  readonly cores: number;
  /** Bytes a second out of it; nothing: no bound. */
  readonly upload?: number;
}

export interface ModelNetwork {
  /** Seconds one way between two trainers. */
  readonly delay: (from: number, to: number) => number;
  /** Seconds of processor time that sending and receiving one frame takes besides the device's work. */
  readonly frame: number;
  readonly bytesPerValue: number;
}

export interface Modelled {
  /** Seconds of a batch, after the first ones. */
  readonly batch: number;
  /** By shard: device work over time. */
  readonly busy: readonly number[];
  readonly limit: { readonly by: 'work' | 'upload' | 'delay'; readonly machine: number; readonly share: number };
}

/** Of which the first are not counted: shards fill their pipeline. */
const BATCHES = 6;
const WARM_UP = 2;
/** A machine or a link that is busy for such a share of the time is what limits. */
const LIMITING = 0.85;

type Happening =
  | { readonly kind: 'ran'; readonly shard: number; readonly walk: Walk; readonly segment: string }
  | { readonly kind: 'frame'; readonly to: number; readonly key: FrameKey };

interface Runner {
  readonly shard: ModelShard;
  readonly route: BatchRoute;
  readonly batches: BatchWalk[];
  readonly frames: Set<string>;
  readonly results: ReadonlyMap<string, Readonly<Record<string, Float32Array>>>;
  readonly doneAt: number[];
  busy: boolean;
  work: number;
}

const NONE = new Float32Array(0);

/** @param name of the function, normally `train` */
export function modelRate(
  shards: readonly ModelShard[],
  machines: readonly ModelMachine[],
  network: ModelNetwork,
  name = 'train',
): Modelled {
  return new RateModel(shards, machines, network, name).run();
}

class RateModel {
  readonly #runners: Runner[];
  readonly #machines: readonly ModelMachine[];
  readonly #network: ModelNetwork;
  readonly #queue = new EventQueue<Happening>();
  readonly #messages = new Map<number, Message>();
  /** By machine: segments that run, and shards that wait for a core. */
  readonly #running: number[];
  readonly #waiting: { readonly shard: number; readonly start: () => void }[][];
  readonly #uploadFree: number[];
  readonly #uploading: number[];
  readonly #computing: number[];
  #now = 0;
  #countFrom = 0;

  constructor(shards: readonly ModelShard[], machines: readonly ModelMachine[], network: ModelNetwork, name: string) {
    this.#machines = machines;
    this.#network = network;
    this.#running = machines.map(() => 0);
    this.#waiting = machines.map(() => []);
    this.#uploadFree = machines.map(() => 0);
    this.#uploading = machines.map(() => 0);
    this.#computing = machines.map(() => 0);
    this.#runners = shards.map((shard) => {
      const f = shard.schedule.functions.find((g) => g.name === name);
      if (!f) throw new Error(`shard ${shard.schedule.shard} has no function ${name}`);
      for (const message of shard.schedule.messages) this.#messages.set(message.id, message);
      const route = batchRouteOf(f, shard.program, shard.schedule.messages);
      return {
        shard,
        route,
        batches: Array.from({ length: BATCHES }, (_, sequence) => new BatchWalk(route, emptyPart(f, sequence))),
        frames: new Set<string>(),
        results: emptyResults(shard.program),
        doneAt: [],
        busy: false,
        work: 0,
      };
    });
  }

  run(): Modelled {
    for (const shard of this.#runners.keys()) this.#goOn(shard);
    for (let next = this.#queue.next(); next; next = this.#queue.next()) {
      this.#now = next.at;
      const { what } = next;
      if (what.kind === 'ran') this.#ran(what);
      else {
        this.#runner(what.to).frames.add(frameName(what.key));
        this.#goOn(what.to);
      }
    }
    const ends = this.#runners.map((r) => r.doneAt.at(-1) ?? 0);
    const begins = this.#runners.map((r) => r.doneAt[WARM_UP - 1] ?? 0);
    const span = (i: number): number => Math.max(1e-12, (ends[i] ?? 0) - (begins[i] ?? 0));
    const batch = Math.max(...this.#runners.map((_, i) => span(i))) / (BATCHES - WARM_UP);
    return { batch, busy: this.#runners.map((r, i) => Math.min(1, r.work / span(i))), limit: this.#limit() };
  }

  #limit(): Modelled['limit'] {
    const time = Math.max(1e-12, this.#now - this.#countFrom);
    let limit: Modelled['limit'] = { by: 'delay', machine: 0, share: 0 };
    this.#machines.forEach(({ cores }, machine) => {
      const work = (this.#computing[machine] ?? 0) / cores / time;
      const upload = (this.#uploading[machine] ?? 0) / time;
      for (const [by, share] of [
        ['work', work],
        ['upload', upload],
      ] as const)
        if (share >= LIMITING && share > limit.share) limit = { by, machine, share };
    });
    // A machine with more cores than shards is never full: the shard itself is what all others wait for.
    const busiest = this.#runners.reduce((most, r) => (r.work > most.work ? r : most), this.#runners[0] as Runner);
    if (limit.by === 'delay' && busiest.work / time >= LIMITING)
      limit = { by: 'work', machine: busiest.shard.machine, share: busiest.work / time };
    return limit;
  }

  #runner(shard: number): Runner {
    const runner = this.#runners[shard];
    if (!runner) throw new Error(`no shard ${shard}`);
    return runner;
  }

  #goOn(shard: number): void {
    const runner = this.#runner(shard);
    while (!runner.busy) {
      const [batch] = runner.batches;
      if (!batch) return;
      const step = batch.next((key) => runner.frames.has(frameName(key)));
      if (step.kind === 'needs') return;
      if (step.kind === 'send') for (const frame of step.frames) this.#send(runner, frame);
      else if (step.kind === 'receive') {
        for (const key of step.frames) runner.frames.delete(frameName(key));
        step.walk.received(step.frames.map((key) => this.#frameOf(key)));
      } else if (step.kind === 'done') this.#done(runner);
      else this.#compute(shard, step.walk, step.name);
    }
  }

  #done(runner: Runner): void {
    runner.batches.shift();
    runner.doneAt.push(this.#now);
    if (runner.doneAt.length !== WARM_UP) return;
    runner.work = 0;
    if (!this.#runners.every((r) => r.doneAt.length >= WARM_UP)) return;
    this.#countFrom = this.#now;
    this.#uploading.fill(0);
    this.#computing.fill(0);
  }

  #compute(shard: number, walk: Walk, segment: string): void {
    const runner = this.#runner(shard);
    const { machine } = runner.shard;
    runner.busy = true;
    const start = (): void => {
      const seconds = runner.shard.seconds(segment);
      this.#running[machine] = (this.#running[machine] ?? 0) + 1;
      this.#computing[machine] = (this.#computing[machine] ?? 0) + seconds;
      runner.work += seconds;
      this.#queue.add(this.#now + seconds, { kind: 'ran', shard, walk, segment });
    };
    if ((this.#running[machine] ?? 0) < (this.#machines[machine]?.cores ?? 1)) start();
    else this.#waiting[machine]?.push({ shard, start });
  }

  #ran({ shard, walk, segment }: Extract<Happening, { readonly kind: 'ran' }>): void {
    const runner = this.#runner(shard);
    const { machine } = runner.shard;
    this.#running[machine] = (this.#running[machine] ?? 0) - 1;
    runner.busy = false;
    walk.ran(runner.results.get(segment) ?? {});
    this.#waiting[machine]?.shift()?.start();
    this.#goOn(shard);
  }

  #send(runner: Runner, frame: Frame): void {
    const message = this.#messages.get(frame.message);
    const to = this.#runners.findIndex((r) => r.shard.schedule.shard === message?.to);
    if (!message || to < 0) throw new Error(`no message ${frame.message}`);
    const { message: id, sequence, microbatch, tick } = frame;
    const key = { message: id, sequence, microbatch, tick };
    const { trainer, machine } = runner.shard;
    const other = this.#runner(to).shard;
    if (other.trainer === trainer) {
      this.#queue.add(this.#now, { kind: 'frame', to, key });
      return;
    }
    const bytes = message.values.reduce((sum, v) => sum + sizeOf(v.shape), 0) * this.#network.bytesPerValue;
    const { upload } = this.#machines[machine] ?? {};
    const seconds = other.machine === machine || !upload ? 0 : bytes / upload;
    const free = Math.max(this.#now, this.#uploadFree[machine] ?? 0) + seconds;
    this.#uploadFree[machine] = free;
    this.#uploading[machine] = (this.#uploading[machine] ?? 0) + seconds;
    this.#queue.add(free + this.#network.frame + this.#network.delay(trainer, other.trainer), {
      kind: 'frame',
      to,
      key,
    });
  }

  #frameOf(key: FrameKey): Frame {
    return { ...key, values: (this.#messages.get(key.message)?.values ?? []).map(() => NONE) };
  }
}

function emptyPart(f: ShardFunction, sequence: number): ConstructorParameters<typeof BatchWalk>[1] {
  const inputs = Object.fromEntries(f.inputs.map(({ name }) => [name, NONE]));
  return { name: f.name, position: { batch: sequence, batches: BATCHES }, inputs, sequence, microbatch: 0 };
}

function emptyResults({ functions }: Program): Map<string, Record<string, Float32Array>> {
  return new Map(functions.map((f) => [f.name, Object.fromEntries(f.results.map((r) => [r.name, NONE]))]));
}
