/** A shard's state at one moment, with its hash: copied where it is small, else still on the device. */
import type { State } from '../../spec/program.ts';
import type { DeviceSession } from '../device/device.ts';
import { type SavedStates, saveStates } from '../shard/shard.ts';
import { type Pieces, piecesWhile } from './send-blob.ts';
import { stateHash } from './shard-state.ts';
import { type StreamedHashes, StreamedState } from './streamed-state.ts';

export type StateOfNow =
  | { readonly saved: SavedStates; readonly hash: string }
  /** Its pieces are read from the device, which has to stay as it is until then. */
  | (StreamedHashes & { readonly pieces: () => Pieces });

export interface StateOptions {
  /** Whether it becomes a part of a snapshot. */
  readonly isPart: boolean;
  /** Of so many bytes and more it is not copied. */
  readonly least: number | undefined;
  /** The device still has it. */
  readonly holds: () => boolean;
}

export async function stateOfNow(
  device: DeviceSession,
  states: readonly State[],
  { isPart, least, holds }: StateOptions,
): Promise<StateOfNow> {
  const read = StreamedState.of(device, states, least);
  const hashes = await read?.hashes(isPart);
  if (read && hashes) return { ...hashes, pieces: () => piecesWhile(read.pieces(), holds) };
  const saved = await saveStates(device, states);
  return { saved, hash: stateHash(saved) };
}
