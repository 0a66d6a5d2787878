/** Tiles of gradients that are made late, in the one place that all of them share. */
import * as ort from 'onnxruntime-node';
import type { RowTile } from '../../../spec/cpu-manifest.ts';
import { type Shape, sizeOf } from '../../../spec/program.ts';
import type { Placed } from './memory.ts';
import { TILE_BEGIN, TILE_END } from './split-graph.ts';

export interface PlacedTile extends Placed {
  readonly elements: number;
  /** Bytes of the gradient before it. */
  readonly begin: number;
  /** Inputs of the graph that makes it. */
  readonly bounds: Readonly<Record<string, ort.Tensor>>;
}

/** Elements. */
export function largestTile(shape: Shape, tiles: readonly RowTile[]): number {
  return Math.max(0, ...tiles.map((tile) => elementsOf(shape, tile)));
}

export function placedTiles(shape: Shape, tiles: readonly RowTile[], { address, tensor }: Placed): PlacedTile[] {
  const place = tensor.data as Float32Array;
  return tiles.map((tile) => {
    const elements = elementsOf(shape, tile);
    const { from, rows } = tile;
    return {
      ...{ address, elements },
      begin: Float32Array.BYTES_PER_ELEMENT * elementsOf(shape, { rows: from }),
      tensor: new ort.Tensor('float32', place.subarray(0, elements), [rows, ...shape.slice(1)]),
      bounds: { [TILE_BEGIN]: bound(from), [TILE_END]: bound(from + rows) },
    };
  });
}

function elementsOf(shape: Shape, { rows }: Pick<RowTile, 'rows'>): number {
  return sizeOf([rows, ...shape.slice(1)]);
}

function bound(row: number): ort.Tensor {
  return new ort.Tensor('int64', BigInt64Array.of(BigInt(row)), [1]);
}
