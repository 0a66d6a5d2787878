/**
 * Matrices of which only some entries exist, as graphs read them: laid out when a state that it is made of has changed,
 * not in every run. Entries keep their places, so a new value is written over the old one and nothing is cleared.
 */
import * as ort from 'onnxruntime-node';
import type { LaidOut } from '../../../spec/cpu-manifest.ts';
import { sizeOf } from '../../../spec/program.ts';

/** The states as they are now, and how often each has changed. */
export interface States {
  values(id: string): Float32Array;
  version(id: string): number;
}

interface Kept {
  readonly tensor: ort.Tensor;
  /** Versions of the connections, and of the values. */
  made: readonly [number, number];
}

/** Where each entry lies in the matrices; -1 for those that do not exist. */
interface Places {
  readonly version: number;
  readonly at: Int32Array;
}

export class Layouts {
  readonly #states: States;
  readonly #kept = new Map<string, Kept>();
  readonly #places = new Map<string, Places>();

  constructor(states: States) {
    this.#states = states;
  }

  /** The input as it is now. */
  tensor(wanted: LaidOut): ort.Tensor {
    const { connections, kind, shape } = wanted;
    const key = `${kind} ${connections} ${shape.join('x')} ${kind === 'matrix' ? wanted.values : ''}`;
    const versions = [
      this.#states.version(connections),
      kind === 'matrix' ? this.#states.version(wanted.values) : 0,
    ] as const;
    const known = this.#kept.get(key);
    if (known && known.made[0] === versions[0] && known.made[1] === versions[1]) return known.tensor;
    const { at } = this.#placesOf(wanted);
    if (known && kind === 'matrix' && known.made[0] === versions[0]) {
      fill(known.tensor.data as Float32Array, at, this.#states.values(wanted.values));
      known.made = versions;
      return known.tensor;
    }
    const tensor = kind === 'matrix' ? this.#matrix(wanted, at) : listOf(kind, at);
    this.#kept.set(key, { tensor, made: versions });
    return tensor;
  }

  #matrix(wanted: LaidOut & { kind: 'matrix' }, at: Int32Array): ort.Tensor {
    const data = new Float32Array(sizeOf(wanted.shape));
    fill(data, at, this.#states.values(wanted.values));
    return new ort.Tensor('float32', data, wanted.shape);
  }

  #placesOf({ connections, shape }: LaidOut): Places {
    const version = this.#states.version(connections);
    const key = `${connections} ${shape.join('x')}`;
    const known = this.#places.get(key);
    if (known?.version === version) return known;
    const [pages = 1, rows = 1, columns = 1] = shape;
    const made = { version, at: placesIn(this.#states.values(connections), pages, rows, columns) };
    this.#places.set(key, made);
    return made;
  }
}

/** @throws Error where an entry lies outside its matrix */
function placesIn(connections: Float32Array, pages: number, rows: number, columns: number): Int32Array {
  const n = connections.length / (2 * pages);
  const at = new Int32Array(pages * n);
  for (let page = 0; page < pages; page++)
    for (let i = 0; i < n; i++) {
      const row = connections[2 * page * n + i] as number;
      const column = connections[(2 * page + 1) * n + i] as number;
      const exists = row >= 0;
      if (exists && !(row < rows && column >= 0 && column < columns))
        throw new Error(`entry ${i} lies outside its matrix`);
      at[page * n + i] = exists ? (page * rows + row) * columns + column : -1;
    }
  return at;
}

function fill(matrices: Float32Array, at: Int32Array, values: Float32Array): void {
  for (let i = 0; i < at.length; i++) {
    const place = at[i] as number;
    if (place >= 0) matrices[place] = values[i] as number;
  }
}

function listOf(kind: 'places' | 'exist', at: Int32Array): ort.Tensor {
  if (kind === 'places')
    return new ort.Tensor(
      'int32',
      at.map((place) => Math.max(0, place)),
      [at.length],
    );
  return new ort.Tensor(
    'float32',
    Float32Array.from(at, (place) => (place < 0 ? 0 : 1)),
    [at.length],
  );
}
