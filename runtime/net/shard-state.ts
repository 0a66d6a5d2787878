/** A shard's state on the way between device, snapshot blob and hash. */
import { createHash } from 'node:crypto';
import type { SavedStates } from '../shard/shard.ts';
import { encodeSafetensors, inFileOrder, type NamedTensor, viewSafetensors } from '../store/safetensors.ts';
import type { TensorEntry } from '../store/safetensors-header.ts';
import { renamed, tensorBytes } from '../store/safetensors-types.ts';
import type { PieceReader } from './piece-reader.ts';

const PARAMETER = 'parameter/';
const AUXILIARY = 'auxiliary/';
/** What the file of a part says of itself. */
export const PART_METADATA = { format: 'nmc-part-1' };

/** A tensor's name in a part. */
export function partName(id: string, isParameter: boolean): string {
  return `${isParameter ? PARAMETER : AUXILIARY}${id}`;
}

export function encodeState(state: SavedStates): Uint8Array {
  return Buffer.concat(encodeStatePieces(state));
}

/** The same, in pieces: views of the state, not copies. */
export function encodeStatePieces(state: SavedStates): readonly Uint8Array[] {
  return encodeSafetensors(named(state), PART_METADATA);
}

/**
 * Tensors are views of the bytes, which are left alone from now on.
 * @throws UserError `weights/…` for bytes that are not a state
 */
export function decodeState(bytes: Uint8Array): SavedStates {
  return splitByRole(viewSafetensors(bytes, 'a part of a snapshot').tensors);
}

/** Tensors of a part as states have them. */
export function splitByRole(tensors: readonly NamedTensor[]): SavedStates {
  const withPrefix = (prefix: string): NamedTensor[] =>
    tensors.filter((t) => t.name.startsWith(prefix)).map((t) => renamed(t, t.name.slice(prefix.length)));
  return { parameters: withPrefix(PARAMETER), auxiliary: withPrefix(AUXILIARY) };
}

/** First bytes of what the hash of a state covers. */
export const STATE_HASH = 'nmc/state/2\n';

/** Bytes before those of a tensor in the hash. */
export function tensorHead({ name, dtype, shape }: Omit<NamedTensor, 'data'>): string {
  return `\n${JSON.stringify([name, dtype, shape])}\n`;
}

/**
 * SHA-256 over names, types, shapes and bytes: what a shard signs after a weight step. Tensors have the names and the
 * order that they have in a part, so that a part can be hashed while it is read.
 */
export function stateHash(state: SavedStates): string {
  const hash = createHash('sha256').update(STATE_HASH);
  for (const tensor of inFileOrder(named(state))) hash.update(tensorHead(tensor)).update(tensorBytes(tensor));
  return hash.digest('hex');
}

/**
 * The same of a part that is read in pieces, and never in memory as a whole.
 * @param pieces behind the head of the part, of which these are the entries
 * @param look is told of each tensor, and then of its bytes
 * @returns nothing where it ends before
 */
export async function stateHashIn(
  pieces: PieceReader,
  entries: readonly TensorEntry[],
  look: (entry: TensorEntry) => (piece: Uint8Array) => void = () => () => undefined,
): Promise<string | undefined> {
  const hash = createHash('sha256').update(STATE_HASH);
  for (const { name, dtype, shape, begin, end } of entries) {
    hash.update(tensorHead({ name, dtype, shape }));
    const see = look({ name, dtype, shape, begin, end });
    const each = (piece: Uint8Array): void => {
      hash.update(piece);
      see(piece);
    };
    if (!(await pieces.each(end - begin, each))) return undefined;
  }
  return hash.digest('hex');
}

function named({ parameters, auxiliary }: SavedStates): NamedTensor[] {
  const under = (tensors: readonly NamedTensor[], prefix: string): NamedTensor[] =>
    tensors.map((t) => ({ ...t, name: prefix + t.name }));
  return [...under(parameters, PARAMETER), ...under(auxiliary, AUXILIARY)];
}
