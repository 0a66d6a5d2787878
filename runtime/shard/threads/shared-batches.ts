/** The command's end of threads that share every batch of a training. */
import type { ShardFunction } from '../../../spec/schedule.ts';
import { MEETING_BYTES, Meeting } from '../../device/cpu/meeting.ts';
import { buffersOf, copied } from '../../device/cpu/messages.ts';
import type { Thread } from '../../device/cpu/thread.ts';
import type { FieldData, Position, Tensor } from '../../device/device.ts';
import { fieldsOf, sharesOf } from '../part.ts';
import type { LanePlan } from './lane-plan.ts';
import type { BatchDone, ShardRequest } from './messages.ts';
import { bytesOf, type LaneBatch } from './shard-lane.ts';
import type { Spent } from './stopwatch.ts';

type Fields = Readonly<Record<string, FieldData>>;

/** The threads, and what each shard has of the function that is shared. */
export interface Sharing {
  readonly plan: LanePlan;
  readonly threads: readonly Thread<ShardRequest>[];
  /** The thread of each shard. */
  readonly dealt: readonly number[];
  readonly functions: readonly ShardFunction[];
  /** Whether threads tell where their time goes. */
  readonly counts: boolean;
  /** Told of each shard's part of it. */
  readonly spent: (shard: number, spent: Spent) => void;
  /** Wakes a thread that waits for frames. */
  readonly ring: (thread: number) => void;
}

export class SharedBatches {
  /** Whether batches are shared: no more when that has given other bits. */
  isOn = true;
  readonly #sharing: Sharing;
  readonly #meeting: Meeting;
  readonly #behind: readonly (readonly string[])[];
  readonly #control = new SharedArrayBuffer(MEETING_BYTES + Int32Array.BYTES_PER_ELEMENT);
  #written = true;
  /** Whether it is known that sharing gives the same bits: what shards would need alone is sent no more. */
  #isProven = false;

  /** When all shards have been opened in their threads. */
  constructor(sharing: Sharing) {
    const { plan, threads, dealt, counts } = sharing;
    this.#sharing = sharing;
    this.#behind = fieldsBehind(plan, dealt.length);
    this.#meeting = new Meeting(new Int32Array(this.#control), plan.lanes);
    const memory = {
      control: this.#control,
      values: new SharedArrayBuffer(bytesOf(plan.values)),
      weights: new SharedArrayBuffer(bytesOf(plan.weights)),
    };
    threads.forEach((thread, lane) => {
      const engine = dealt.indexOf(lane);
      thread.tell({ kind: 'lane', engine, start: { plan, lane, threads: dealt, counts, ...memory } });
    });
  }

  get name(): string {
    return this.#sharing.plan.name;
  }

  /** A state has been written: other threads have it not yet. */
  written(): void {
    this.#written = true;
  }

  /** The inputs may be changed as soon as this returns. */
  async run(inputs: Fields, position: Position, callIndex: number): Promise<Record<string, Tensor>> {
    const { plan, threads, dealt, functions } = this.#sharing;
    const shared = Object.fromEntries(plan.fields.map((field) => [field, inputs[field] as FieldData]));
    const sizes = threads.map(() => plan.samples);
    const shares = sharesOf(shared, sizes);
    const written = this.#written;
    this.#written = false;
    const done = threads.map((thread, lane) => {
      const own = functions.flatMap((f, shard) =>
        dealt[shard] === lane ? [[shard, this.#fieldsOf(shard, f, inputs)] as const] : [],
      );
      const share = shares[lane] as Fields;
      const batch: LaneBatch = { position, callIndex, share, inputs: new Map(own), written };
      const buffers = [share, ...own.map(([, fields]) => fields)].flatMap(buffersOf);
      const answer = thread.ask<BatchDone>({ kind: 'batch', engine: dealt.indexOf(lane), batch }, buffers);
      this.#sharing.ring(lane);
      return answer;
    });
    const all = await Promise.all(done);
    if (all.some(({ isGivenUp }) => isGivenUp)) throw new Error('the shards were stopped');
    this.isOn = all.every(({ isShared }) => isShared);
    this.#isProven = this.isOn;
    all.forEach(({ spent }, lane) => {
      if (spent) this.#tell(lane, spent);
    });
    return Object.assign({}, ...all.map(({ results }) => results)) as Record<string, Tensor>;
  }

  /** No thread waits for another from now on. */
  stop(): void {
    this.#meeting.fail();
  }

  #fieldsOf(shard: number, f: ShardFunction, inputs: Fields): Fields {
    if (!this.#isProven) return copied(fieldsOf(f, inputs));
    return copied(Object.fromEntries(this.#behind[shard]?.map((field) => [field, inputs[field] as FieldData]) ?? []));
  }

  /** Of a thread with several shards each has its part. */
  #tell(lane: number, { waiting, copying, device, runs }: Spent): void {
    const { dealt, spent } = this.#sharing;
    const own = dealt.flatMap((thread, shard) => (thread === lane ? [shard] : []));
    const part = (all: number): number => all / own.length;
    for (const shard of own)
      spent(shard, { waiting: part(waiting), copying: part(copying), device: part(device), runs: part(runs) });
  }
}

/** Fields that each shard reads behind settling. */
function fieldsBehind({ behind }: LanePlan, shards: number): string[][] {
  return Array.from({ length: shards }, (_, shard) => {
    const sources = behind.filter((run) => run.shard === shard).flatMap(({ inputs }) => Object.values(inputs));
    return [...new Set(sources.flatMap((source) => ('field' in source ? [source.field] : [])))];
  });
}
