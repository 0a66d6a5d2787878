/** Tiles of tensors as snapshots know them: whole, wherever all tiles are at hand. */
import { type State, sizeOf } from '../../spec/program.ts';
import { putInto } from '../../spec/slices.ts';
import type { NamedTensor } from '../store/safetensors.ts';

/** @param states of all shards @returns the tensors, tiles put together in the place of their first */
export function joinTiles(tensors: readonly NamedTensor[], states: readonly State[]): NamedTensor[] {
  const tiles = new Map(states.flatMap((s) => (s.slice ? [[s.id, { shape: s.shape, slice: s.slice }] as const] : [])));
  const wholes = new Map<string, { tensor: NamedTensor; filled: number }>();
  const joined: NamedTensor[] = [];
  for (const tensor of tensors) {
    const tile = tiles.get(tensor.name);
    if (!tile || !(tensor.data instanceof Float32Array || tensor.data instanceof Float64Array)) {
      joined.push(tensor);
      continue;
    }
    const { slice, shape } = tile;
    const whole = wholes.get(slice.of) ?? { tensor: emptyLike(tensor, slice.of, slice.shape), filled: 0 };
    if (!wholes.has(slice.of)) joined.push(whole.tensor);
    wholes.set(slice.of, whole);
    putInto(whole.tensor.data as Float32Array, slice, shape, tensor.data);
    whole.filled += sizeOf(shape);
  }
  for (const { tensor, filled } of wholes.values())
    if (filled !== sizeOf(tensor.shape))
      throw new Error(`${tensor.name}: ${filled} of its elements are on these shards`);
  return joined;
}

function emptyLike(tensor: NamedTensor, name: string, shape: readonly number[]): NamedTensor {
  return tensor.dtype === 'F64'
    ? { name, dtype: 'F64', shape: [...shape], data: new Float64Array(sizeOf(shape)) }
    : { name, dtype: 'F32', shape: [...shape], data: new Float32Array(sizeOf(shape)) };
}
