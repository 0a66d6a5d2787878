/**
 * How fast a training will go on given machines: the shards' own walks through their schedules, in virtual time, with
 * computed values left out. The order of work is that of a real shard, for it is the same code; what a segment costs
 * and how long a frame takes is given.
 */
import { TRAIN } from '../../spec/names.ts';
import type { Program } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import type { Message, ShardFunction, ShardSchedule } from '../../spec/schedule.ts';
import { BatchQueue } from '../shard/batch-queue.ts';
import type { Part } from '../shard/part.ts';
import { routesOf } from '../shard/route.ts';
import type { Walk } from '../shard/walk.ts';
import { type Frame, type FrameKey, frameName } from '../training/frame.ts';
import { freeMessages } from '../training/free-ticks.ts';
import type { NumberBytes } from '../wire/codec-bytes.ts';
import { EventQueue } from './event-queue.ts';
import { type Cores, Processors } from './processors.ts';

export interface ModelShard {
  readonly schedule: ShardSchedule;
  readonly program: Program;
  /** Seconds of device work of each segment (`train.tick.0`), once. */
  readonly seconds: (segment: string) => number;
  /** It is computed by the thread that has its frames: one after the other. */
  readonly withFrames?: boolean;
  /** Seconds behind each batch: its state is read and hashed. */
  readonly closing: number;
  /** Seconds behind that in which nothing works, and the shard waits until others wake; absent: none. */
  readonly waiting?: number;
  /** Done beside the shards, behind each batch: no one waits for it. Absent: nothing. */
  readonly beside?: readonly Beside[];
  /** Which of the machines runs it. */
  readonly machine: number;
  /** Shards of one trainer hand their frames over without sealing and sending them. */
  readonly trainer: number;
  /** Which of the places: within one there is no link. */
  readonly place: number;
}

/** Seconds of processor time of one of the machines. */
export interface Beside {
  readonly machine: number;
  readonly seconds: number;
}

export interface ModelMachine extends Cores {
  readonly name: string;
}

/** Where machines stand, with a link that all of one place share. */
export interface ModelPlace {
  readonly name: string;
  /** Bytes a second out of it and into it; nothing: no bound. */
  readonly upload?: number;
  readonly download?: number;
}

export interface ModelNetwork {
  readonly places: readonly ModelPlace[];
  /** Seconds one way between two trainers. */
  readonly delay: (from: number, to: number) => number;
  /** Between two trainers, where the links of their places are not what bounds it; absent: those alone do. */
  readonly straight?: (from: number, to: number) => StraightWay | undefined;
  /** Seconds of processor time that a frame of so many bytes takes at both ends together. @param from shards @param to */
  readonly frame: (bytes: number, from: number, to: number) => number;
  /** Seconds by the clock beyond that: less than nothing where both ends work at once; absent: none. */
  readonly lag?: (bytes: number, from: number, to: number) => number;
  /** The same of one that a trainer hands to another of its own shards; absent: none. */
  readonly handover?: (bytes: number) => number;
  /** Bytes of one. */
  readonly number: NumberBytes;
  /** Seconds of processor time, behind each call and for each direction of a border, for what both ends sign; absent: none. */
  readonly window?: number;
}

/** A direct connection between two trainers. */
export interface StraightWay {
  /** Bytes a second. */
  readonly rate: number;
  /** It does not share the links of their places with other borders. */
  readonly isApart: boolean;
}

export interface Modelled {
  /** Seconds of a batch, after the first ones. */
  readonly batch: number;
  /** Seconds of processors for a batch, of all machines together: what other work on them does not change. */
  readonly processors: number;
  /** Of these, by what they are spent on; where machines are crowded the sum is less, since cores slow each other. */
  readonly spent: Readonly<Record<Spending, number>>;
  /** By shard: device work over time. */
  readonly busy: readonly number[];
  readonly limit: Limit;
  /** Bytes that one shard sends another in a batch. */
  readonly traffic: readonly Traffic[];
}

/** Segments of shards, what closes their batches, frames between trainers and within them, signatures, and what goes on beside. */
export type Spending = 'segments' | 'closing' | 'frames' | 'handovers' | 'windows' | 'beside';

export interface Limit {
  readonly by: 'work' | 'frames' | 'upload' | 'download' | 'straight' | 'delay';
  /** A machine; of a link its place. */
  readonly at: number;
  readonly share: number;
}

export interface Traffic {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly frames: number;
  /** Moments at which it sends. */
  readonly hops: number;
}

/** One direction of a place's link. */
interface LinkUse {
  free: number;
  seconds: number;
}

/** Of which the first are not counted: shards fill their pipeline. */
const BATCHES = 6;
const WARM_UP = 2;
/** A machine or a link that is busy for such a share of the time is what limits. */
const LIMITING = 0.85;

interface Runner {
  readonly shard: ModelShard;
  /** With shards of other trainers, each direction by itself. */
  readonly borders: number;
  readonly batches: BatchQueue;
  readonly frames: Set<string>;
  /** Of free ticks, by message, batch and microbatch: the newest tick of which there is a frame. */
  readonly newest: Map<string, number>;
  readonly free: ReadonlySet<number>;
  readonly results: ReadonlyMap<string, Readonly<Record<string, Float32Array>>>;
  readonly doneAt: number[];
  busy: boolean;
  work: number;
}

const NONE = new Float32Array(0);
const NO_MESSAGES: ReadonlySet<number> = new Set();
/** Of the frames of which the newest is read. */
const slotName = ({ message, callIndex, microbatch }: FrameKey): string => `${message}/${callIndex}/${microbatch}`;

/**
 * @param name of the function, normally `train`
 * @param staleness ticks that values of neighbours may be old (schedule `async`); absent: ticks wait for their own frames
 */
export function modelRate(
  shards: readonly ModelShard[],
  machines: readonly ModelMachine[],
  network: ModelNetwork,
  name = TRAIN,
  staleness?: number,
): Modelled {
  return new RateModel(shards, machines, network, name, staleness).run();
}

class RateModel {
  readonly #runners: Runner[];
  readonly #machines: readonly ModelMachine[];
  readonly #network: ModelNetwork;
  readonly #queue = new EventQueue<() => void>();
  readonly #processors: Processors;
  readonly #messages = new Map<number, Message>();
  readonly #uploads: LinkUse[];
  readonly #downloads: LinkUse[];
  /** The same of connections that have nothing to do with those links. */
  readonly #straightOut: LinkUse[];
  readonly #straightIn: LinkUse[];
  readonly #sent = new Map<string, { from: number; to: number; bytes: number; frames: number; times: Set<number> }>();
  /** By machine: processor seconds of devices, and of frames. */
  readonly #computing: number[];
  readonly #framing: number[];
  #processorSeconds = 0;
  readonly #spent: Record<Spending, number> = {
    ...{ segments: 0, closing: 0, frames: 0, handovers: 0, windows: 0, beside: 0 },
  };
  #now = 0;
  #countFrom = 0;
  readonly #staleness: number;

  constructor(
    shards: readonly ModelShard[],
    machines: readonly ModelMachine[],
    network: ModelNetwork,
    name: string,
    staleness: number | undefined,
  ) {
    this.#machines = machines;
    this.#staleness = staleness ?? 0;
    this.#network = network;
    this.#processors = new Processors(machines, (seconds, what) => this.#queue.add(this.#now + seconds, what));
    const unused = (): LinkUse[] => network.places.map(() => ({ free: 0, seconds: 0 }));
    [this.#uploads, this.#downloads, this.#straightOut, this.#straightIn] = [unused(), unused(), unused(), unused()];
    this.#computing = machines.map(() => 0);
    this.#framing = machines.map(() => 0);
    const trainers = new Map(shards.map((shard) => [shard.schedule.shard, shard.trainer]));
    this.#runners = shards.map((shard) => {
      const f = shard.schedule.functions.find((g) => g.name === name);
      if (!f) throw new Error(`shard ${shard.schedule.shard} has no function ${name}`);
      for (const message of shard.schedule.messages) this.#messages.set(message.id, message);
      const routes = routesOf(f, shard.program, shard.schedule);
      const batches = new BatchQueue();
      for (let callIndex = 0; callIndex < BATCHES; callIndex++) batches.add(routes, emptyPart(f, callIndex));
      const apart = shard.schedule.messages.filter((m) => trainers.get(m.from) !== trainers.get(m.to));
      return {
        shard,
        borders: new Set(apart.map((m) => `${m.from} ${m.to}`)).size,
        batches,
        frames: new Set<string>(),
        newest: new Map<string, number>(),
        free: staleness === undefined ? NO_MESSAGES : freeMessages(shard.schedule),
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
      next.what();
    }
    const ends = this.#runners.map((r) => r.doneAt.at(-1) ?? 0);
    const begins = this.#runners.map((r) => r.doneAt[WARM_UP - 1] ?? 0);
    const span = (i: number): number => Math.max(1e-12, (ends[i] ?? 0) - (begins[i] ?? 0));
    const batch = Math.max(...this.#runners.map((_, i) => span(i))) / (BATCHES - WARM_UP);
    const busy = this.#runners.map((r, i) => Math.min(1, r.work / span(i)));
    const traffic = [...this.#sent.values()].map(({ from, to, bytes, frames, times }) => ({
      ...{ from, to, bytes: bytes / BATCHES, frames: frames / BATCHES, hops: times.size / BATCHES },
    }));
    const spent = { ...this.#spent };
    for (const name of Object.keys(spent) as Spending[]) spent[name] /= BATCHES;
    return { batch, processors: this.#processorSeconds / BATCHES, spent, busy, limit: this.#limit(), traffic };
  }

  #limit(): Modelled['limit'] {
    const time = Math.max(1e-12, this.#now - this.#countFrom);
    let limit: Limit = { by: 'delay', at: 0, share: 0 };
    const note = (by: Limit['by'], at: number, share: number): void => {
      if (share >= LIMITING && share > limit.share) limit = { by, at, share };
    };
    this.#machines.forEach(({ cores }, machine) => {
      const [computing = 0, framing = 0] = [this.#computing[machine], this.#framing[machine]];
      note(framing > computing ? 'frames' : 'work', machine, (computing + framing) / cores / time);
    });
    for (const [place, { seconds }] of this.#uploads.entries()) note('upload', place, seconds / time);
    for (const [place, { seconds }] of this.#downloads.entries()) note('download', place, seconds / time);
    for (const uses of [this.#straightOut, this.#straightIn])
      for (const [place, { seconds }] of uses.entries()) note('straight', place, seconds / time);
    // A machine with more cores than shards is never full: the shard itself is what all others wait for.
    const busiest = this.#runners.reduce((most, r) => (r.work > most.work ? r : most), this.#runners[0] as Runner);
    if (limit.by === 'delay' && busiest.work / time >= LIMITING)
      limit = { by: 'work', at: busiest.shard.machine, share: busiest.work / time };
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
      const step = runner.batches.next((key) => this.#isThere(runner, key));
      if (!step || step.kind === 'needs') return;
      if (step.kind === 'send') this.#send(shard, step.frames);
      else if (step.kind === 'receive') {
        for (const key of step.frames) runner.frames.delete(frameName(key));
        step.walk.received(step.frames.map((key) => this.#frameOf(key)));
      } else if (step.kind === 'done') this.#done(shard);
      else this.#compute(shard, step.walk, step.name);
    }
  }

  #isThere({ frames, newest, free }: Runner, key: FrameKey): boolean {
    if (!free.has(key.message)) return frames.has(frameName(key));
    return (newest.get(slotName(key)) ?? -1) >= Math.max(0, key.tick - this.#staleness);
  }

  #done(shard: number): void {
    const runner = this.#runner(shard);
    runner.batches.shift();
    this.#sign(runner);
    const { closing, waiting = 0, beside = [] } = runner.shard;
    for (const { machine, seconds } of beside) this.#aside('beside', machine, seconds, this.#computing);
    this.#work(shard, 'closing', closing, () => {
      if (waiting === 0) {
        this.#ended(runner);
        return;
      }
      runner.busy = true;
      this.#queue.add(this.#now + waiting, () => {
        runner.busy = false;
        this.#ended(runner);
        this.#goOn(shard);
      });
    });
  }

  #ended(runner: Runner): void {
    runner.doneAt.push(this.#now);
    if (runner.doneAt.length !== WARM_UP) return;
    runner.work = 0;
    if (!this.#runners.every((r) => r.doneAt.length >= WARM_UP)) return;
    this.#countFrom = this.#now;
    for (const sums of [this.#computing, this.#framing]) sums.fill(0);
    const links = [this.#uploads, this.#downloads, this.#straightOut, this.#straightIn];
    for (const use of links.flat()) use.seconds = 0;
  }

  /** Windows of its borders are closed while it goes on: a half of each is its own. */
  #sign({ shard, borders }: Runner): void {
    this.#handle(shard, 'windows', (borders * (this.#network.window ?? 0)) / 2, () => undefined);
  }

  #compute(shard: number, walk: Walk, segment: string): void {
    const runner = this.#runner(shard);
    this.#work(shard, 'segments', runner.shard.seconds(segment), () => walk.ran(runner.results.get(segment) ?? {}));
  }

  /** Of the device: the shard goes on when it is done. */
  #work(shard: number, spending: Spending, seconds: number, then: () => void): void {
    const runner = this.#runner(shard);
    this.#spent[spending] += seconds;
    const { machine, trainer, withFrames } = runner.shard;
    runner.busy = true;
    this.#processors.do({
      machine,
      ...(withFrames ? { thread: trainer } : {}),
      seconds,
      done: (took) => {
        this.#computing[machine] = (this.#computing[machine] ?? 0) + took;
        this.#processorSeconds += took;
        runner.work += took;
        runner.busy = false;
        then();
        this.#goOn(shard);
      },
    });
  }

  /** One after the other by the shard's process, which goes on when all are out. */
  #send(shard: number, [frame, ...others]: readonly Frame[]): void {
    const runner = this.#runner(shard);
    if (!frame) return;
    const message = this.#messages.get(frame.message);
    const to = this.#runners.findIndex((r) => r.shard.schedule.shard === message?.to);
    if (!message || to < 0) throw new Error(`no message ${frame.message}`);
    const { message: id, callIndex, microbatch, tick } = frame;
    const key = { message: id, callIndex, microbatch, tick };
    const arrive = (): void => {
      const { frames, newest, free } = this.#runner(to);
      if (free.has(id)) newest.set(slotName(key), Math.max(tick, newest.get(slotName(key)) ?? -1));
      else frames.add(frameName(key));
      this.#goOn(to);
    };
    const other = this.#runner(to).shard;
    const { first, later } = this.#network.number;
    const bytes = message.values.reduce((sum, v) => sum + sizeOf(v.shape), 0) * (tick === 0 ? first : later);
    runner.busy = true;
    if (other.trainer === runner.shard.trainer) {
      this.#handle(runner.shard, 'handovers', this.#network.handover?.(bytes) ?? 0, () => {
        this.#queue.add(this.#now, arrive);
        runner.busy = false;
        this.#send(shard, others);
        this.#goOn(shard);
      });
      return;
    }
    this.#count(shard, to, bytes);
    const lag = this.#network.lag?.(bytes, shard, to) ?? 0;
    // What goes on beside the way of the frame is done behind it.
    const aside = Math.max(0, -lag) / 2;
    const oneEnd = this.#network.frame(bytes, shard, to) / 2 - aside;
    const arrived = (): void =>
      this.#handle(other, 'frames', oneEnd, () => {
        arrive();
        this.#beside(other, aside);
      });
    this.#handle(runner.shard, 'frames', oneEnd, () => {
      this.#carry(runner.shard, other, bytes, Math.max(0, lag), arrived);
      this.#beside(runner.shard, aside);
      runner.busy = false;
      this.#send(shard, others);
      this.#goOn(shard);
    });
  }

  /** Cost of a frame to a trainer, which handles one after the other. */
  #handle({ machine, trainer }: ModelShard, spending: Spending, seconds: number, done: () => void): void {
    this.#spent[spending] += seconds;
    if (seconds === 0) {
      done();
      return;
    }
    this.#processors.do({
      machine,
      thread: trainer,
      seconds,
      done: (took) => {
        this.#framing[machine] = (this.#framing[machine] ?? 0) + took;
        this.#processorSeconds += took;
        done();
      },
    });
  }

  #beside({ machine }: ModelShard, seconds: number): void {
    this.#aside('frames', machine, seconds, this.#framing);
  }

  /** Work of any thread, for which no one waits. @param sums where a machine's seconds of its kind are counted */
  #aside(spending: Spending, machine: number, seconds: number, sums: number[]): void {
    this.#spent[spending] += seconds;
    if (seconds > 0)
      this.#processors.do({
        machine,
        seconds,
        done: (took) => {
          sums[machine] = (sums[machine] ?? 0) + took;
          this.#processorSeconds += took;
        },
      });
  }

  #count(from: number, to: number, bytes: number): void {
    const name = `${from} ${to}`;
    const sent = this.#sent.get(name) ?? { from, to, bytes: 0, frames: 0, times: new Set<number>() };
    this.#sent.set(name, sent);
    sent.bytes += bytes;
    sent.frames++;
    sent.times.add(this.#now);
  }

  /** Out of one place, over the network, into the other: each link takes one frame after the other. */
  #carry(from: ModelShard, to: ModelShard, bytes: number, lag: number, arrived: () => void): void {
    const delay = this.#network.delay(from.trainer, to.trainer) + lag;
    if (from.place === to.place) {
      this.#queue.add(this.#now + delay, arrived);
      return;
    }
    const { rate, isApart = false } = this.#network.straight?.(from.trainer, to.trainer) ?? {};
    const upload = isApart ? rate : lesser(rate, this.#network.places[from.place]?.upload);
    const download = isApart ? rate : lesser(rate, this.#network.places[to.place]?.download);
    const sent = this.#occupy((isApart ? this.#straightOut : this.#uploads)[from.place], bytes, upload, 0);
    // Its first bytes come in while its last ones still go out.
    const streaming = upload ? bytes / upload : 0;
    this.#queue.add(sent + delay, () => {
      const received = this.#occupy(
        (isApart ? this.#straightIn : this.#downloads)[to.place],
        bytes,
        download,
        streaming,
      );
      if (received <= this.#now) arrived();
      else this.#queue.add(received, arrived);
    });
  }

  /** @param since seconds for which its bytes have been coming. @returns when the last of them is through */
  #occupy(use: LinkUse | undefined, bytes: number, rate: number | undefined, since: number): number {
    if (!use || !rate) return this.#now;
    const seconds = bytes / rate;
    use.seconds += seconds;
    use.free = Math.max(this.#now, Math.max(this.#now - since, use.free) + seconds);
    return use.free;
  }

  #frameOf(key: FrameKey): Frame {
    return { ...key, values: (this.#messages.get(key.message)?.values ?? []).map(() => NONE) };
  }
}

/** Of two bounds, each of which may be missing. */
function lesser(one = Number.POSITIVE_INFINITY, other = Number.POSITIVE_INFINITY): number | undefined {
  const least = Math.min(one, other);
  return Number.isFinite(least) ? least : undefined;
}

function emptyPart(f: ShardFunction, callIndex: number): Part {
  const inputs = Object.fromEntries(f.inputs.map(({ name }) => [name, NONE]));
  return { name: f.name, position: { batch: callIndex, batches: BATCHES }, inputs, callIndex, microbatch: 0 };
}

function emptyResults({ functions }: Program): Map<string, Record<string, Float32Array>> {
  return new Map(functions.map((f) => [f.name, Object.fromEntries(f.results.map((r) => [r.name, NONE]))]));
}
