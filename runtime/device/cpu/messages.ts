/** Messages between the command and the threads that run the device. */
import type { Executable, Position, RunInput, Tensor } from '../device.ts';
import type { EngineState } from './engine.ts';

/** The first request to a worker: which program it runs. */
export interface WorkerStart {
  readonly states: readonly EngineState[];
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly threads: number;
  /** Where batches come to this thread past its messages. */
  readonly lane?: LaneStart;
}

export interface LaneStart {
  readonly index: 0 | 1;
  /** See `CONTROL`. */
  readonly control: SharedArrayBuffer;
  /**
   * Results of both lanes, their gradients among them, for batches of even and odd number; absent where this one takes
   * whole batches.
   */
  readonly exchange?: SharedArrayBuffer;
  /** See `Slot`. */
  readonly slots: SharedArrayBuffer;
}

/** `engine`: which of the programs that share this thread, the first where it is not said. */
export type Request = { readonly id: number; readonly engine?: number } & (
  | { readonly kind: 'open'; readonly start: WorkerStart }
  | { readonly kind: 'prepare'; readonly name: string }
  /** `begin`: of a part that is written or read. */
  | { readonly kind: 'write'; readonly state: string; readonly values: Tensor; readonly begin?: number }
  | { readonly kind: 'read'; readonly state: string; readonly begin?: number; readonly end?: number }
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly inputs: Record<string, RunInput>;
      readonly position: Position;
    }
  /** As `run`, within the thread: values that only its runs read stay there. */
  | ({ readonly kind: 'step' } & Step)
  /** A lane has batches to run. */
  | { readonly kind: 'wake' }
  /** Answered when a lane has failed. */
  | { readonly kind: 'failure' }
  | { readonly kind: 'close' }
);

export interface Step {
  readonly name: string;
  /** By field: values, or the names of those that stayed. */
  readonly inputs: Readonly<Record<string, RunInput | string>>;
  readonly position: Position;
  /** Its number: with it, values have names of their own (`stayedName`). */
  readonly step: number;
  /** Fields whose values are here for the first time and stay. */
  readonly staying: readonly string[];
  /** Results that the command gets; of the others it gets empty arrays. */
  readonly shown: ReadonlySet<string>;
  /** Names of values that nothing reads any more. */
  readonly dropped: readonly string[];
}

/** @param what they were to the step: one name may be that of a field and of a result */
export function stayedName(step: number, what: 'field' | 'result', name: string): string {
  return `${step}/${what}/${name}`;
}

export type Value = Tensor | Record<string, Tensor> | undefined;

/** `milliseconds`: of a run, what it took. */
export type Reply =
  | { readonly id: number; readonly value: Value; readonly milliseconds?: number }
  | { readonly id: number; readonly failure: string };

/** Requests during which a thread cannot be ended. */
export const COMPUTES: readonly string[] = ['run', 'step', 'call', 'batch'];

/** @param threads of computation */
export function startOf({ program, files }: Executable, threads: number): WorkerStart {
  return { states: program.states.map(({ id, shape }) => ({ id, shape })), files, threads };
}

/** The first of a thread: it has loaded what it needs. Nothing has asked for it. */
export const LOADED: Reply = { id: -1, value: undefined };

/** Buffers that are handed over, not copied, when these go to another thread. */
export function buffersOf(inputs: Readonly<Record<string, RunInput>>): ArrayBuffer[] {
  return Object.values(inputs).map((data) => data.buffer as ArrayBuffer);
}

/** Buffers of an answer, which are copies of its own: they are handed over, too. */
export function ownBuffers(value: Value): ArrayBuffer[] {
  if (value === undefined) return [];
  return ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : buffersOf(value);
}

/** The caller may use its buffers again as soon as `run` has returned. */
export function copied<T extends RunInput>(inputs: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, data.slice() as T]));
}
