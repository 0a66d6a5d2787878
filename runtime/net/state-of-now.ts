/** A shard's state at one moment, with its hash: copied where there is memory for that, else still on the device. */
import type { State } from '../../spec/program.ts';
import type { DeviceSession } from '../device/device.ts';
import { type SavedStates, saveStates } from '../shard/shard.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { BlobContent } from './bring-blob.ts';
import { type Pieces, piecesOf, piecesWhile } from './send-blob.ts';
import { encodeStatePieces, stateHash } from './shard-state.ts';
import { LARGE_STATE_BYTES, type StreamedHashes, StreamedState } from './streamed-state.ts';

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

/** What a shard keeps of it in memory, to begin again from: of a large one nothing, though it was copied. */
export function keptOf(state: StateOfNow): SavedStates | undefined {
  return 'saved' in state && bytesOf(encodeStatePieces(state.saved)) < LARGE_STATE_BYTES ? state.saved : undefined;
}

/**
 * What is stored of it as the part of a snapshot.
 * @param large bytes from which on what was copied is not copied once more
 */
export function partOf(state: StateOfNow, large = LARGE_STATE_BYTES): BlobContent {
  if (!('saved' in state)) return { ...state, hash: state.blob };
  const pieces = encodeStatePieces(state.saved);
  const bytes = bytesOf(pieces);
  if (bytes < large) return Buffer.concat(pieces);
  return { hash: hex(sha256(...pieces)), bytes, pieces: () => piecesOf(...pieces) };
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
