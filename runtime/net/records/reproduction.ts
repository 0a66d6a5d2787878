/**
 * The file in which a trainer shows that it has done a stretch again: `nmcagn1\n`, the length of its head (4 bytes), the head
 * as JSON, then states and frames in the order in which the head names them.
 */
import type { ShardChain } from '../../audit/chain.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { count, dictionary, follows, list, number, object, optional, text } from '../../support/shape.ts';
import type { Totals } from '../../training/totals.ts';
import { canonicalBytes } from '../../wire/canonical.ts';
import { callBytes, damagedRecord } from './entries.ts';

export const AGAIN_MAGIC = new TextEncoder().encode('nmcagn1\n');
const LENGTH_BYTES = 4;
/** Of a state that is shown: a larger one is compared with nothing. */
export const MAX_SHOWN_BYTES = 64e6;

export interface ShownState {
  /** As a part of a snapshot has it. */
  readonly state: Uint8Array;
  readonly totals: Totals;
}

/** A frame to a shard of another trainer, as it went. */
export interface ShownFrame {
  readonly to: number;
  readonly message: number;
  readonly callIndex: number;
  readonly microbatch: number;
  readonly tick: number;
  readonly payload: Uint8Array;
}

/** One step of a shard. */
export interface ShownShard {
  readonly shard: number;
  readonly before: ShownState;
  readonly after: ShownState;
  readonly frames: readonly ShownFrame[];
}

export interface Reproduction {
  readonly run: string;
  readonly term: number;
  readonly from: number;
  readonly chains: readonly ShardChain[];
  /** Number of the step, where one is shown, and what is in it. */
  readonly step?: number;
  readonly shards: readonly ShownShard[];
}

const STATE = object({ bytes: count, totals: dictionary(number) });
const FRAME = object({ to: count, message: count, callIndex: count, microbatch: count, tick: count, bytes: count });
const HEAD = object({
  ...{ run: text, term: count, from: count, step: optional(count) },
  chains: list(object({ shard: count, links: list(text) })),
  shards: list(object({ shard: count, before: STATE, after: STATE, frames: list(FRAME) })),
});

export function encodeReproduction({ shards, ...head }: Reproduction): Uint8Array {
  const states = ({ state, totals }: ShownState) => ({ bytes: state.length, totals });
  const named = shards.map(({ shard, before, after, frames }) => ({
    ...{ shard, before: states(before), after: states(after) },
    frames: frames.map(({ payload, ...frame }) => ({ ...frame, bytes: payload.length })),
  }));
  const text = canonicalBytes({ ...head, shards: named });
  const parts = shards.flatMap(({ before, after, frames }) => [
    before.state,
    after.state,
    ...frames.map(({ payload }) => payload),
  ]);
  return Buffer.concat([AGAIN_MAGIC, callBytes(text.length), text, ...parts]);
}

/** @throws UserError `record/damaged` */
export function decodeReproduction(bytes: Uint8Array): Reproduction {
  const begin = AGAIN_MAGIC.length + LENGTH_BYTES;
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < begin || !whole.subarray(0, AGAIN_MAGIC.length).equals(AGAIN_MAGIC))
    throw damagedRecord('what its trainer shows of it has another form');
  let at = begin + whole.readUInt32LE(AGAIN_MAGIC.length);
  const head = at <= bytes.length ? parsedJson(whole.subarray(begin, at).toString()) : undefined;
  if (!follows(HEAD, head)) throw damagedRecord('what its trainer shows of it has another form');
  const next = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw damagedRecord('what its trainer shows of it ends too early');
    at += length;
    return Uint8Array.from(whole.subarray(at - length, at));
  };
  const shown = (state: { bytes: number; totals: Totals }): ShownState => ({
    state: next(state.bytes),
    totals: state.totals,
  });
  const shards = head.shards.map(({ shard, before, after, frames }) => ({
    ...{ shard, before: shown(before), after: shown(after) },
    frames: frames.map(({ bytes: length, ...frame }) => ({ ...frame, payload: next(length) })),
  }));
  if (at !== bytes.length) throw damagedRecord('what its trainer shows of it does not end where it has to');
  const { run, term, from, chains, step } = head;
  return { run, term, from, chains, shards, ...(step === undefined ? {} : { step }) };
}
