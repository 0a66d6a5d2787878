/**
 * Batches on their way to one lane or two and back, in memory that the command and the lanes share: a message between
 * threads costs as much as a tenth of a small network's batch, and wakes who receives it at the worst moment.
 *
 * A slot holds the whole batch, its position and, when it is done, its results. They are used in turn. A lane that has
 * nothing to do waits a moment for the next one, and only then goes back to its messages; `awake` says which it does.
 */

import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { isGradientName } from '../../../spec/names.ts';
import { type Shape, sizeOf } from '../../../spec/program.ts';
import type { Position, RunInput, Tensor } from '../device.ts';
import { MEETING_BYTES } from './meeting.ts';

/** Batches that may be under way at once: one more than a training sends ahead. */
export const SLOTS = 4;

/** Numbers of the control words, each in a cache line of its own, behind those of a meeting. */
const LINE = 16;
const MEETING_WORDS = MEETING_BYTES / Int32Array.BYTES_PER_ELEMENT;
export const CONTROL = {
  /** Batches that were ever sent, and that are done. */
  posted: MEETING_WORDS,
  done: MEETING_WORDS + LINE,
  awake: [MEETING_WORDS + 2 * LINE, MEETING_WORDS + 3 * LINE],
} as const;
export const CONTROL_BYTES = MEETING_BYTES + 4 * LINE * Int32Array.BYTES_PER_ELEMENT;

const ARRAYS = { u8: Uint8Array, i32: Int32Array, f32: Float32Array } as const;
type Kind = keyof typeof ARRAYS;
/** Batch, batches, step, tick. */
const POSITION = 4;
const ALIGNMENT = 64;

export interface Slot {
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly results: Readonly<Record<string, Float32Array>>;
  readonly position: Float64Array;
  /** Messages that each lane has to carry out before. */
  readonly messages: Int32Array;
}

/** What a lane does with a batch, its share of which lies in its inputs already. */
export interface BatchWork {
  /** @param done its results are in the slot: the next batch is on its way while the weights move */
  run(slot: Slot, done: () => void): Promise<void>;
}

/**
 * @param lane what a lane runs: its inputs are its share of a batch's
 * @param lanes that share each batch
 */
export function slotBytes(lane: CpuManifest, lanes: number): number {
  return SLOTS * layout(lane, lanes).bytes;
}

export function slotsIn(buffer: SharedArrayBuffer, lane: CpuManifest, lanes: number): readonly Slot[] {
  const { bytes, fields, results, position, messages } = layout(lane, lanes);
  return Array.from({ length: SLOTS }, (_, i) => {
    const at = i * bytes;
    return {
      inputs: Object.fromEntries(
        fields.map(({ name, type, offset, elements }) => [name, placed(type, buffer, at + offset, elements)]),
      ),
      results: Object.fromEntries(
        results.map(({ name, offset, elements }) => [
          name,
          new Float32Array(buffer as unknown as ArrayBuffer, at + offset, elements),
        ]),
      ),
      position: new Float64Array(buffer, at + position, POSITION),
      messages: new Int32Array(buffer, at + messages, lanes),
    };
  });
}

interface Layout {
  readonly bytes: number;
  readonly fields: readonly { name: string; type: Kind; offset: number; elements: number }[];
  readonly results: readonly { name: string; offset: number; elements: number }[];
  readonly position: number;
  readonly messages: number;
}

function layout(lane: CpuManifest, lanes: number): Layout {
  let bytes = 0;
  const room = (size: number): number => {
    const offset = bytes;
    bytes += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    return offset;
  };
  const fields = lane.fields.map(({ field, type, shape }) => {
    const elements = lanes * shareSize(lane, shape);
    return { name: field, type, elements, offset: room(elements * ARRAYS[type].BYTES_PER_ELEMENT) };
  });
  const results = lane.outputs.flatMap((o) => {
    // Gradients stay between the lanes.
    if (!('result' in o) || isGradientName(o.result)) return [];
    const elements = sizeOf(o.shape);
    return [{ name: o.result, elements, offset: room(elements * Float32Array.BYTES_PER_ELEMENT) }];
  });
  const position = room(POSITION * Float64Array.BYTES_PER_ELEMENT);
  const messages = room(lanes * Int32Array.BYTES_PER_ELEMENT);
  return { bytes, fields, results, position, messages };
}

export function fillSlot(slot: Slot, inputs: Readonly<Record<string, RunInput>>, position: Position): void {
  for (const [name, place] of Object.entries(slot.inputs)) {
    const data = inputs[name];
    if (data?.length !== place.length) throw new Error(`train needs ${place.length} elements of ${name}`);
    place.set(data);
  }
  const { batch, batches, step, tick } = position;
  slot.position.set([batch, batches, step ?? Number.NaN, tick ?? Number.NaN]);
}

/** A lane's share of the inputs, copied to where it keeps them. */
export function takeShare(slot: Slot, lane: 0 | 1, into: Readonly<Record<string, RunInput>>): void {
  for (const [name, place] of Object.entries(into)) {
    const whole = slot.inputs[name];
    if (whole) place.set(whole.subarray(lane * place.length, (lane + 1) * place.length));
  }
}

/** Memory for a lane's share: ONNX Runtime reads none that threads share. */
export function shareOf(lane: CpuManifest): Record<string, RunInput> {
  return Object.fromEntries(
    lane.fields.map(({ field, type, shape }) => [field, new ARRAYS[type](shareSize(lane, shape))]),
  );
}

/** Elements of a field in a lane's share. */
function shareSize({ parts = 1 }: CpuManifest, shape: Shape): number {
  return parts * sizeOf(shape);
}

/** One of the parts in which a lane takes its share, where it lies. */
export function partOf(
  share: Readonly<Record<string, RunInput>>,
  part: number,
  parts: number,
): Record<string, RunInput> {
  const slice = (values: RunInput): RunInput =>
    values.subarray((part * values.length) / parts, ((part + 1) * values.length) / parts);
  return Object.fromEntries(Object.entries(share).map(([field, values]) => [field, slice(values)]));
}

/** The types of memory that threads share, and of memory that they do not, are the same for reading and writing. */
function placed(type: Kind, buffer: SharedArrayBuffer, offset: number, elements: number): RunInput {
  return new ARRAYS[type](buffer as unknown as ArrayBuffer, offset, elements);
}

export function positionOf({ position }: Slot): Position {
  const [batch = 0, batches = 0, step = Number.NaN, tick = Number.NaN] = position;
  return {
    batch,
    batches,
    ...(Number.isNaN(step) ? {} : { step }),
    ...(Number.isNaN(tick) ? {} : { tick }),
  };
}

export function resultsIn({ results }: Slot): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.slice()]));
}
