/** The small interface behind which all devices stand. */
import type { FieldType, Program } from '../../spec/program.ts';

export type FieldData = Uint8Array | Int32Array | Float32Array;

/** Where a batch stands in the training: what host scalars are worked out from. */
export interface Position {
  /** Batches before this one. */
  readonly batch: number;
  /** Batches of the whole training (the horizon of schedules). */
  readonly batches: number;
}

export interface Device {
  /** `reference`, `cpu`, … */
  readonly name: string;
  /** For people: `ONNX Runtime, 2 threads`. */
  readonly description: string;
  open(program: Program): Promise<DeviceSession>;
}

/** A program on a device, with its states. One call runs at a time; calls queue in order. */
export interface DeviceSession {
  /** Sets a state; its elements in row-major order. */
  write(state: string, values: Float32Array | Float64Array): Promise<void>;
  /** A copy of a state, in the device's own precision. */
  read(state: string): Promise<Float32Array | Float64Array>;
  /**
   * Runs one function: the inputs by field, one batch long each; then changes the states.
   * @returns the results by name
   */
  run(name: string, inputs: Readonly<Record<string, FieldData>>, position: Position): Promise<Record<string, Float32Array | Float64Array>>;
  close(): Promise<void>;
}

export const fieldArrays: Readonly<Record<FieldType, new (length: number) => FieldData>> = {
  u8: Uint8Array,
  i32: Int32Array,
  f32: Float32Array,
};
