/** Tiles of tensors as snapshots know them: whole, wherever all tiles are at hand. */
import { append } from '../../spec/append.ts';
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
    if (!tile || !(tensor.dtype === 'F32' || tensor.dtype === 'F64')) {
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

/** As `joinTiles`, but tiles are put together whenever data are asked for. */
export function joinTilesLate(tensors: readonly NamedTensor[], states: readonly State[]): NamedTensor[] {
  const slices = new Map(states.flatMap((s) => (s.slice ? [[s.id, s.slice] as const] : [])));
  const groups = new Map<string, NamedTensor[]>();
  for (const tensor of tensors) append(groups, slices.get(tensor.name)?.of ?? tensor.name, tensor);
  return [...groups].map(([name, tiles]) => {
    const [first] = tiles as [NamedTensor];
    const slice = slices.get(first.name);
    if (!slice) return first;
    const whole = {
      ...{ name, dtype: first.dtype, shape: [...slice.shape] },
      get data() {
        return joinTiles(tiles, states)[0]?.data;
      },
    };
    return whole as NamedTensor;
  });
}

function emptyLike(tensor: NamedTensor, name: string, shape: readonly number[]): NamedTensor {
  return tensor.dtype === 'F64'
    ? { name, dtype: 'F64', shape: [...shape], data: new Float64Array(sizeOf(shape)) }
    : { name, dtype: 'F32', shape: [...shape], data: new Float32Array(sizeOf(shape)) };
}
