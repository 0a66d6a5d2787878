/**
 * Costs of a border between two trainers: of a frame, from the driver of one to the run that begins on it at the other;
 * of a run that the trainer's device thread does; and of what ends a call.
 */
import type { Costs } from '../../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Device } from '../../device/device.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { BorderPair, type RoundTime } from './border-pair.ts';
import { type Turns, turnSources } from './turn-programs.ts';

/** Rounds of a call: where its end hardly counts, and where it does. */
const [ROUNDS, BRIEF] = [24, 2] as const;
/** Values of a frame. */
const [FEW, MANY] = [64, 32 * 1024] as const;
const MICROBATCHES = 8;
const BYTES = 4 * (MANY - FEW);

/** Rounds of two trainers, each a frame there and one back. */
export interface BorderTimes {
  /** Where runs are short, and are done where frames come and go. */
  readonly few: RoundTime;
  readonly many: RoundTime;
  /** The same with few values, in calls of two rounds. */
  readonly brief: RoundTime;
  /** The same with few values of several microbatches. */
  readonly stream: RoundTime;
  /** Where runs are done by the device's thread. */
  readonly fewApart: RoundTime;
  readonly manyApart: RoundTime;
}

type BorderCosts = Pick<Costs, 'frame' | 'frameByte'> &
  Required<Pick<Costs, 'framePath' | 'framePathByte' | 'streamFrame' | 'window' | 'apartRun' | 'apartByte'>>;

/** @param turn seconds of a run that is handed over within a process and done in its thread @param byte of an operation */
export async function borderCosts(device: Device, turn: number, byte: number): Promise<BorderCosts> {
  try {
    return costsOfRounds(await borderTimes(device), turn, byte);
  } catch {
    // Without a connection to itself, or a folder for records, a machine may still train alone.
    return assumedBorderCosts(DEFAULT_MACHINE.costs);
  }
}

/** Of a machine that was measured before some of them were: what each stands for where it is absent. */
export function assumedBorderCosts({ call, run = call, window = 0, ...costs }: Costs): BorderCosts {
  const { frame, frameByte, framePath = frame, framePathByte = frameByte, streamFrame = frame } = costs;
  const { apartRun = run, apartByte = 0 } = costs;
  return { frame, frameByte, framePath, framePathByte, streamFrame, apartRun, apartByte, window };
}

const [SHORT, APART] = [true, false];
const SETTINGS = {
  few: { rounds: ROUNDS, values: FEW, short: SHORT },
  many: { rounds: ROUNDS, values: MANY, short: SHORT },
  brief: { rounds: BRIEF, values: FEW, short: SHORT },
  stream: { rounds: ROUNDS, values: FEW, short: SHORT, microbatches: MICROBATCHES },
  fewApart: { rounds: ROUNDS, values: FEW, short: APART },
  manyApart: { rounds: ROUNDS, values: MANY, short: APART },
} as const satisfies Record<keyof BorderTimes, Omit<Turns, 'name'> & { readonly short: boolean }>;
const NAMES = Object.keys(SETTINGS) as (keyof BorderTimes)[];
/** By turns: of a machine that does something else for a while the better one counts. */
const PASSES = 2;

async function borderTimes(device: Device): Promise<BorderTimes> {
  const pair = await BorderPair.open(device);
  const time = async (name: keyof BorderTimes): Promise<RoundTime> => {
    const { short, ...turns } = SETTINGS[name];
    const [here, there] = await turnSources(device, { name: TRAIN, ...turns });
    const as = (source: ShardSource): ShardSource => ({ ...source, executable: { ...source.executable, short } });
    return pair.time([as(here), as(there)]);
  };
  try {
    // Of the first one the code is being compiled.
    await time('many');
    const found = new Map<keyof BorderTimes, RoundTime>();
    for (let pass = 0; pass < PASSES; pass++)
      for (const name of NAMES) found.set(name, better(found.get(name), await time(name)));
    return Object.fromEntries(found) as Record<keyof BorderTimes, RoundTime>;
  } finally {
    await pair.close();
  }
}

function better(one: RoundTime | undefined, other: RoundTime): RoundTime {
  if (!one) return other;
  return { processor: Math.min(one.processor, other.processor), lag: Math.min(one.lag, other.lag) };
}

/** Each from what the others leave over; none of them is less than nothing, whatever disturbed the measurement. */
export function costsOfRounds(
  { few, many, brief, stream, fewApart, manyApart }: BorderTimes,
  turn: number,
  byte: number,
): BorderCosts {
  const some = (seconds: number): number => Math.max(0, seconds);
  const call = some(brief.processor - few.processor) / (1 / BRIEF - 1 / ROUNDS);
  const ofFrame = (time: RoundTime): number => some(time.processor - call / ROUNDS) / 2;
  // More is other work of the machine, not the way of a frame.
  const lagOf = ({ lag, processor }: RoundTime): number => Math.min(lag, processor) / 2;
  const [small, large, smallApart, largeApart] = [few, many, fewApart, manyApart].map(ofFrame) as [
    number,
    number,
    number,
    number,
  ];
  const frameByte = some((large - small) / BYTES - 2 * byte);
  return {
    frame: some(small - turn),
    frameByte,
    streamFrame: some(some(stream.processor - call / ROUNDS) / (2 * MICROBATCHES) - turn),
    framePath: some(small - turn + lagOf(few)),
    framePathByte: some(frameByte + (lagOf(many) - lagOf(few)) / BYTES),
    // Of both directions.
    window: call / 2,
    apartRun: some(smallApart - small) + turn,
    apartByte: some((largeApart - smallApart) / BYTES - 2 * byte - frameByte),
  };
}
