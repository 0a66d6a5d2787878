/** A shard's state on the way between device, snapshot blob and hash. */
import { createHash } from 'node:crypto';
import { encodeSafetensors, type NamedTensor, readSafetensors } from '../store/safetensors.ts';
import { tensorBytes } from '../store/safetensors-types.ts';

export interface SavedState {
  readonly parameters: readonly NamedTensor[];
  readonly auxiliary: readonly NamedTensor[];
}

const PARAMETER = 'parameter/';
const AUXILIARY = 'auxiliary/';

export function encodeState({ parameters, auxiliary }: SavedState): Uint8Array {
  const named = (tensors: readonly NamedTensor[], prefix: string): NamedTensor[] =>
    tensors.map((t) => ({ ...t, name: prefix + t.name }));
  const pieces = encodeSafetensors([...named(parameters, PARAMETER), ...named(auxiliary, AUXILIARY)], {
    format: 'nmc-part-1',
  });
  return Buffer.concat(pieces);
}

/** @throws UserError `weights/…` for bytes that are no state */
export function decodeState(bytes: Uint8Array): SavedState {
  const { tensors } = readSafetensors(new Uint8Array(bytes), 'a part of a snapshot');
  const withPrefix = (prefix: string): NamedTensor[] =>
    tensors.filter((t) => t.name.startsWith(prefix)).map((t) => ({ ...t, name: t.name.slice(prefix.length) }));
  return { parameters: withPrefix(PARAMETER), auxiliary: withPrefix(AUXILIARY) };
}

/** SHA-256 over names, types, shapes and bytes, in the order of the names: what a shard signs after a weight step. */
export function stateHash({ parameters, auxiliary }: SavedState): string {
  const hash = createHash('sha256').update('nmc/state/2\n');
  const ordered = [...parameters, ...auxiliary].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const tensor of ordered)
    hash.update(`\n${JSON.stringify([tensor.name, tensor.dtype, tensor.shape])}\n`).update(tensorBytes(tensor));
  return hash.digest('hex');
}
