/** One shard on one device: its states made, saved and restored, its functions run. */
import { totalmem } from 'node:os';
import { copiedState, initialValues, joinMembers, keepConnections } from '../../spec/initialise.ts';
import { memberStates, type ProgramFunction, type State, sizeOf } from '../../spec/program.ts';
import { cutFrom } from '../../spec/slices.ts';
import type { Standardization } from '../data/statistics.ts';
import type { Device, DeviceSession, Executable, FieldData, Position, SampleRunner, Tensor } from '../device/device.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { formatBytes } from '../support/format-numbers.ts';
import type { Drawn } from './draw-states.ts';
import { isPlain, PART_ELEMENTS } from './in-parts.ts';
import { type Sizes, sizesIn } from './sizes.ts';

export interface Shard {
  readonly executable: Executable;
  /** Smaller batches that functions can be run with. */
  readonly sizes?: Sizes;
  run(name: string, inputs: Readonly<Record<string, FieldData>>, position: Position): Promise<Record<string, Tensor>>;
  /** As `DeviceSession.prepare`. */
  prepare?(name: string): void;
  /** As `DeviceSession.makeResident`. */
  makeResident?(name: string, samples: number): Promise<SampleRunner | undefined>;
  /** Takes what another shard of the same model has saved; what is remembered within a sequence stays. */
  load?(saved: SavedStates): Promise<void>;
  /**
   * Every state that training continues from, parameters apart from the rest.
   * @param from `start` before anything ran: what still is zero as on any device that was just opened is left out
   */
  save(from?: 'start'): Promise<SavedStates>;
  close(): Promise<void>;
}

export interface SavedStates {
  readonly parameters: readonly NamedTensor[];
  readonly auxiliary: readonly NamedTensor[];
}

/** Beginning of a shard: nothing but a seed, or the tensors of a snapshot. */
export type Beginning =
  | {
      readonly seed: number;
      readonly statistics: ReadonlyMap<string, Standardization>;
      readonly weights?: readonly NamedTensor[];
      /** Tensors that were drawn from the seed already. */
      readonly drawn?: Drawn;
    }
  | { readonly tensors: readonly NamedTensor[] };

/**
 * @param begin how to begin; called when the device has started to load, so both take their time together
 * @param first the function that will run first
 * @throws EnvironmentError `memory/too-small`; UserError `weights/…`
 */
export async function openShard(
  device: Device,
  executable: Executable,
  begin: () => Beginning | Promise<Beginning>,
  first?: string,
): Promise<Shard> {
  const { states } = executable.program;
  assertFits(states);
  const session = await device.open(executable);
  try {
    if (first !== undefined) session.prepare(first);
    await fillStates(session, states, await begin());
  } catch (error) {
    await session.close();
    throw error;
  }
  const functions = new Map(executable.program.functions.map((f) => [f.name, f]));
  return {
    executable,
    sizes: sizesIn(executable.program.functions),
    run: async (name, inputs, position) => separate(functions.get(name), await session.run(name, inputs, position)),
    prepare: (name) => session.prepare(name),
    makeResident: async (name, samples) => {
      const resident = await session.makeResident?.(name, samples);
      return (
        resident && { ...resident, run: async (...call) => separate(functions.get(name), await resident.run(...call)) }
      );
    },
    load: ({ parameters, auxiliary }) => {
      const lasting = states.filter((s) => s.role !== 'memory');
      return fillStates(session, lasting, { tensors: [...parameters, ...auxiliary] }, false);
    },
    save: async (from) => saveStates(session, states, from),
    close: () => session.close(),
  };
}

/** Said before anything is allocated: what does not fit would end the process without a word. */
export function assertFits(states: readonly State[]): void {
  const bytes = states.reduce((sum, s) => sum + sizeOf(s.shape) * Float32Array.BYTES_PER_ELEMENT, 0);
  if (bytes <= totalmem()) return;
  throw new EnvironmentError(
    'memory/too-small',
    `the weights alone need ${formatBytes(bytes)}, this machine has ${formatBytes(totalmem())}`,
    'make the model smaller (--set), or use a larger machine',
  );
}

/**
 * Gives every state its first value; values that live within a batch need none.
 *
 * @param fresh the session has just been opened: its states are zero
 */
export async function fillStates(
  session: Pick<DeviceSession, 'write' | 'writePart'>,
  all: readonly State[],
  beginning: Beginning,
  fresh = true,
): Promise<void> {
  const states = all.filter((s) => s.role !== 'value' && (s.role !== 'sum' || !fresh));
  const valuesFor = beginnings(beginning);
  const partly = 'tensors' in beginning ? await filledInParts(session, states, beginning.tensors) : NONE;
  for (const state of states) {
    if (partly.has(state)) continue;
    if (fresh && 'seed' in beginning && !beginning.weights && memberStates(state).every(beginsAtZero)) continue;
    if (state.role === 'sum') {
      await session.write(state.id, new Float32Array(sizeOf(state.shape)));
      continue;
    }
    const parts = memberStates(state).map(valuesFor);
    const given = parts.filter((part) => part !== undefined);
    // Members belong to one state of the device: all of them have a value, or none has.
    if (given.length === 1 && !state.members) await session.write(state.id, alone(given[0] as Tensor));
    else if (given.length === parts.length) await session.write(state.id, join(state, given));
  }
}

const NONE: ReadonlySet<State> = new Set();

/** Large ones whose values lie on the disk, which are never in memory as a whole. @returns those that have them now */
async function filledInParts(
  session: Pick<DeviceSession, 'writePart'>,
  states: readonly State[],
  tensors: readonly NamedTensor[],
): Promise<ReadonlySet<State>> {
  if (!session.writePart) return NONE;
  const byName = new Map(tensors.map((t) => [t.name, t]));
  const filled = new Set<State>();
  for (const state of states) {
    const tensor = byName.get(state.id);
    const size = sizeOf(state.shape);
    if (tensor?.dtype !== 'F32' || !tensor.part || !isPlain(state, tensor) || size <= PART_ELEMENTS) continue;
    for (let at = 0; at < size; at += PART_ELEMENTS)
      await session.writePart(state.id, at, tensor.part(at, Math.min(size, at + PART_ELEMENTS)));
    filled.add(state);
  }
  return filled;
}

/** Another thread is sent all the memory that an array lies in: one tensor, not the file that it is a view of. */
function alone(tensor: Tensor): Tensor {
  return tensor.byteLength === tensor.buffer.byteLength ? tensor : tensor.slice();
}

/** States of a device that was just opened are zero already: an optimiser's need not be sent there. */
function beginsAtZero(state: State): boolean {
  const { init } = copiedState(state);
  return init.kind === 'constant' && init.value === 0;
}

/** The values that a state begins with; nothing where it may stay as it is. */
function beginnings(beginning: Beginning): (state: State) => Tensor | undefined {
  if ('tensors' in beginning) {
    const found = new Map(beginning.tensors.map((t) => [t.name, t]));
    const tensorOf = (state: State): Tensor | undefined => {
      // A run that was only trained has no optimiser states to predict with, and needs none.
      const tensor = found.get(state.id);
      if (tensor) return keepConnections(state, valuesOf(tensor, state));
      const whole = state.slice && found.get(state.slice.of);
      if (whole) return tileOf(whole, state);
      // A copy that was not saved is made of the current value.
      if (state.init.kind === 'copy') return tensorOf(copiedState(state));
      if (state.role === 'memory') return beginsAtZero(state) ? undefined : initialValues(state, NO_SEED);
      if (state.role !== 'optimizer') throw missing(state);
      return undefined;
    };
    return tensorOf;
  }
  const given = new Map((beginning.weights ?? []).map((t) => [t.name, t]));
  return (asked) => {
    const state = copiedState(asked);
    const tensor = state.role === 'parameter' ? given.get(state.slice?.of ?? state.id) : undefined;
    if (tensor) return tileOf(tensor, state);
    if (beginning.weights && state.role === 'parameter') throw missing(state);
    return beginning.drawn?.get(state.id) ?? initialState(state, beginning.seed, beginning.statistics);
  };
}

/** A state's part of a tensor of the file; all of it where the state is not a tile. */
function tileOf(tensor: NamedTensor, state: State): Tensor {
  const { slice } = state;
  if (!slice) return keepConnections(state, valuesOf(tensor, state));
  const whole = valuesOf(tensor, { ...state, id: slice.of, shape: slice.shape });
  return keepConnections(state, cutFrom(whole, slice, state.shape));
}

/** In the precision of the parts. */
function join(state: State, parts: readonly Tensor[]): Tensor {
  if (!parts.some((part) => part instanceof Float64Array)) return joinMembers(state, parts);
  return Float64Array.from(parts.flatMap((part) => [...part]));
}

/** What predictions begin at is not part of a training: the same whatever the seed. */
const NO_SEED = 0;

function initialState(state: State, seed: number, statistics: ReadonlyMap<string, Standardization>): Tensor {
  if (state.role === 'memory') return initialValues(state, NO_SEED);
  if (state.init.kind !== 'statistic') return initialValues(state, seed);
  const found = statistics.get(state.init.field);
  if (!found) throw new Error(`no statistics of ${state.init.field}`);
  return state.init.what === 'mean' ? found.mean : Float32Array.of(found.scale);
}

/** Whether a training continues from it. */
export function isKept({ role }: State): boolean {
  return role !== 'value' && role !== 'sum';
}

/** Statistics belong to the model: predictions need them. */
export function isParameter({ role }: State): boolean {
  return role === 'parameter' || role === 'statistic';
}

export async function saveStates(session: DeviceSession, all: readonly State[], from?: 'start'): Promise<SavedStates> {
  const untouched = (s: State): boolean =>
    from === 'start' && s.role === 'optimizer' && memberStates(s).every(beginsAtZero);
  const states = all.filter((s) => isKept(s) && !untouched(s));
  const parameters: NamedTensor[] = [];
  const auxiliary: NamedTensor[] = [];
  // Asked for all at once: the device answers in order, so they are of one moment.
  const tensors = await Promise.all(states.map((s) => session.read(s.id)));
  states.forEach((whole, i) => {
    const data = tensors[i] as Tensor;
    let at = 0;
    for (const state of memberStates(whole)) {
      const end = at + sizeOf(state.shape);
      const into = isParameter(state) ? parameters : auxiliary;
      into.push(named(state, data.subarray(at, end)));
      at = end;
    }
  });
  return { parameters, auxiliary };
}

function named(state: State, data: Tensor): NamedTensor {
  return data instanceof Float64Array
    ? { name: state.id, dtype: 'F64', shape: [...state.shape], data }
    : { name: state.id, dtype: 'F32', shape: [...state.shape], data };
}

/** Results that the device gives together, by their own names. */
function separate(f: ProgramFunction | undefined, results: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const packed = f?.results.filter((r) => r.members) ?? [];
  if (packed.length === 0) return { ...results };
  const separated = { ...results };
  for (const { name, members = [] } of packed) {
    const values = results[name];
    if (!values) continue;
    const each = values.length / members.length;
    members.forEach((member, i) => {
      separated[member] = values.subarray(i * each, (i + 1) * each);
    });
  }
  return separated;
}

function valuesOf(tensor: NamedTensor, state: State): Tensor {
  if (tensor.shape.length !== state.shape.length || tensor.shape.some((n, i) => n !== state.shape[i]))
    throw new UserError(
      'weights/shape',
      `${tensor.name} has shape [${tensor.shape.join(', ')}] in the file, but [${state.shape.join(', ')}] in the model`,
      'the model was changed after this run: train it again, or undo the change',
    );
  if (tensor.dtype !== 'F32' && tensor.dtype !== 'F64')
    throw new UserError('weights/type', `${tensor.name} holds ${tensor.dtype}, not floating-point numbers`);
  return tensor.data;
}

function missing(state: State): UserError {
  return new UserError(
    'weights/missing',
    `the file has no tensor ${state.id}`,
    'the weights are of another model: names of nodes and links must agree',
  );
}
