/**
 * Costs of a border between two trainers: of a frame, from the driver of one to the run that begins on it at the other;
 * of a run that the trainer's device thread does; and of what ends a call.
 */
import type { Costs } from '../../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Device } from '../../device/device.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { type BatchCosts, type BatchTimes, costsOfBatches, lesser } from './batch-costs.ts';
import { inCrowd } from './border-crowd.ts';
import { BorderPair } from './border-pair.ts';
import type { RoundTime } from './round-time.ts';
import { FEW, ROUNDS, type Turns, turnSources } from './turn-programs.ts';

/** Rounds of a call where its end counts, too. */
const BRIEF = 2;
/** Values of a frame. */
const [MANY, HUGE] = [32 * 1024, 512 * 1024] as const;
const MICROBATCHES = 8;
const [BYTES, FAR_BYTES] = [4 * (MANY - FEW), 4 * (HUGE - MANY)];

/** Rounds of two trainers, each a frame there and one back. */
export interface BorderTimes {
  /** Where runs are short, and are done where frames come and go. */
  readonly few: RoundTime;
  readonly many: RoundTime;
  /** The same with values that no cache keeps of several frames. */
  readonly huge: RoundTime;
  /** The same with few values, in calls of two rounds. */
  readonly brief: RoundTime;
  /** The same with few values of several microbatches. */
  readonly stream: RoundTime;
  /** Where runs are done by the device's thread. */
  readonly fewApart: RoundTime;
  readonly manyApart: RoundTime;
  /** As with few, with many and of several microbatches, while other trainers take turns on the same cores. */
  readonly crowded: RoundTime;
  readonly crowdedMany: RoundTime;
  readonly crowdedStream: RoundTime;
  /** Of a batch without a border. */
  readonly batches: BatchTimes;
}

type BorderCosts = Pick<Costs, 'frame' | 'frameByte'> &
  Required<Pick<Costs, 'framePath' | 'framePathByte' | 'streamFrame' | 'window' | 'apartRun' | 'apartByte'>> &
  Required<Pick<Costs, 'farFrameByte' | Crowded | keyof BatchCosts>>;

type Crowded = 'crowdedFrame' | 'crowdedStreamFrame' | 'crowdedFrameByte';

/** What a byte costs that an operation writes, one that is handed to the device's thread or back, and one of a state. */
type OfByte = Required<Pick<Costs, 'byte' | 'valueByte' | 'stateByte'>>;

/** @param turn seconds of a run that is handed over within a process and done in its thread */
export async function borderCosts(device: Device, turn: number, ofByte: OfByte): Promise<BorderCosts> {
  try {
    return costsOfRounds(await borderTimes(device), turn, ofByte);
  } catch {
    // Without a connection to itself, or a folder for records, a machine may still train alone.
    return assumedBorderCosts(DEFAULT_MACHINE.costs);
  }
}

/** Of a machine that was measured before some of them were: what each stands for where it is absent. */
export function assumedBorderCosts({ call, run = call, window = 0, ...costs }: Costs): BorderCosts {
  const { frame, frameByte, framePath = frame, framePathByte = frameByte, streamFrame = frame } = costs;
  const { apartRun = run, apartByte = 0, farFrameByte = 0, batch = 0, sampleByte = 0, crowdedFrame = frame } = costs;
  const { commit = 0, recordByte = 0, aloneBatch = 0 } = costs;
  const { crowdedStreamFrame = streamFrame, crowdedFrameByte = frameByte } = costs;
  const bytes = { frameByte, framePathByte, farFrameByte, apartByte, sampleByte, recordByte, crowdedFrameByte };
  return {
    frame,
    framePath,
    streamFrame,
    crowdedFrame,
    crowdedStreamFrame,
    apartRun,
    window,
    batch,
    commit,
    aloneBatch,
    ...bytes,
  };
}

type Between = Exclude<keyof BorderTimes, 'batches' | keyof CrowdTimes>;
type CrowdTimes = Pick<BorderTimes, 'crowded' | 'crowdedMany' | 'crowdedStream'>;

const [SHORT, APART] = [true, false];
const SETTINGS = {
  few: { rounds: ROUNDS, values: FEW, short: SHORT },
  many: { rounds: ROUNDS, values: MANY, short: SHORT },
  huge: { rounds: ROUNDS, values: HUGE, short: SHORT },
  brief: { rounds: BRIEF, values: FEW, short: SHORT },
  stream: { rounds: ROUNDS, values: FEW, short: SHORT, microbatches: MICROBATCHES },
  fewApart: { rounds: ROUNDS, values: FEW, short: APART },
  manyApart: { rounds: ROUNDS, values: MANY, short: APART },
} as const satisfies Record<Between, Omit<Turns, 'name'> & { readonly short: boolean }>;
const NAMES = Object.keys(SETTINGS) as Between[];
/**
 * Before anything is measured. V8 compiles what seals, opens and signs as it is used: of a stream the first frames take
 * seven times the processor time of those behind some 16,000, and calls and large frames twice that of those behind some
 * hundred. A training has made so many in its first seconds.
 */
const WARM_ROUNDS = { stream: 1000, brief: 400, many: 200 } as const;
/** Of shards whose device is in a thread, which is a new one each time. */
const WARM_APART = 150;
/** By turns: of a machine that does something else for a while the better one counts. */
const PASSES = 2;

async function borderTimes(device: Device): Promise<BorderTimes> {
  const pair = await BorderPair.open(device);
  const sourcesOf = async (name: Between): Promise<readonly [ShardSource, ShardSource]> => {
    const { short, ...turns } = SETTINGS[name];
    const [here, there] = await turnSources(device, { name: TRAIN, ...turns });
    const as = (source: ShardSource): ShardSource => ({ ...source, executable: { ...source.executable, short } });
    return [as(here), as(there)];
  };
  const time = async (name: Between): Promise<RoundTime> =>
    pair.time(await sourcesOf(name), SETTINGS[name].short ? undefined : WARM_APART);
  try {
    for (const name of ['stream', 'brief', 'many'] as const)
      await pair.warmUp(await sourcesOf(name), WARM_ROUNDS[name]);
    const found = new Map<Between, RoundTime>();
    for (let pass = 0; pass < PASSES; pass++)
      for (const name of NAMES) found.set(name, better(found.get(name), await time(name)));
    const [one, other] = [await pair.batches(device), await pair.batches(device)];
    const batches = lesser(one, other);
    const alone = Object.fromEntries(found) as Record<Between, RoundTime>;
    const twice = async (name: Between): Promise<RoundTime> => better(await time(name), await time(name));
    const crowd = await inCrowd(
      async (): Promise<CrowdTimes> => ({
        crowded: await twice('few'),
        crowdedMany: await twice('many'),
        crowdedStream: await twice('stream'),
      }),
    );
    const { few: crowded, many: crowdedMany, stream: crowdedStream } = alone;
    return { ...alone, ...(crowd ?? { crowded, crowdedMany, crowdedStream }), batches };
  } finally {
    await pair.close();
  }
}

/** Of processors and by the clock, each where other work disturbed it less: the least difference of both is of neither. */
export function better(one: RoundTime | undefined, other: RoundTime): RoundTime {
  if (!one) return other;
  const clock = Math.min(one.processor + one.lag, other.processor + other.lag);
  const processor = Math.min(one.processor, other.processor);
  return { processor, lag: clock - processor };
}

/** Each from what the others leave over; none of them is less than nothing, whatever disturbed the measurement. */
export function costsOfRounds(
  { few, many, huge, brief, stream, fewApart, manyApart, crowded, crowdedMany, crowdedStream, batches }: BorderTimes,
  turn: number,
  { byte, valueByte, stateByte }: OfByte,
): BorderCosts {
  const some = (seconds: number): number => Math.max(0, seconds);
  const call = some(brief.processor - few.processor) / (1 / BRIEF - 1 / ROUNDS);
  const ofFrame = (time: RoundTime): number => some(time.processor - call / ROUNDS) / 2;
  // More is other work of the machine, not the way of a frame.
  const lagOf = ({ lag, processor }: RoundTime): number => Math.min(lag, processor) / 2;
  const [small, large, largest] = [ofFrame(few), ofFrame(many), ofFrame(huge)];
  const [smallApart, largeApart] = [ofFrame(fewApart), ofFrame(manyApart)];
  const [smallCrowded, largeCrowded] = [ofFrame(crowded), ofFrame(crowdedMany)];
  const ofStream = ({ processor }: RoundTime): number =>
    some(some(processor - call / ROUNDS) / (2 * MICROBATCHES) - turn);
  const ofBatches = costsOfBatches(batches, turn, stateByte);
  const frameByte = some((large - small) / BYTES - 2 * byte);
  return {
    frame: some(small - turn),
    frameByte,
    streamFrame: ofStream(stream),
    crowdedFrame: Math.max(some(small - turn), smallCrowded - turn),
    // Less than of two trainers where those of a crowd find more frames whenever it is their turn.
    crowdedStreamFrame: ofStream(crowdedStream),
    crowdedFrameByte: Math.max(frameByte, (largeCrowded - smallCrowded) / BYTES - 2 * byte),
    framePath: some(small - turn + lagOf(few)),
    framePathByte: some(frameByte + (lagOf(many) - lagOf(few)) / BYTES),
    farFrameByte: some((largest - large) / FAR_BYTES - 2 * byte - frameByte),
    // Of both directions; two shards begin a batch and end it.
    window: some(call - 2 * ofBatches.batch) / 2,
    ...ofBatches,
    apartRun: some(smallApart - small) + turn,
    apartByte: some((largeApart - smallApart) / BYTES - 2 * (byte + valueByte) - frameByte),
  };
}
