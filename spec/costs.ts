/**
 * The one cost model: what a piece of work, a run of a device, a frame or a byte takes on a machine. `nmc doctor`
 * measures it, trainers report it, a mesh file may hold it; the partitioner, `nmc show PLAN`, the dry run and the
 * simulator count with it.
 */

/** Seconds that one thread of a machine takes for a piece. */
export interface Costs {
  /** An all but empty function of the device. */
  readonly call: number;
  /** A value handed to the device or back. */
  readonly value: number;
  /** Each byte of it. Trainers of before it was measured do not say it. */
  readonly valueByte?: number;
  /** How much more each byte beyond the first `NEAR_BYTES` of a value costs: its memory is allocated anew each time, and collected later. Absent: nothing. */
  readonly farValueByte?: number;
  /** A batch of a trainer's shard, begun and ended, whatever it computes; and each byte of its samples. Absent: nothing. */
  readonly batch?: number;
  readonly sampleByte?: number;
  /** A row of a batch that is read from the disk, beside its bytes: of data too large for memory. Absent: nothing. */
  readonly diskRow?: number;
  /**
   * A batch of the only shard of a training by the clock, whatever it computes: its threads and the one that has the
   * samples wake each other. Absent: a `call` and a `batch`.
   */
  readonly aloneBatch?: number;
  /** One operation of a function, however little data it has. */
  readonly operation: number;
  /** A byte that an operation writes. */
  readonly byte: number;
  /** How much more it is in values that come from memory each time. Absent: nothing. */
  readonly farByte?: number;
  /** A floating-point operation of a product of small matrices. */
  readonly flop: number;
  /** A byte of a matrix that a product reads, and no cache of a core keeps. Absent: nothing. */
  readonly readByte?: number;
  /** A byte of the state, read and hashed after a weight step. */
  readonly stateByte: number;
  /** A commitment beside that: its record is closed, and the next one begun; and each byte of the state in it. Absent: nothing. */
  readonly commit?: number;
  readonly recordByte?: number;
  /** Until a disk like this one keeps a blob for certain: a shard waits so long for each snapshot. Absent: nothing. */
  readonly flush?: number;
  /** A frame, sealed, sent, received and opened, whatever is in it; and each of its bytes. Of processors, of both ends. */
  readonly frame: number;
  readonly frameByte: number;
  /** How much more each byte beyond the first `NEAR_BYTES` of a frame costs, by processors and by the clock. Absent: nothing. */
  readonly farFrameByte?: number;
  /** A frame of several that are on their way, since some come and go together. Absent: as any other. */
  readonly streamFrame?: number;
  /** A frame on a machine with more trainers than cores, which take turns there. Absent: no more than any other. */
  readonly crowdedFrame?: number;
  /** The same of a frame of several that are on their way: what wakes finds more of them. Absent: a `streamFrame`. */
  readonly crowdedStreamFrame?: number;
  /** The same of each byte of a frame, which is not near any more when it is read. Absent: no more than any other. */
  readonly crowdedFrameByte?: number;
  /** The same by the clock, on one machine: less where both ends work at once, more where one wakes the other. Absent: as much. */
  readonly framePath?: number;
  readonly framePathByte?: number;
  /**
   * A run of the device of one of several shards, with all that goes on around it until another shard of this process
   * begins on its values; and each byte of these. Absent: a run is a `call`, and handing over costs nothing.
   */
  readonly run?: number;
  readonly handByte?: number;
  /** A run of a program of which all are short, which is done where frames come and go. Absent: as any other. */
  readonly shortRun?: number;
  /**
   * A run that a trainer hands to its device's thread where all other shards are on other trainers; and what that adds to
   * each byte of a frame. Absent: a `run`, and nothing.
   */
  readonly apartRun?: number;
  readonly apartByte?: number;
  /** Behind each call, for each direction of a border: signatures of both ends over what went over it, and their checks. */
  readonly window?: number;
  /** How many times as fast as one thread all of them together are. */
  readonly speedup: number;
}

/** So much of a value, or of a frame, is handed on from memory that is near. */
export const NEAR_BYTES = 128 * 1024;

export const farOf = (bytes: number): number => Math.max(0, bytes - NEAR_BYTES);

/** Nothing costs anything: to count one cost alone. */
export const FREE: Costs = {
  ...{ call: 0, value: 0, operation: 0, byte: 0, flop: 0, stateByte: 0 },
  ...{ frame: 0, frameByte: 0, speedup: 1 },
};

/** Those that every record has. */
export const COSTS = [
  'call',
  'value',
  'operation',
  'byte',
  'flop',
  'stateByte',
  'frame',
  'frameByte',
  'speedup',
] as const satisfies readonly (keyof Costs)[];

export const OPTIONAL_COSTS = [
  'valueByte',
  'run',
  'handByte',
  'shortRun',
  'window',
  'streamFrame',
  'framePath',
  'framePathByte',
  'apartRun',
  'apartByte',
  'farByte',
  'farValueByte',
  'farFrameByte',
  'batch',
  'sampleByte',
  'readByte',
  'commit',
  'recordByte',
  'flush',
  'aloneBatch',
  'diskRow',
  'crowdedFrame',
  'crowdedStreamFrame',
  'crowdedFrameByte',
] as const satisfies readonly (keyof Costs)[];

/** Work of a shard, counted. */
export interface CountedWork {
  /** Runs of the device. */
  readonly calls: number;
  readonly flops: number;
  readonly operations: number;
  /** That operations write. */
  readonly bytes: number;
  /** Of these, in values that are larger than what a cache keeps of several; absent: none. */
  readonly farBytes?: number;
  /** Of matrices that products read, and no cache of a core keeps; absent: none. */
  readonly readBytes?: number;
  /** Handed to the device and back, and bytes of it. */
  readonly values: number;
  readonly valueBytes: number;
  /** Of these, beyond the first `NEAR_BYTES` of each; absent: none. */
  readonly farValueBytes?: number;
}

/** Where a program runs: alone with all threads, or as one of several shards on one thread; short ones with its frames. */
export type Running = 'alone' | 'shard' | 'short';

/** Seconds of counted work, by what they are spent on. */
export interface CountedSeconds {
  /** Runs of the device, with what goes on around them. */
  readonly runs: number;
  /** Values on their way to the device and back. */
  readonly handed: number;
  readonly operations: number;
  /** That operations write, and products read. */
  readonly bytes: number;
  readonly products: number;
}

export function secondsOfCounted(work: CountedWork, costs: Costs, running: Running): number {
  const { runs, handed, operations, bytes, products } = countedSeconds(work, costs, running);
  return runs + handed + operations + bytes + products;
}

export function countedSeconds(work: CountedWork, costs: Costs, running: Running): CountedSeconds {
  const {
    call,
    value,
    valueByte = 0,
    farValueByte = 0,
    operation,
    byte,
    farByte = 0,
    readByte = 0,
    flop,
    speedup,
    run = call,
    shortRun = run,
  } = costs;
  const moved = work.bytes * byte + (work.farBytes ?? 0) * farByte + (work.readBytes ?? 0) * readByte;
  const computed = { operations: work.operations * operation, bytes: moved, products: work.flops * flop };
  // What is short is handed nothing: its values lie where it runs.
  if (running === 'short' && costs.shortRun !== undefined)
    return { runs: work.calls * shortRun, handed: 0, ...computed };
  const handed = work.values * value + work.valueBytes * valueByte + (work.farValueBytes ?? 0) * farValueByte;
  if (running !== 'alone') return { runs: work.calls * run, handed, ...computed };
  // Threads that share a batch make every operation each, on their share of the data.
  const threads = Math.max(1, speedup);
  const shared = { bytes: computed.bytes / threads, products: computed.products / threads };
  return { runs: work.calls * call, handed, operations: computed.operations, ...shared };
}

/** Of a state of so many bytes, which is read, hashed, signed and recorded. */
export function secondsOfCommitment(
  state: number,
  { stateByte, commit = 0, recordByte = 0 }: Pick<Costs, 'stateByte' | 'commit' | 'recordByte'>,
): number {
  return commit + state * (stateByte + recordByte);
}

/** Of a shard whose neighbours are all on other trainers. */
export function runningApart(costs: Costs): Costs {
  const { run = costs.call, apartRun = run } = costs;
  return { ...costs, run: apartRun };
}

/** Of both ends together. */
export function secondsOfFrame(
  bytes: number,
  { frame, frameByte, farFrameByte = 0 }: Pick<Costs, 'frame' | 'frameByte' | 'farFrameByte'>,
): number {
  return frame + bytes * frameByte + farOf(bytes) * farFrameByte;
}

/** By the clock beyond that: less than nothing where both ends work at once. */
export function lagOfFrame(
  bytes: number,
  {
    frame,
    frameByte,
    framePath = frame,
    framePathByte = frameByte,
  }: Pick<Costs, 'frame' | 'frameByte' | 'framePath' | 'framePathByte'>,
): number {
  return framePath - frame + bytes * (framePathByte - frameByte);
}
