/** Shards of one plan in threads of this process: each thread runs whole calls of its shards. */
import { Worker } from 'node:worker_threads';
import type { ShardFunction, ShardSchedule } from '../../../spec/schedule.ts';
import { buffersOf, copied, startOf } from '../../device/cpu/messages.ts';
import { sessionOn, type Thread, threadOf } from '../../device/cpu/thread.ts';
import type { DeviceSession, Executable, FieldData, Position, Tensor } from '../../device/device.ts';
import { inTime, markStuck } from '../../device/stuck.ts';
import type { TickTimes } from '../../support/tick-times.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import type { Between } from '../between.ts';
import { createExchange, Exchange, type ExchangeStart } from '../exchange.ts';
import { fieldsOf, type Part } from '../part.ts';
import { ticksOf } from '../route.ts';
import { dealShards } from './deal.ts';
import type { CallDone, ShardRequest } from './messages.ts';
import { SharedBatches } from './shared-batches.ts';
import type { Spent } from './stopwatch.ts';

type Results = Record<string, Tensor>;
type ShardThread = Thread<ShardRequest>;

export interface ShardThreads {
  /** One for each shard, for its states. */
  readonly devices: readonly DeviceSession[];
  /** One function of the whole model; calls are carried out in the order in which they were made. */
  run(name: string, inputs: Readonly<Record<string, FieldData>>, position: Position): Promise<Results>;
}

interface Place {
  readonly executable: Executable;
  readonly schedule: ShardSchedule;
}

/**
 * @param most threads that the machine runs at once
 * @param times of each shard, where its time is counted
 * @param between how frames and batches go between them
 */
export function openInThreads(
  places: readonly Place[],
  most: number,
  times: readonly (TickTimes | undefined)[] = [],
  { lanes, codec = 'f32' }: Between = {},
): ShardThreads {
  const count = threadsFor(places.length, most);
  const dealt = dealShards(places, count, lanes?.behind);
  const start = exchangeOf(places, dealt, count);
  const exchange = new Exchange(start, count);
  const threads = Array.from({ length: count }, () =>
    threadOf<ShardRequest>(new Worker(new URL('./worker.js', import.meta.url))),
  );
  let open = places.length;
  const closed = async (): Promise<void> => {
    open--;
    if (open === 0) await Promise.all(threads.map((t) => t.close()));
  };
  const shards = places.map((place, engine) => {
    const own = dealt[engine] ?? 0;
    return new ThreadedShard(
      place,
      engine,
      own,
      { thread: threads[own] as ShardThread, exchange, closed, codec },
      times[engine],
    );
  });
  for (const shard of shards) shard.open(start);
  const shared =
    lanes &&
    new SharedBatches({
      ...{ plan: lanes, threads, dealt },
      functions: places.map(({ schedule }) => functionOf(schedule, lanes.name)),
      counts: times.some((each) => each?.on),
      spent: (shard, spent) => shards[shard]?.count(lanes.name, spent),
      ring: (thread) => exchange.ring(thread),
    });
  const stop = (): void => {
    exchange.stop();
    shared?.stop();
  };
  let calls = 0;
  let failure: { readonly error: unknown } | undefined;
  return {
    devices: shards.map((shard) => shard.deviceThat({ writes: () => shared?.written(), closes: stop })),
    run: async (name, inputs, position) => {
      if (failure) throw failure.error;
      const callIndex = calls++;
      try {
        if (shared?.isOn && name === shared.name) return await shared.run(inputs, position, callIndex);
        const all = await Promise.all(shards.map((shard) => shard.call({ name, position, callIndex, inputs })));
        return Object.assign({}, ...all) as Results;
      } catch (error) {
        failure ??= { error };
        // Others wait for what will never come.
        stop();
        throw failure.error;
      }
    },
  };
}

/** Each of them has a shard. @param most threads that the machine runs at once */
export const threadsFor = (shards: number, most: number): number => Math.min(most, shards);

/** Of all messages; the command's own thread, behind all others, only rings. */
function exchangeOf(places: readonly Place[], dealt: readonly number[], count: number): ExchangeStart {
  const functions = places.flatMap(({ schedule }) => schedule.functions);
  const messages = places.flatMap(({ schedule }) => schedule.messages.filter((m) => m.to === schedule.shard));
  return createExchange(
    {
      messages,
      microbatches: functions.reduce((most, { microbatches = 1 }) => Math.max(most, microbatches), 1),
      ahead: functions.some((f) => f.odd !== undefined),
      threads: Object.fromEntries(places.map(({ schedule }, i) => [schedule.shard, dealt[i] ?? 0])),
    },
    count + 1,
  );
}

interface Surroundings {
  readonly thread: ShardThread;
  readonly exchange: Exchange;
  readonly closed: () => Promise<void>;
  readonly codec: BorderCodec;
}

/** The command's end of one shard. */
class ThreadedShard {
  readonly #place: Place;
  readonly #engine: number;
  readonly #own: number;
  readonly #around: Surroundings;
  readonly #times: TickTimes | undefined;

  /** @param engine its place among all shards @param own the number of its thread */
  constructor(place: Place, engine: number, own: number, around: Surroundings, times: TickTimes | undefined) {
    this.#place = place;
    this.#engine = engine;
    this.#own = own;
    this.#around = around;
    this.#times = times;
  }

  open(exchange: ExchangeStart): void {
    const { executable, schedule } = this.#place;
    const { program } = executable;
    const [engine, own, counts] = [this.#engine, this.#own, this.#times?.on === true];
    this.#around.thread.tell({ kind: 'open', engine, start: startOf(executable, 1) });
    // What the operations are is in the device's files.
    const functions = program.functions.map((f) => ({ ...f, blocks: [] }));
    const join = { schedule, program: { ...program, functions }, exchange, own, counts, codec: this.#around.codec };
    this.#around.thread.tell({ kind: 'join', engine, ...join });
  }

  /** The results that this shard gives. */
  async call({ inputs, ...call }: Omit<Part, 'microbatch'>): Promise<Results> {
    const f = functionOf(this.#place.schedule, call.name);
    const part: Part = { ...call, inputs: copied(fieldsOf(f, inputs)), microbatch: 0 };
    const done = this.#ask<CallDone>({ kind: 'call', engine: this.#engine, part }, buffersOf(part.inputs));
    const { results, spent } = await done;
    if (spent) this.count(call.name, spent);
    return results;
  }

  /** What a call of a function has taken. */
  count(name: string, spent: Spent): void {
    if (this.#times) count(this.#times, functionOf(this.#place.schedule, name), spent);
  }

  /** @param told before states are written, and before it is closed */
  deviceThat(told: { readonly writes: () => void; readonly closes: () => void }): DeviceSession {
    const engine = this.#engine;
    const ask = <T>(request: Parameters<ShardThread['ask']>[0], transfer?: ArrayBuffer[]): Promise<T> => {
      if (request.kind === 'write') told.writes();
      return this.#ask<T>(request, transfer);
    };
    return {
      ...sessionOn({ ask }, engine),
      close: async () => {
        told.closes();
        if (!(await inTime(this.#ask({ kind: 'close', engine })))) markStuck();
        await this.#around.closed();
      },
    };
  }

  /** Wakes the thread, too: it may wait for frames. */
  #ask<T>(request: Parameters<ShardThread['ask']>[0], transfer?: ArrayBuffer[]): Promise<T> {
    const { thread, exchange } = this.#around;
    const answer = thread.ask<T>(request, transfer);
    exchange.ring(this.#own);
    return answer;
  }
}

function functionOf(schedule: ShardSchedule, name: string): ShardFunction {
  const f = schedule.functions.find((g) => g.name === name);
  if (!f) throw new Error(`shard ${schedule.shard} has no function ${name}`);
  return f;
}

function count(times: TickTimes, f: ShardFunction, spent: Spent): void {
  times.add('device', spent.device);
  times.add('copying', spent.copying);
  times.add('waiting for a border', spent.waiting);
  times.ran(spent.runs);
  times.called(ticksOf(f));
}
