/** Tensors of a part of a snapshot that lies on the disk, each read when it is wanted and not kept. */
import type { BlobFiles } from '../backplane/blob-files.ts';
import type { SavedStates } from '../shard/shard.ts';
import { tensorOnDisk } from '../store/safetensors.ts';
import { parseHeader } from '../store/safetensors-header.ts';
import { boundedCount, zeroedBytes } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { splitByRole } from './shard-state.ts';

const LENGTH_BYTES = 8;

/** @param most bytes of the part. @throws UserError `weights/…`, `mesh/blob-damaged` */
export function readPartTensors(files: Pick<BlobFiles, 'readAt' | 'size'>, blob: string, most: number): SavedStates {
  const size = boundedCount(files.size(blob), most, `blob ${blob}`);
  const take = (at: number, length: number): Uint8Array<ArrayBuffer> => {
    const into = zeroedBytes(boundedCount(length, size, `a piece of blob ${blob}`));
    if (!files.readAt(blob, [{ at, into }])) throw damaged(blob);
    return into;
  };
  const length = take(0, LENGTH_BYTES);
  const headBytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  const begin = LENGTH_BYTES + headBytes;
  const { entries } = parseHeader(take(LENGTH_BYTES, headBytes), size - begin, corrupt, 'a part of a snapshot');
  const other = entries.find(({ dtype }) => dtype !== 'F32' && dtype !== 'F64');
  if (other) throw new UserError('weights/type', `${other.name} holds ${other.dtype}, not floating-point numbers`);
  return splitByRole(entries.map((entry) => tensorOnDisk(entry, (at, bytes) => take(begin + entry.begin + at, bytes))));
}

function corrupt(place: string, expectation: string): UserError {
  return new UserError('weights/corrupt', `a part of a snapshot: ${place}: ${expectation}`);
}

function damaged(blob: string): UserError {
  return new UserError('mesh/blob-damaged', `blob ${blob} is not the part of a snapshot that it should be`);
}
