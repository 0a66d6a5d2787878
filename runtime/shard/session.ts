/**
 * One shard at work among others: which frames it needs to go on, and which it sends. It is independent of the
 * transport: its owner carries frames from session to session (in one process, or over a network) and calls `advance`
 * until it has to wait. Results do not depend on when frames arrive, only on what is in them.
 */

import { isTraining } from '../../spec/names.ts';
import { sizeOf } from '../../spec/program.ts';
import type { Message, ShardSchedule } from '../../spec/schedule.ts';
import type { DeviceSession, Executable, Tensor } from '../device/device.ts';
import { NO_TICK_TIMES, type TickTimes } from '../support/tick-times.ts';
import { type Frame, type FrameKey, frameName, type PartKey } from '../training/frame.ts';
import { type FrameChooser, freeMessages, type Taken } from '../training/free-ticks.ts';
import { allFinite } from '../training/metrics.ts';
import { BatchQueue } from './batch-queue.ts';
import { toldInTicks } from './frozen.ts';
import { fieldsOf, type Part } from './part.ts';
import { type Routes, routesOf, ticksOf } from './route.ts';
import { Slots } from './slots.ts';
import type { Walk, WalkStep } from './walk.ts';

export type Advance =
  /** To be carried to the shards that `Message.to` names, in this order; then call `advance` again. */
  | { readonly kind: 'send'; readonly frames: readonly Frame[] }
  /** Nothing can go on before one of these has been delivered. */
  | { readonly kind: 'needs'; readonly frames: readonly FrameKey[] }
  /** A part is finished, its weight step included; the results that this shard gives. */
  | {
      readonly kind: 'done';
      readonly part: PartKey;
      readonly results: Readonly<Record<string, Tensor>>;
      /** Of free ticks, which read frames of other ticks: a replay does the same with them (`asTaken`). */
      readonly taken?: readonly Taken[];
    }
  /** No part is under way. */
  | { readonly kind: 'idle' };

/** Why a frame was refused; nothing of it was taken. */
export type Refusal = 'unknown-message' | 'not-for-this-shard' | 'wrong-shape' | 'not-finite' | 'twice' | 'past';

export interface ShardSession {
  readonly shard: number;
  readonly schedule: ShardSchedule;
  /** Queues a part; parts end in the order in which they were started. @throws Error for an unknown name */
  start(part: Part): void;
  /**
   * Takes a frame for a part under way or still to come.
   * @param areFinite its values were looked at already
   * @returns why it was refused, or nothing; of a message of free ticks `past` and `twice` do no harm
   */
  deliver(frame: Frame, areFinite?: boolean): Refusal | undefined;
  /** Goes on as far as it can without another shard. One call at a time. */
  advance(): Promise<Advance>;
  /** Whether ticks may read older frames of a message. */
  isFree(message: number): boolean;
  /**
   * Frames of these shards are not waited for in trainings: what they said last in a call stands in for them there. Where
   * they have said nothing in it, zeros do: a sum without their share, and no error. @param forGood in evaluations neither
   */
  standIn?(absent: ReadonlySet<number>, forGood: ReadonlySet<number>): void;
  /** Gives up the part under way, and goes on with this call: frames of calls before it are forgotten. */
  skipTo?(callIndex: number): void;
  /** Forgets all parts and frames; states of the device stay as they are. For a return to a snapshot. */
  reset(): void;
}

const NONE: ReadonlySet<number> = new Set();

type RunStep = Pick<Extract<WalkStep, { readonly kind: 'run' }>, 'name' | 'inputs' | 'position' | 'shown'>;
type Runner = Pick<DeviceSession, 'run' | 'computed' | 'held'>;

/**
 * @param device the shard's program, opened; its states filled
 * @param times where its time is counted
 * @param chooser which frames its ticks read (schedule `async`); absent: those of the same tick
 */
export function openSession(
  schedule: ShardSchedule,
  executable: Executable,
  device: Runner,
  times: TickTimes = NO_TICK_TIMES,
  chooser?: FrameChooser,
): ShardSession {
  const routes = new Map(schedule.functions.map((f) => [f.name, routesOf(f, executable.program, schedule)]));
  return new Session(schedule, routes, device, times, chooser && new Slots(freeMessages(schedule), chooser));
}

class Session implements ShardSession {
  readonly shard: number;
  readonly schedule: ShardSchedule;
  readonly #routes: ReadonlyMap<string, Routes>;
  readonly #device: Runner;
  readonly #times: TickTimes;
  readonly #messages: ReadonlyMap<number, Message>;
  readonly #queue: BatchQueue;
  readonly #frames = new Map<string, Frame>();
  /** Of free ticks. */
  readonly #slots: Slots | undefined;
  readonly #before: ReturnType<typeof toldInTicks>;
  /** Numbers of the device, as neighbours send them. */
  #isDouble = false;
  /** Shards that no trainer computes now, and those that were given up. */
  #absent: ReadonlySet<number> = NONE;
  #lost: ReadonlySet<number> = NONE;
  /** Parts before this one are over: what still comes for them is old. */
  #past = -1;
  /** Since when it waits for frames; 0: it does not. */
  #waitsSince = 0;

  constructor(
    schedule: ShardSchedule,
    routes: ReadonlyMap<string, Routes>,
    device: Runner,
    times: TickTimes,
    slots: Slots | undefined,
  ) {
    this.#slots = slots;
    this.#before = toldInTicks(schedule, slots?.free ?? NONE);
    this.shard = schedule.shard;
    this.schedule = schedule;
    this.#routes = routes;
    this.#device = device;
    this.#queue = new BatchQueue(device.held);
    this.#times = times;
    this.#messages = new Map(schedule.messages.map((m) => [m.id, m]));
  }

  start(part: Part): void {
    const routes = this.#routes.get(part.name);
    const f = this.schedule.functions.find(({ name }) => name === part.name);
    if (!routes || !f) throw new Error(`shard ${this.shard} has no function ${part.name}`);
    this.#slots?.begin(part);
    this.#queue.add(routes, { ...part, inputs: fieldsOf(f, part.inputs) });
  }

  deliver(frame: Frame, areFinite = false): Refusal | undefined {
    const message = this.#messages.get(frame.message);
    if (!message) return 'unknown-message';
    if (message.to !== this.shard) return 'not-for-this-shard';
    if (frame.callIndex <= this.#past) return 'past';
    if (frame.values.length !== message.values.length) return 'wrong-shape';
    if (frame.values.some((v, i) => v.length !== sizeOf(message.values[i]?.shape ?? []))) return 'wrong-shape';
    if (!areFinite && !frame.values.every(allFinite)) return 'not-finite';
    this.#isDouble ||= frame.values[0] instanceof Float64Array;
    if (this.#slots?.isFree(frame)) return this.#slots.put(frame);
    const key = frameName(frame);
    if (this.#frames.has(key)) return 'twice';
    this.#frames.set(key, frame);
    return undefined;
  }

  async advance(): Promise<Advance> {
    this.#endWait();
    for (;;) {
      const step = this.#queue.next(this.#has);
      const { first } = this.#queue;
      if (!step || !first) return { kind: 'idle' };
      switch (step.kind) {
        case 'needs':
          if (this.#times.on) this.#waitsSince = performance.now();
          return step;
        case 'receive':
          step.walk.received(step.frames.map((key) => this.#take(key, step.walk)));
          break;
        case 'run':
          step.walk.ran(await this.#run(step));
          break;
        case 'send':
          return { kind: 'send', frames: step.frames };
        case 'done': {
          this.#queue.shift();
          const { callIndex, microbatch } = first;
          this.#past = callIndex;
          this.#times.called(this.#ticksOf(first.name));
          const taken = this.#slots?.end(first) ?? [];
          // Of a neighbour that was absent, frames may have come that were not needed any more.
          if (this.#absent.size > 0) this.#forget();
          const part = { callIndex, microbatch };
          return { kind: 'done', part, results: step.results, ...(taken.length > 0 && { taken }) };
        }
      }
    }
  }

  isFree(message: number): boolean {
    return this.#slots?.isFree({ message }) === true;
  }

  standIn(absent: ReadonlySet<number>, forGood: ReadonlySet<number>): void {
    this.#absent = absent;
    this.#lost = forGood;
  }

  skipTo(callIndex: number): void {
    this.#queue.clear();
    this.#past = callIndex - 1;
    this.#forget();
  }

  reset(): void {
    this.#queue.clear();
    this.#frames.clear();
    this.#slots?.clear();
    this.#past = -1;
  }

  #run(step: RunStep): Promise<Record<string, Tensor>> {
    if (this.#times.on) return this.#timedRun(step);
    return this.#device.run(step.name, step.inputs, step.position, step.shown);
  }

  async #timedRun({ name, inputs, position, shown }: RunStep): Promise<Record<string, Tensor>> {
    const [device, times] = [this.#device, this.#times];
    const computed = device.computed?.() ?? 0;
    const before = times.enter('copying');
    const running = device.run(name, inputs, position, shown);
    times.leave(before);
    const began = performance.now();
    const results = await running;
    const spent = (device.computed?.() ?? 0) - computed;
    times.add('device', spent);
    times.add('crossing threads', Math.max(0, performance.now() - began - spent));
    times.ran();
    return results;
  }

  #endWait(): void {
    if (this.#waitsSince === 0) return;
    this.#times.add('waiting for a border', performance.now() - this.#waitsSince);
    this.#waitsSince = 0;
  }

  #ticksOf(name: string): number {
    const f = this.schedule.functions.find((g) => g.name === name);
    return f ? ticksOf(f) : 0;
  }

  readonly #has = (key: FrameKey): boolean => this.#isHere(key) || this.#isStoodInFor(key);

  #isHere(key: FrameKey): boolean {
    return this.#slots?.isFree(key) ? this.#slots.has(key) : this.#frames.has(frameName(key));
  }

  #isStoodInFor({ message }: FrameKey): boolean {
    const from = this.#messages.get(message)?.from ?? this.shard;
    if (this.#lost.has(from)) return true;
    return this.#absent.has(from) && isTraining(this.#queue.first?.name ?? '');
  }

  #standIn(key: FrameKey, walk: Walk): Frame {
    const Values = this.#isDouble ? Float64Array : Float32Array;
    const told = this.#before.get(key.message) ?? [];
    // Who does without a shard for good learns to: weights into its nodes come to give nothing.
    const isForGood = this.#lost.has(this.#messages.get(key.message)?.from ?? this.shard);
    const values = (this.#messages.get(key.message)?.values ?? []).map((value, i) => {
      const before = told[i];
      const last = before && this.#slots?.newest({ ...key, message: before.message })?.values[before.index];
      return last ?? (isForGood ? undefined : walk.standIn(value)) ?? new Values(sizeOf(value.shape));
    });
    return { ...key, values };
  }

  /** Frames of parts that are over. */
  #forget(): void {
    for (const [name, { callIndex }] of this.#frames) if (callIndex <= this.#past) this.#frames.delete(name);
    this.#slots?.forget(this.#past);
  }

  #take(key: FrameKey, walk: Walk): Frame {
    if (this.#slots?.isFree(key)) return this.#slots.take(key, this.#isStoodInFor(key)) ?? this.#standIn(key, walk);
    const name = frameName(key);
    const frame = this.#frames.get(name);
    this.#frames.delete(name);
    return frame ?? this.#standIn(key, walk);
  }
}
