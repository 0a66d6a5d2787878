/**
 * Shared memory through which frames go from thread to thread: between shards of one process, and between a shard and
 * what carries its frames over the network. Every frame is copied into a slot once, by its writer; its reader copies
 * it out, or reads it where it lies. All memory is made at the beginning.
 *
 * A *lane* holds the frames of one message for one microbatch (and, where batches begin before the weight step of the
 * one before, for even or odd calls): they are put and taken in the same order, at most `DEPTH` of them at a time. A
 * shard that is fast therefore waits for its readers. It cannot wait for ever: shards go through segments in one global
 * order, and a frame is taken before the next one of its lane is put in that order.
 *
 * To write:   const values = exchange.openWrite(key);   nothing where the lane is full: `bell` rings when it is not
 *             values[0].set(…); exchange.post(key);     rings the reader's bell
 * To read:    const values = exchange.openRead(key);    nothing where the frame is not there yet
 *             … = values[0]; exchange.release(key);     rings the writer's bell where it waits for room
 * `waiting()` says which frame for this thread was put first. To sleep: read `bell`, look at everything that could be
 * done, and if there is nothing call `sleep(bell)` (or `await sleepAsync(bell)` in a thread that has other things to
 * do): it returns at once where the bell has rung since.
 *
 * What carries frames over the network is a thread like any other, as `threads` says: frames that come in are written
 * as of their sender's shard, frames that go out are those that `waiting()` names.
 */
import { sizeOf } from '../../spec/program.ts';
import type { Message } from '../../spec/schedule.ts';
import type { FrameKey } from '../training/frame.ts';

/** The same on every thread. */
export interface ExchangeStart {
  readonly messages: readonly Message[];
  /** The most microbatches of any batch. */
  readonly microbatches: number;
  /** Whether two calls may be under way at once. */
  readonly ahead: boolean;
  /** Which thread has which shard, from 0. */
  readonly threads: Readonly<Record<number, number>>;
  readonly memory: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
}

/** Frames that may lie in a lane. */
const DEPTH = 2;
const WORDS = 16;
const ALIGNMENT = 64;
/** Words of a lane's header; of each frame's behind it. */
const HEAD = { put: 0, taken: 1, wanted: 2 } as const;
const FRAME = { callIndex: 0, tick: 1, order: 2 } as const;
const FRAME_AT = 4;
const FRAME_WORDS = 4;

interface Lane {
  readonly message: Message;
  readonly microbatch: number;
  readonly head: Int32Array;
  readonly reader: number;
  readonly writer: number;
  /** Of each place, one view for each value. */
  readonly places: readonly (readonly Float32Array[])[];
}

/** @param threads how many there are */
export function createExchange(
  start: Pick<ExchangeStart, 'messages' | 'microbatches' | 'ahead' | 'threads'>,
  threads: number,
): ExchangeStart {
  const lanes = start.microbatches * turnsOf(start);
  const bytes = start.messages.reduce((sum, m) => sum + lanes * laneBytes(m), 0);
  return {
    ...start,
    memory: new SharedArrayBuffer(bytes),
    // A word that stops everybody, and a bell and a counter for each thread, far from each other.
    bells: new SharedArrayBuffer((1 + threads) * ALIGNMENT),
  };
}

const turnsOf = ({ ahead }: Pick<ExchangeStart, 'ahead'>): number => (ahead ? 2 : 1);

function laneBytes(message: Message): number {
  return ALIGNMENT + DEPTH * frameBytes(message);
}

function frameBytes({ values }: Message): number {
  return values.reduce((sum, v) => sum + aligned(sizeOf(v.shape) * Float32Array.BYTES_PER_ELEMENT), 0);
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** One thread's end. */
export class Exchange {
  readonly #start: ExchangeStart;
  readonly #own: number;
  readonly #bells: Int32Array;
  readonly #lanes = new Map<number, readonly Lane[]>();
  /** That this thread reads. */
  readonly #read: Lane[] = [];

  /** @param own the number of this thread */
  constructor(start: ExchangeStart, own: number) {
    this.#start = start;
    this.#own = own;
    this.#bells = new Int32Array(start.bells);
    const count = start.microbatches * turnsOf(start);
    let at = 0;
    for (const message of start.messages) {
      const lanes: Lane[] = [];
      for (let lane = 0; lane < count; lane++, at += laneBytes(message)) lanes.push(this.#lane(message, lane, at));
      this.#lanes.set(message.id, lanes);
      if (start.threads[message.to] === own) this.#read.push(...lanes);
    }
  }

  /** Whether a frame may be put. */
  hasRoom(key: FrameKey): boolean {
    const { head } = this.#laneOf(key);
    if (isFree(head)) return true;
    Atomics.store(head, HEAD.wanted, 1);
    return isFree(head);
  }

  /** Memory for the values of a frame, before it is posted; nothing where there is no room. */
  openWrite(key: FrameKey): readonly Float32Array[] | undefined {
    if (!this.hasRoom(key)) return undefined;
    const { head, places } = this.#laneOf(key);
    return places[Atomics.load(head, HEAD.put) & (DEPTH - 1)];
  }

  /** Its values have been written. */
  post(key: FrameKey): void {
    const { head, reader } = this.#laneOf(key);
    const put = Atomics.load(head, HEAD.put);
    const at = frameAt(put);
    head[at + FRAME.callIndex] = key.callIndex;
    head[at + FRAME.tick] = key.tick;
    head[at + FRAME.order] = Atomics.add(this.#bells, bellAt(reader) + 1, 1);
    Atomics.store(head, HEAD.put, (put + 1) | 0);
    this.ring(reader);
  }

  /** Whether a frame is there. */
  has(key: FrameKey): boolean {
    const { head } = this.#laneOf(key);
    const taken = Atomics.load(head, HEAD.taken);
    if (Atomics.load(head, HEAD.put) === taken) return false;
    const at = frameAt(taken);
    return head[at + FRAME.callIndex] === key.callIndex && head[at + FRAME.tick] === key.tick;
  }

  /** The values of a frame where they lie, until it is released; nothing where it is not there. */
  openRead(key: FrameKey): readonly Float32Array[] | undefined {
    if (!this.has(key)) return undefined;
    const { head, places } = this.#laneOf(key);
    return places[Atomics.load(head, HEAD.taken) & (DEPTH - 1)];
  }

  /** Its values have been read. */
  release(key: FrameKey): void {
    const { head, writer } = this.#laneOf(key);
    Atomics.add(head, HEAD.taken, 1);
    if (Atomics.exchange(head, HEAD.wanted, 0) === 1) this.ring(writer);
  }

  /** Of the frames for this thread the one that was put first. */
  waiting(): FrameKey | undefined {
    let first: { lane: Lane; at: number; order: number } | undefined;
    for (const lane of this.#read) {
      const taken = Atomics.load(lane.head, HEAD.taken);
      if (Atomics.load(lane.head, HEAD.put) === taken) continue;
      const at = frameAt(taken);
      const order = lane.head[at + FRAME.order] as number;
      if (!first || ((order - first.order) | 0) < 0) first = { lane, at, order };
    }
    if (!first) return undefined;
    const { message, microbatch, head } = first.lane;
    const [callIndex, tick] = [head[first.at + FRAME.callIndex] as number, head[first.at + FRAME.tick] as number];
    return { message: message.id, callIndex, microbatch, tick };
  }

  /** Something has changed for a thread. */
  ring(thread: number): void {
    const at = bellAt(thread);
    Atomics.add(this.#bells, at, 1);
    if (thread !== this.#own) Atomics.notify(this.#bells, at);
  }

  /** How often this thread's bell has rung. */
  get bell(): number {
    return Atomics.load(this.#bells, bellAt(this.#own));
  }

  /** Waits until the bell rings. @param heard `bell`, before anything was looked at */
  sleep(heard: number, milliseconds: number): void {
    Atomics.wait(this.#bells, bellAt(this.#own), heard, milliseconds);
  }

  async sleepAsync(heard: number): Promise<void> {
    await Atomics.waitAsync(this.#bells, bellAt(this.#own), heard).value;
  }

  /** Ends all waiting: no thread sleeps from now on. */
  stop(): void {
    Atomics.store(this.#bells, 0, 1);
    const threads = this.#bells.length / WORDS - 1;
    for (let thread = 0; thread < threads; thread++) {
      Atomics.add(this.#bells, bellAt(thread), 1);
      Atomics.notify(this.#bells, bellAt(thread));
    }
  }

  get isStopped(): boolean {
    return Atomics.load(this.#bells, 0) === 1;
  }

  /** Forgets all frames; only while none is written or read. */
  clear(): void {
    for (const lanes of this.#lanes.values()) for (const { head } of lanes) head.fill(0);
  }

  #lane(message: Message, lane: number, at: number): Lane {
    const { memory, threads } = this.#start;
    let next = at + ALIGNMENT;
    const places = Array.from({ length: DEPTH }, () =>
      message.values.map(({ shape }) => {
        const size = sizeOf(shape);
        const view = new Float32Array(memory as unknown as ArrayBuffer, next, size);
        next += aligned(size * Float32Array.BYTES_PER_ELEMENT);
        return view;
      }),
    );
    const [reader = 0, writer = 0] = [threads[message.to], threads[message.from]];
    const microbatch = Math.floor(lane / turnsOf(this.#start));
    return { message, microbatch, head: new Int32Array(memory, at, WORDS), reader, writer, places };
  }

  #laneOf({ message, microbatch, callIndex }: FrameKey): Lane {
    const turns = turnsOf(this.#start);
    const lane = this.#lanes.get(message)?.[microbatch * turns + (callIndex % turns)];
    if (!lane) throw new Error(`no lane for message ${message} of microbatch ${microbatch}`);
    return lane;
  }
}

const bellAt = (thread: number): number => (1 + thread) * WORDS;
const frameAt = (count: number): number => FRAME_AT + FRAME_WORDS * (count & (DEPTH - 1));
const isFree = (head: Int32Array): boolean =>
  ((Atomics.load(head, HEAD.put) - Atomics.load(head, HEAD.taken)) | 0) < DEPTH;
