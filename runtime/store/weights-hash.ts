/** One hash for the weights of a model, wherever they lie: in a run folder, or in the parts of a snapshot. */
import { createHash } from 'node:crypto';
import { type NamedTensor, tensorBytes } from './safetensors-types.ts';

/**
 * SHA-256 over all tensors in the order of their names: of each the JSON list of name, type and shape, then its bytes.
 * @param tensors whole ones, no tiles; data on the disk are read one tensor at a time
 */
export function weightsHash(tensors: readonly NamedTensor[]): string {
  const hash = createHash('sha256');
  for (const tensor of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(JSON.stringify([tensor.name, tensor.dtype, tensor.shape]));
    hash.update(tensorBytes(tensor));
  }
  return hash.digest('hex');
}
