/** States of a device from a part of a snapshot that is never in memory as a whole. */
import type { State } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import type { BlobSource } from '../backplane/backplane.ts';
import type { DeviceSession } from '../device/device.ts';
import { isPlain, PART_ELEMENTS } from '../shard/in-parts.ts';
import { fillStates, isKept, isParameter } from '../shard/shard.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import type { TensorEntry } from '../store/safetensors-header.ts';
import { boundedCount } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { headOf, PieceReader } from './piece-reader.ts';
import { partName } from './shard-state.ts';

/** Bytes of the head of a part for one tensor, beside its name. */
const HEAD_BYTES = 512;
const PART_BYTES = PART_ELEMENTS * Float32Array.BYTES_PER_ELEMENT;

/**
 * One tensor at a time, as they come.
 * @param blob the name that its bytes have to have
 * @throws UserError `weights/…`, `mesh/blob-damaged`
 */
export async function fillFrom(
  device: Pick<DeviceSession, 'write' | 'writePart'>,
  states: readonly State[],
  source: BlobSource,
  blob: string,
): Promise<void> {
  const pieces = new PieceReader(source);
  const byName = new Map(states.filter(isKept).map((s) => [partName(s.id, isParameter(s)), s]));
  const most = [...byName.keys()].reduce((sum, name) => sum + 6 * name.length + HEAD_BYTES, 2 * HEAD_BYTES);
  const entries = await headOf(pieces, most);
  if (!entries) throw damaged(blob);
  for (const entry of entries) {
    const state = byName.get(entry.name);
    byName.delete(entry.name);
    if (!state) throw damaged(blob);
    const length = boundedCount(entry.end - entry.begin, 8 * sizeOf(state.shape), `the bytes of ${state.id}`);
    if (device.writePart && isPlain(state, entry)) {
      for (let at = 0; at < length; at += PART_BYTES) {
        const part = await pieces.take(boundedCount(Math.min(PART_BYTES, length - at), PART_BYTES, state.id));
        if (!part) throw damaged(blob);
        await device.writePart(state.id, at / Float32Array.BYTES_PER_ELEMENT, new Float32Array(part.buffer));
      }
      continue;
    }
    const bytes = await pieces.take(length);
    if (!bytes) throw damaged(blob);
    await fillStates(device, [state], { tensors: [tensorOf(state.id, entry, bytes.buffer)] }, false);
  }
  if ((await pieces.hashOfAll()) !== blob) throw damaged(blob);
  const others = states.filter((s) => !isKept(s) || byName.has(partName(s.id, isParameter(s))));
  await fillStates(device, others, { tensors: [] }, false);
}

function tensorOf(name: string, { dtype, shape }: TensorEntry, bytes: ArrayBuffer): NamedTensor {
  return dtype === 'F64'
    ? { name, dtype, shape, data: new Float64Array(bytes) }
    : { name, dtype: 'F32', shape, data: new Float32Array(bytes) };
}

function damaged(blob: string): UserError {
  return new UserError('mesh/blob-damaged', `blob ${blob} is not the part of a snapshot that it should be`);
}
