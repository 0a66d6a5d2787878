/** Initial values of states: any tensor can be made from (seed, name) alone, anywhere. */
import { memberStates, type Slice, type State, sizeOf } from './program.ts';
import { stream } from './random.ts';
import { cutFrom, eachElement, placeInWhole } from './slices.ts';
import { type Sparsity, unitConnections } from './topologies.ts';

/** @returns the elements in row-major order; statistics of the data are not made here and begin at zero */
export function initialValues(state: State, seed: number): Float32Array {
  if (state.members)
    return joinMembers(
      state,
      memberStates(state).map((member) => initialValues(member, seed)),
    );
  if (state.init.kind === 'copy') return initialValues(copiedState(state), seed);
  if (state.slice) return sliceValues(state, state.slice, seed);
  const values = new Float32Array(sizeOf(state.shape));
  const { init } = state;
  const rng = stream(seed, state.id);
  if (init.kind === 'constant') values.fill(init.value);
  if (init.kind === 'uniform')
    for (let i = 0; i < values.length; i++) values[i] = (2 * rng.uniform(i) - 1) * init.bound;
  if (init.kind === 'normal') for (let i = 0; i < values.length; i++) values[i] = rng.normal(i) * init.std;
  if (init.kind === 'identity') fillIdentity(values, state.shape.slice(-2), init.scale);
  if (init.kind === 'connections') fillConnections(values, state.shape, init.sparsity);
  if (init.kind === 'entries') fillEntries(values, init.matrix, init.sparsity);
  return init.kind === 'thinned' ? keepConnections(state, initialValues({ ...state, init: init.of }, seed)) : values;
}

/**
 * Some of the values that `initialValues` gives, in their order, without making all of them.
 * @returns nothing where they are only made together
 */
export function initialPart(asked: State, seed: number, begin: number, end: number): Float32Array | undefined {
  const state = copiedState(asked);
  const { init, slice, shape } = state;
  if (state.members || slice?.across) return undefined;
  const values = new Float32Array(end - begin);
  if (init.kind === 'constant') return values.fill(init.value);
  if (init.kind !== 'uniform' && init.kind !== 'normal') return undefined;
  const rng = stream(seed, slice?.of ?? state.id);
  for (let i = 0; i < values.length; i++) {
    const at = slice ? placeInWhole(slice, shape, begin + i) : begin + i;
    values[i] = init.kind === 'uniform' ? (2 * rng.uniform(at) - 1) * init.bound : rng.normal(at) * init.std;
  }
  return values;
}

/** The parameter or the memory that a state copies, as far as this state's part of it goes; any other state is itself. */
export function copiedState(state: State): State {
  const { init, slice } = state;
  if (init.kind !== 'copy') return state;
  const role = state.role === 'memory' ? state.role : 'parameter';
  const of = { ...state, role, init: init.of } as const;
  return slice ? { ...of, slice: { ...slice, of: init.state } } : { ...of, id: init.state };
}

/** Zero where a state has no connection; everything else as it is. A state that is not thinned keeps all. */
export function keepConnections<V extends Float32Array | Float64Array>(state: State, values: V): V {
  const { init } = state;
  if (init.kind === 'copy') return keepConnections({ ...state, init: init.of }, values);
  if (init.kind !== 'thinned') return values;
  const joined = initialValues({ ...state, init: { kind: 'connections', sparsity: init.sparsity } }, 0);
  // Not a product: infinity times zero is not a number.
  return values.map((value, i) => (joined[i] === 0 ? 0 : value)) as V;
}

/** A tile's elements are those of the whole, drawn by their places in it. */
function sliceValues({ shape, init, role }: State, slice: Slice, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  const rng = stream(seed, slice.of);
  if (init.kind === 'constant') return values.fill(init.value);
  if (init.kind !== 'uniform' && init.kind !== 'normal')
    return cutFrom(initialValues({ id: slice.of, shape: slice.shape, role, init }, seed), slice, shape);
  eachElement(slice, shape, (i, whole) => {
    values[i] = init.kind === 'uniform' ? (2 * rng.uniform(whole) - 1) * init.bound : rng.normal(whole) * init.std;
  });
  return values;
}

/** The members' elements one after the other, as the state that holds them has them. */
export function joinMembers(state: State, parts: readonly ArrayLike<number>[]): Float32Array {
  const whole = new Float32Array(sizeOf(state.shape));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function fillConnections(
  values: Float32Array,
  [targets = 1, sources = 1]: readonly number[],
  sparsity: Sparsity,
): void {
  const joined = unitConnections(sparsity, sources, targets);
  joined.targets.forEach((target, i) => {
    values[target * sources + (joined.sources[i] as number)] = 1;
  });
}

function fillEntries(values: Float32Array, [targets, sources]: readonly [number, number], sparsity: Sparsity): void {
  const joined = unitConnections(sparsity, sources, targets);
  values.fill(-1);
  values.set(joined.targets, 0);
  values.set(joined.sources, values.length / 2);
}

function fillIdentity(values: Float32Array, [rows = 1, columns = 1]: readonly number[], scale: number): void {
  for (let page = 0; page < values.length; page += rows * columns)
    for (let i = 0; i < Math.min(rows, columns); i++) values[page + i * columns + i] = scale;
}
