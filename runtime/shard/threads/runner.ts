/** One shard in a thread of its own: its calls run to their ends where its device is, frames come and go through memory. */

import type { CpuEngine } from '../../device/cpu/engine.ts';
import { ValuePool } from '../../device/cpu/value-pool.ts';
import type { RunInput, Tensor } from '../../device/device.ts';
import type { Frame, FrameKey } from '../../training/frame.ts';
import { allFinite } from '../../training/metrics.ts';
import { type Carrier, carrierOf } from '../../wire/carrier.ts';
import { BatchQueue } from '../batch-queue.ts';
import type { Exchange } from '../exchange.ts';
import type { Part } from '../part.ts';
import { type Routes, routesOf } from '../route.ts';
import type { CallDone, ShardJoin } from './messages.ts';
import { Stopwatch } from './stopwatch.ts';

export interface RunnerCall {
  readonly part: Part;
  readonly done: (done: CallDone) => void;
  readonly failed: (error: unknown) => void;
  /** Told what each segment runs on. */
  readonly look?: (segment: string, tick: number, inputs: Readonly<Record<string, RunInput>>) => void;
}

export class ShardRunner {
  readonly #engine: CpuEngine;
  readonly #exchange: Exchange;
  readonly #routes: ReadonlyMap<string, Routes>;
  readonly #shapes: ReadonlyMap<number, readonly (readonly number[])[]>;
  readonly #pool = new ValuePool();
  readonly #queue = new BatchQueue(this.#pool);
  readonly #calls: RunnerCall[] = [];
  readonly #has = (key: FrameKey): boolean => this.#exchange.has(key);
  readonly #room = (key: FrameKey): boolean => this.#exchange.hasRoom(key);

  readonly #watch: Stopwatch;

  readonly #carrier: Carrier | undefined;

  constructor({ schedule, program, counts, codec }: ShardJoin, engine: CpuEngine, exchange: Exchange) {
    this.#watch = new Stopwatch(counts);
    this.#carrier = carrierOf(codec, schedule);
    this.#engine = engine;
    this.#exchange = exchange;
    this.#routes = new Map(schedule.functions.map((f) => [f.name, routesOf(f, program, schedule)]));
    this.#shapes = new Map(schedule.messages.map((m) => [m.id, m.values.map((v) => v.shape)]));
  }

  start(call: RunnerCall): void {
    const routes = this.#routes.get(call.part.name);
    if (!routes) throw new Error(`there is no function ${call.part.name}`);
    this.#queue.add(routes, call.part);
    this.#calls.push(call);
  }

  get isIdle(): boolean {
    return this.#calls.length === 0;
  }

  /** Goes on as far as one run of the device. @returns whether anything could be done */
  async step(): Promise<boolean> {
    for (let moved = false; ; moved = true) {
      const step = this.#queue.next(this.#has, this.#room);
      switch (step?.kind) {
        case 'receive':
          this.#watch.turn('copying');
          step.walk.received(step.frames.map((key) => this.#take(key)));
          break;
        case 'run':
          this.#calls[0]?.look?.(step.name, step.position.tick ?? 0, step.inputs);
          this.#watch.turn('device');
          step.walk.ran(await this.#engine.runWithin(this.#pool, step.name, step.inputs, step.position));
          this.#watch.ran();
          return true;
        case 'send':
          this.#watch.turn('copying');
          for (const frame of step.frames) this.#put(frame);
          break;
        case 'done': {
          this.#queue.shift();
          const spent = this.#watch.taken();
          this.#calls.shift()?.done({ results: { ...step.results }, ...(spent && { spent }) });
          break;
        }
        case 'needs':
          this.#watch.turn('waiting');
          return moved;
        default:
          this.#watch.turn(undefined);
          return moved;
      }
    }
  }

  fail(error: unknown): void {
    this.#queue.clear();
    for (const { failed } of this.#calls.splice(0)) failed(error);
  }

  #put(made: Frame): void {
    const places = this.#exchange.openWrite(made);
    if (!places) throw new Error(`no room for message ${made.message}`);
    const frame = this.#carrier && made.values.every(allFinite) ? this.#carrier(made) : made;
    places.forEach((place, i) => {
      place.set(frame.values[i] as Tensor);
    });
    this.#exchange.post(frame);
  }

  #take(key: FrameKey): Frame {
    const places = this.#exchange.openRead(key);
    if (!places) throw new Error(`message ${key.message} is not there`);
    const values = places.map((place, i) => {
      const own = this.#pool.take(this.#shapes.get(key.message)?.[i] ?? []).data as Float32Array;
      own.set(place);
      return own;
    });
    this.#exchange.release(key);
    return { ...key, values };
  }
}
