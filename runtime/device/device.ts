/** The small interface behind which all devices stand. */
import type { HalfUnit, Precision } from '../../spec/precision.ts';
import type { FieldType, Program } from '../../spec/program.ts';

export type FieldData = Uint8Array | Int32Array | Float32Array;
export type Tensor = Float32Array | Float64Array;
/** Inputs of a function: fields of the data, or values that another function has made. */
export type RunInput = FieldData | Tensor;

/** Where a batch stands in the training: what host scalars are worked out from. */
export interface Position {
  /** Batches before this one. */
  readonly batch: number;
  /** Batches of the whole training (the horizon of schedules). */
  readonly batches: number;
  /** Which element of a sequence, from 0; nothing where samples are not sequences. */
  readonly step?: number;
  /** Which repetition of a stage, from 0: added to the ticks that the function itself counts. */
  readonly tick?: number;
}

/** One shard's program, and the files of the plan that a device may want of it. */
export interface Executable {
  readonly program: Program;
  /** Compiled forms by path (`cpu/train.onnx`); empty where only the program is known. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Functions that will be called often and take less than a millisecond: they may hold up the thread that asks. */
  readonly quick?: readonly string[];
  /** Every run takes so little time that it may hold up the thread that asks. */
  readonly short?: boolean;
}

export interface Device {
  /** `reference`, `cpu`, … */
  readonly name: string;
  /** For people: `ONNX Runtime, 2 threads`. */
  readonly description: string;
  /** How its products read their sides, where that is not as they are. */
  readonly precision?: Precision;
  /** Units that it multiplies f16 with, the fastest first; nothing, or none, where it does not. */
  readonly halves?: readonly HalfUnit[];
  /** Elements of a tensor that it takes at once, where larger ones have to lie in parts. */
  readonly bound?: number;
  /** So many threads run shards of one plan, each whole calls of its own; absent where a shard runs segment by segment. */
  readonly threads?: number;
  /**
   * Begins what takes time and needs no program (a thread, a library), so that `open` is quick later.
   * @param threads no more than so many
   */
  warmUp?(threads?: number): void;
  open(executable: Executable): Promise<DeviceSession>;
  /** Programs that work together on this machine, each with one thread of computation at a time. */
  openAll?(executables: readonly Executable[]): Promise<DeviceSession[]>;
  /** A program of which every run is short, in the thread that asks: nothing is handed over, and nothing copied. */
  openHere?(executable: Executable): Promise<DeviceSession>;
}

/** Told of the values that are held, where their memory is used again as soon as they are held no longer. */
export interface Holder {
  hold(values: Tensor): void;
  drop(values: Tensor): void;
}

/** A program on a device, with its states, which are zero when it has been opened. Calls are carried out in the order in which they were made. */
export interface DeviceSession {
  /** Sets a state; its elements in row-major order. */
  write(state: string, values: Tensor): Promise<void>;
  /** A copy of a state, in the device's own precision. */
  read(state: string): Promise<Tensor>;
  /** As `read`, of its elements from `begin` on, up to `end`; absent where a state is only read as a whole. */
  readPart?(state: string, begin: number, end: number): Promise<Tensor>;
  /** Sets the elements of a state from `begin` on; there where `readPart` is. The memory of the values is given away. */
  writePart?(state: string, begin: number, values: Tensor): Promise<void>;
  /**
   * Runs one function: the inputs by field, one whole batch of each, copied before the call returns; then changes the
   * states.
   * @param shown results whose values are read here; absent: all. Of others a session with `held` may give an empty
   * array that only stands for them, as an input of its later runs
   * @returns the results by name
   */
  run(
    name: string,
    inputs: Readonly<Record<string, RunInput>>,
    position: Position,
    shown?: ReadonlySet<string>,
  ): Promise<Record<string, Tensor>>;
  /** Begins to load a function that will run soon; calls made meanwhile wait for it. */
  prepare(name: string): void;
  /**
   * For a function that reads one data set of so many samples again and again. Absent where an upload costs nothing.
   * @returns nothing where the device has no room for them
   */
  makeResident?(name: string, samples: number): Promise<SampleRunner | undefined>;
  /** Milliseconds that its runs have taken, the ways there and back left out; absent where that is not known. */
  computed?(): number;
  /**
   * Where results lie in memory that is used again: told who holds them. Then inputs are read where they lie, and must
   * stay as they are until the run has ended.
   */
  readonly held?: Holder;
  close(): Promise<void>;
}

/** Runs a function on samples that are resident on the device. */
export interface SampleRunner {
  /** Whether the device has seen all of these samples: then `run` needs only their numbers. */
  has(rows: Uint32Array): boolean;
  /**
   * As `DeviceSession.run`, with the same bits.
   * @param rows numbers of the samples in the data set, one for each of the batch; never changed
   * @param inputs as `run` takes them, where `has` says no
   */
  run(
    rows: Uint32Array,
    inputs: Readonly<Record<string, RunInput>> | undefined,
    position: Position,
  ): Promise<Record<string, Tensor>>;
}

/** The array that holds a field of each type. */
export const fieldArrays: Readonly<Record<FieldType, new (length: number) => FieldData>> = {
  u8: Uint8Array,
  i32: Int32Array,
  f32: Float32Array,
};
