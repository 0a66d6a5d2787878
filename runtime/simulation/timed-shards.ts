/**
 * Shards that really train, on a clock and a network that are made up: the sessions of a mesh, each on a machine of its
 * own, whose work takes the time that it is told. A tick of the schedule `async` reads the newest frames that have arrived,
 * so the numbers are those of such a network, and the same on every machine however busy that is.
 */
import { isTraining } from '../../spec/names.ts';
import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { type Advance, openSession, type ShardSession } from '../shard/session.ts';
import { UserError } from '../support/errors.ts';
import { type Frame, type FrameKey, frameName } from '../training/frame.ts';
import { type FrameChooser, freeMessages } from '../training/free-ticks.ts';
import { EventQueue } from './event-queue.ts';

type Open = Parameters<typeof openSession>;
type Part = Parameters<ShardSession['start']>[0];
type Results = Extract<Advance, { readonly kind: 'done' }>['results'];

export interface TimedShard {
  readonly schedule: ShardSchedule;
  readonly executable: Open[1];
  /** Opened, its states filled. */
  readonly device: Open[2];
}

export interface TimedNetwork {
  /** Seconds of one run of a segment on the machine of a shard. */
  readonly seconds: (shard: number, segment: string) => number;
  /** Seconds of processor time of a frame of so many numbers, at both ends together. */
  readonly frame: (numbers: number) => number;
  /** Seconds one way. */
  readonly way: number;
  /** Share of frames that do not arrive; absent: none. One that must is sent again after so many seconds. */
  readonly loss?: { readonly share: number; readonly again: number; readonly seed: number };
}

/** Seconds of a shard's machine. */
export interface Worked {
  /** All of its work. */
  readonly all: number;
  /** Without ticks for which no neighbour had sent anything new. */
  readonly onNew: number;
}

interface Runner {
  readonly session: ShardSession;
  /** Runs of free ticks that begin with a border. */
  readonly readers: ReadonlySet<string>;
  readonly ticks: ReadonlySet<string>;
  /** By message and part, the newest tick that was read. */
  readonly read: Map<string, number>;
  hasNews: boolean;
  isOnNew: boolean;
  /** Of frames that came while it worked. */
  owed: number;
  all: number;
  onNew: number;
  waits: boolean;
  parked: () => void;
  failed: (error: unknown) => void;
}

const nothing = (): void => undefined;
const slotName = ({ message, callIndex, microbatch }: FrameKey): string => `${message}/${callIndex}/${microbatch}`;

export class TimedShards {
  readonly #network: TimedNetwork;
  readonly #runners: readonly Runner[];
  readonly #receivers = new Map<number, Runner>();
  readonly #free: ReadonlySet<number>;
  readonly #queue = new EventQueue<() => Promise<void>>();
  /** By message and part, the newest tick that was sent. */
  readonly #sent = new Map<string, number>();
  readonly #results: Record<string, Results[string]>[] = [];
  #now = 0;
  #left = 0;

  /** @param chooser which frames ticks read (schedule `async`); absent: those of the same tick */
  constructor(shards: readonly TimedShard[], network: TimedNetwork, chooser?: FrameChooser) {
    this.#network = network;
    // With a bound of 0 each tick reads its own frame: none takes the place of another.
    const areFree = chooser?.replaces === true;
    this.#free = new Set(areFree ? shards.flatMap(({ schedule }) => [...freeMessages(schedule)]) : []);
    this.#runners = shards.map((shard) => this.#open(shard, chooser));
    for (const runner of this.#runners)
      for (const { id, to } of runner.session.schedule.messages)
        if (to === runner.session.shard) this.#receivers.set(id, runner);
  }

  /** Virtual seconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** By shard. */
  get worked(): readonly Worked[] {
    return this.#runners.map(({ all, onNew }) => ({ all, onNew }));
  }

  /**
   * Calls of the whole model, which every shard goes through at its own pace.
   * @returns the results of each, of all shards together, when all are done @throws UserError `energy/not-finite`
   */
  async run(calls: readonly Pick<Part, 'name' | 'inputs' | 'position'>[]): Promise<readonly Results[]> {
    const first = this.#results.length;
    for (const [i, call] of calls.entries()) {
      this.#results.push({});
      for (const { session } of this.#runners) session.start({ ...call, callIndex: first + i, microbatch: 0 });
    }
    this.#left = calls.length * this.#runners.length;
    for (const runner of this.#runners) await this.#goOn(runner);
    for (let next = this.#queue.next(); next; next = this.#queue.next()) {
      this.#now = next.at;
      await next.what();
    }
    if (this.#left > 0) throw new Error(`${this.#left} calls of shards wait for frames that no shard sends`);
    return this.#results.slice(first);
  }

  #open({ schedule, executable, device }: TimedShard, chooser: FrameChooser | undefined): Runner {
    const settling = schedule.functions.filter(({ name }) => isTraining(name)).flatMap(({ stages }) => stages);
    const segments = settling.filter(({ repeat }) => repeat > 1).flatMap((stage) => stage.segments);
    const runsOf = (list: typeof segments): Set<string> => new Set(list.flatMap(({ run }) => run ?? []));
    const timed: Open[2] = {
      ...(device.held && { held: device.held }),
      run: async (name, inputs, position, shown) => {
        const results = await device.run(name, inputs, position, shown);
        await this.#work(runner, name);
        return results;
      },
    };
    const runner: Runner = {
      session: openSession(schedule, executable, timed, undefined, chooser && this.#watched(chooser, () => runner)),
      ...{ ticks: runsOf(segments), readers: runsOf(segments.filter(({ receive }) => receive.length > 0)) },
      ...{ read: new Map(), hasNews: false, isOnNew: true, owed: 0, all: 0, onNew: 0 },
      ...{ waits: true, parked: nothing, failed: nothing },
    };
    return runner;
  }

  /** The same choices; a tick newer than the one before it is news. */
  #watched(chooser: FrameChooser, of: () => Runner): FrameChooser {
    return {
      ...chooser,
      choose: (key, slot) => {
        const tick = chooser.choose(key, slot);
        const runner = of();
        if (tick !== undefined && tick > (runner.read.get(slotName(key)) ?? -1)) {
          runner.read.set(slotName(key), tick);
          runner.hasNews = true;
        }
        return tick;
      },
    };
  }

  async #work(runner: Runner, segment: string): Promise<void> {
    if (!runner.ticks.has(segment) || this.#free.size === 0) runner.isOnNew = true;
    else if (runner.readers.has(segment)) {
      runner.isOnNew = runner.hasNews;
      runner.hasNews = false;
    }
    await this.#spend(runner, this.#network.seconds(runner.session.shard, segment));
  }

  /** Of its machine, with what the frames cost that have come since. */
  #spend(runner: Runner, seconds: number): Promise<void> {
    const took = seconds + runner.owed;
    runner.owed = 0;
    runner.all += took;
    if (runner.isOnNew) runner.onNew += took;
    if (took <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#queue.add(this.#now + took, () => this.#turn(runner, resolve));
      runner.parked();
    });
  }

  /** Lets a shard go on until its machine is at work or it waits: nothing else happens meanwhile. */
  #turn(runner: Runner, what: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      runner.parked = resolve;
      runner.failed = reject;
      what();
    });
  }

  #goOn(runner: Runner): Promise<void> {
    if (!runner.waits) return Promise.resolve();
    runner.waits = false;
    return this.#turn(runner, () => {
      this.#untilItWaits(runner).then(
        () => runner.parked(),
        (error) => runner.failed(error),
      );
    });
  }

  async #untilItWaits(runner: Runner): Promise<void> {
    for (;;) {
      const step = await runner.session.advance();
      if (step.kind === 'done') {
        Object.assign(this.#results[step.part.callIndex] ?? {}, step.results);
        this.#left--;
      } else if (step.kind === 'send') {
        // Its memory may be used again before the frame is read.
        const frames = step.frames.map((frame) => ({ ...frame, values: frame.values.map((v) => v.slice()) }));
        for (const frame of frames) await this.#send(runner, frame);
      } else {
        runner.waits = true;
        return;
      }
    }
  }

  async #send(runner: Runner, frame: Frame): Promise<void> {
    await this.#spend(runner, this.#handling(frame));
    if (this.#isFree(frame)) this.#sent.set(slotName(frame), frame.tick);
    this.#carry(frame, 0);
  }

  /** @param tries that were lost */
  #carry(frame: Frame, tries: number): void {
    const { way, loss } = this.#network;
    if (!loss || !this.#isLost(frame, tries)) {
      this.#queue.add(this.#now + way, () => this.#arrive(frame));
      return;
    }
    this.#queue.add(this.#now + loss.again, async () => {
      // A newer one has taken its place.
      if (this.#isFree(frame) && (this.#sent.get(slotName(frame)) ?? 0) > frame.tick) return;
      this.#carry(frame, tries + 1);
    });
  }

  #isLost(key: FrameKey, tries: number): boolean {
    const { share = 0, seed = 0 } = this.#network.loss ?? {};
    return share > 0 && stream(seed, `lost/${frameName(key)}`).uniform(tries) < share;
  }

  /** Whether a newer one may take its place: all but those of the first tick. */
  #isFree({ message, tick }: FrameKey): boolean {
    return tick > 0 && this.#free.has(message);
  }

  async #arrive(frame: Frame): Promise<void> {
    const receiver = this.#receivers.get(frame.message);
    if (!receiver) throw new Error(`message ${frame.message} has no reader`);
    const refusal = receiver.session.deliver(frame);
    if (refusal === 'not-finite')
      throw new UserError(
        'energy/not-finite',
        `a value that shard ${receiver.session.shard} waits for is no longer a finite number, in call ${frame.callIndex + 1}`,
        'lower the rates (method and optimizer)',
      );
    // In free ticks its reader may have gone on without it.
    const isHarmless = this.#free.has(frame.message) && (refusal === 'past' || refusal === 'twice');
    if (refusal !== undefined && !isHarmless)
      throw new Error(`message ${frame.message} of tick ${frame.tick} was refused: ${refusal}`);
    receiver.owed += this.#handling(frame);
    await this.#goOn(receiver);
  }

  /** At one end. */
  #handling({ message }: FrameKey): number {
    const { schedule } = this.#receivers.get(message)?.session ?? {};
    const values = schedule?.messages.find(({ id }) => id === message)?.values ?? [];
    return this.#network.frame(values.reduce((sum, { shape }) => sum + sizeOf(shape), 0)) / 2;
  }
}
