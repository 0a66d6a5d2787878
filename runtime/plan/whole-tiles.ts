/**
 * Whether the tiles on a plan's shards make up their wholes: every element of each is on one shard, and on one only.
 */
import { append } from '../../spec/append.ts';
import { type Program, type Slice, type State, sameShape, sizeOf } from '../../spec/program.ts';

interface Tile {
  readonly state: State;
  readonly slice: Slice;
}

/** @returns what does not fit, or nothing */
export function tilesProblem(programs: readonly Program[]): string | undefined {
  const wholes = new Map<string, Tile[]>();
  for (const state of programs.flatMap((p) => p.states)) {
    const { slice } = state;
    if (slice) append(wholes, slice.of, { state, slice });
  }
  for (const [name, tiles] of wholes) {
    const problem = wholeProblem(tiles);
    if (problem !== undefined) return `the tiles of ${name} ${problem}`;
  }
  return undefined;
}

function wholeProblem(tiles: readonly Tile[]): string | undefined {
  const [first] = tiles;
  if (!first) return undefined;
  const { slice, state } = first;
  const init = JSON.stringify(state.init);
  for (const other of tiles) {
    const alike = sameShape(other.slice.shape, slice.shape) && other.state.role === state.role;
    if (!alike || JSON.stringify(other.state.init) !== init) return 'are not of one tensor';
  }
  if (tiles.reduce((sum, t) => sum + sizeOf(t.state.shape), 0) !== sizeOf(slice.shape)) return 'do not cover it';
  return overlap(tiles.map((t) => boxOf(t, slice.groups ?? 1))) ? 'overlap' : undefined;
}

/** From … to along each axis; elements come in runs, of which all are cut alike. */
type Box = readonly (readonly [number, number])[];

function boxOf({ state, slice }: Tile, runs: number): Box | undefined {
  const { axis, from, groups = 1, across } = slice;
  if (groups !== runs) return undefined;
  return state.shape.map((n, i): readonly [number, number] => {
    if (i === axis) return [from, from + n / groups];
    const begin = i === across?.axis ? across.from : 0;
    return [begin, begin + n];
  });
}

/** True, too, where tiles are cut in runs of other lengths: what they hold of each other's is not worth finding out. */
function overlap(boxes: readonly (Box | undefined)[]): boolean {
  const known = boxes.filter((box) => box !== undefined);
  if (known.length < boxes.length) return true;
  const axes = known[0]?.map((_, axis) => axis) ?? [];
  const beginnings = axes.map((axis) => new Set(known.map((box) => box[axis]?.[0])).size);
  // Along the axis with the most beginnings, few boxes have a part in common.
  const sweep = beginnings.indexOf(Math.max(...beginnings));
  const at = (box: Box): readonly [number, number] => box[sweep] ?? [0, 0];
  const sorted = [...known].sort((a, b) => at(a)[0] - at(b)[0]);
  return sorted.some((box, i) => {
    for (let j = i + 1; j < sorted.length; j++) {
      const other = sorted[j] as Box;
      if (at(other)[0] >= at(box)[1]) return false;
      if (axes.every((axis) => meet(box[axis], other[axis]))) return true;
    }
    return false;
  });
}

function meet(a: readonly [number, number] = [0, 0], b: readonly [number, number] = [0, 0]): boolean {
  return a[0] < b[1] && b[0] < a[1];
}
