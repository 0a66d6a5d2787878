/**
 * Free ticks (schedule `async`): a shard that settles reads the newest values of its neighbours that are there instead
 * of those of the same tick. What is decided here is which frame a tick reads; everything else, the sweep before the
 * ticks and the exchange behind the last one, stays as in lockstep (semantics.md, 7d). Pure.
 */

import { isTraining } from '../../spec/names.ts';
import { stream } from '../../spec/random.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { FrameKey } from './frame.ts';

/** Frames of one message for one part, as far as a receiver has them. */
export interface Slot {
  /** The newest tick of which there is a frame; absent: none. */
  readonly newest: number | undefined;
  /** Of the training: a run that is resumed counts its calls anew, and its batches not. */
  readonly batch: number;
  /** Whether the frame of a tick is there. */
  has(tick: number): boolean;
}

/** Says which tick's frame a tick reads. */
export interface FrameChooser {
  /** @returns the tick whose frame is read in tick `key.tick`; nothing: it waits */
  choose(key: FrameKey, slot: Slot): number | undefined;
  /** Whether a newer frame takes the place of an older one: latest wins. Else all are kept until they are passed. */
  readonly replaces: boolean;
  /** Told which tick's frame a tick has read; nothing: something stood in for it, as its sender is absent. */
  readonly took?: (key: FrameKey, tick: number | undefined) => void;
}

/** That in a tick of one part another tick's frame was read: what a replay needs to do the same again. */
export interface Taken {
  readonly message: number;
  readonly microbatch: number;
  readonly tick: number;
  readonly taken: number;
}

/** What the ticks of one call have read of one message. */
export interface TicksRead {
  readonly message: number;
  readonly microbatch: number;
  /** By tick: that of the frame that it read. */
  readonly taken: readonly number[];
}

/**
 * Latest wins, and nothing older than `staleness` ticks is read: the shard waits instead. A neighbour may be ahead, too,
 * as far as its own bound lets it; with a bound of 0 nothing but the tick itself is read, which is lockstep.
 */
export function newestWithin(staleness: number, took?: FrameChooser['took']): FrameChooser {
  const told = took ? { took } : {};
  if (staleness === 0) return { ...asTaken([]), ...told };
  return {
    ...told,
    replaces: true,
    choose: ({ tick }, { newest }) =>
      newest !== undefined && newest >= Math.max(0, tick - staleness) ? newest : undefined,
  };
}

/** A slow network in one process, the same on every machine. */
export interface Emulation {
  /** Ticks that every frame is on its way. */
  readonly delay: number;
  /** Share of frames that are lost. */
  readonly loss: number;
  readonly seed: number;
}

/**
 * What would be the newest on such a network: of the frames that are `delay` ticks old, the last one that was not lost.
 * One as old as the bound is waited for, and so is the first of a batch: it is sent until it arrives.
 *
 * @param late `absent`: a neighbour is not waited for past the bound; what it said last in the batch stays
 */
export function emulated(emulation: Emulation, staleness: number, late?: 'absent'): FrameChooser {
  const isLost = losing(emulation);
  return {
    replaces: false,
    choose: (key, slot) => {
      const oldest = late === 'absent' ? 0 : Math.max(0, key.tick - staleness);
      let tick = Math.max(oldest, key.tick - emulation.delay);
      while (tick > oldest && isLost({ ...key, tick }, slot.batch)) tick--;
      return slot.has(tick) ? tick : undefined;
    },
  };
}

/** @returns whether a frame is lost, by its name alone: whatever is sent before it */
function losing({ loss, seed }: Emulation): (key: FrameKey, batch: number) => boolean {
  if (loss <= 0) return () => false;
  return ({ message, microbatch, tick }, batch) =>
    stream(seed, `lost/${message}/${batch}/${microbatch}`).uniform(tick) < loss;
}

/** The same choices once more, as a record has them: what it does not name was of the tick itself. */
export function asTaken(taken: readonly Taken[]): FrameChooser {
  const name = (message: number, microbatch: number, tick: number): string => `${message}/${microbatch}/${tick}`;
  const known = new Map(taken.map((t) => [name(t.message, t.microbatch, t.tick), t.taken]));
  return {
    replaces: false,
    choose: ({ message, microbatch, tick }, slot) => {
      const wanted = known.get(name(message, microbatch, tick)) ?? tick;
      return slot.has(wanted) ? wanted : undefined;
    },
  };
}

/** The same choices once more, of every call and tick. @param readsOf a call: a message that it does not name waits */
export function asRecorded(readsOf: (callIndex: number) => readonly TicksRead[]): FrameChooser {
  const calls = new Map<number, ReadonlyMap<string, readonly number[]>>();
  const callOf = (callIndex: number): ReadonlyMap<string, readonly number[]> => {
    const known = calls.get(callIndex);
    if (known) return known;
    const made = new Map(readsOf(callIndex).map((r) => [`${r.message}/${r.microbatch}`, r.taken]));
    calls.set(callIndex, made);
    return made;
  };
  return {
    replaces: false,
    choose: ({ message, callIndex, microbatch, tick }, slot) => {
      const wanted = callOf(callIndex).get(`${message}/${microbatch}`)?.[tick];
      return wanted !== undefined && slot.has(wanted) ? wanted : undefined;
    },
  };
}

/** Messages whose older frames a receiver may read: those in the ticks of a training. All others are strict. */
export function freeMessages(schedule: Pick<ShardSchedule, 'functions'>): ReadonlySet<number> {
  return new Set(freeRepeats(schedule).keys());
}

/** How often in a call each of them comes, by their ids. */
export function freeRepeats({ functions }: Pick<ShardSchedule, 'functions'>): ReadonlyMap<number, number> {
  const settling = functions.filter(({ name }) => isTraining(name));
  const ticks = settling.flatMap(({ stages }) => stages.filter(({ repeat }) => repeat > 1));
  const ids = ticks.flatMap(({ repeat, segments }) =>
    segments.flatMap(({ receive, send }) => [...receive, ...send].map((id) => [id, repeat] as const)),
  );
  return new Map(ids);
}

/**
 * Whether a sender may send the newer frame instead of the older one that it has not sent yet: a receiver would read the
 * newer one alone. The first frame of a batch is always sent.
 *
 * @param free `freeMessages` of the sender
 */
export function supersedes(newer: FrameKey, older: FrameKey, free: ReadonlySet<number>): boolean {
  return (
    free.has(older.message) &&
    newer.message === older.message &&
    newer.callIndex === older.callIndex &&
    newer.microbatch === older.microbatch &&
    newer.tick > older.tick &&
    older.tick > 0
  );
}
