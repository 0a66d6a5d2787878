/**
 * How many training batches lie between two states that a shard signs. Reading and hashing a state costs as much as a
 * batch of a large shard: it is done so seldom that it costs a small share of the work, and so often that the record
 * of what lies in between stays small.
 */
import { secondsOfCommitment } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import type { BatchWork, Deployment, ShardNeeds } from '../wire/deployment.ts';
import type { Capability } from '../wire/messages.ts';
import { secondsOfWork } from './batch-time.ts';

/** What one shard's batches and commitments take on its machine. */
export interface StretchCosts {
  /** Seconds of the work of a batch, and of reading and hashing the state once. */
  readonly work: number;
  readonly commitment: number;
  /** Bytes of the state, and of what a batch adds to the record. */
  readonly state: number;
  readonly frames: number;
}

export interface StretchLength {
  readonly batches: number;
  /** The largest of any shard: of commitments in the work, and of one record in bytes. */
  readonly share: number;
  readonly bytes: number;
}

/** Of a shard's work, at most; and what is aimed at, since costs that were measured are as much as a quarter off. */
export const COMMITMENT_SHARE = 0.02;
const AIMED_SHARE = 0.75 * COMMITMENT_SHARE;
/** Of the record of one stretch, and of all that a trainer keeps of a shard. */
export const RECORD_BYTES = 2 ** 31;
export const KEPT_BYTES = 3 * RECORD_BYTES;
/** What a frame that was sent leaves in the record: header, hash and what holds them. */
const SENT_BYTES = 160;
/** A frame that came: the same, and its share of the sender's signature over the call. */
const TAKEN_BYTES = 224;
/** Of a quotient that is a whole number but for the last bits. */
const ROUNDING = 1e-9;

/**
 * The fewest batches whose work is worth a commitment on every shard; no more than the records have room for, unless a
 * state alone fills one: then a stretch is one batch.
 * @param share of the work, at most
 * @param bytes of a record, at most
 */
export function stretchLength(
  shards: readonly StretchCosts[],
  share = AIMED_SHARE,
  bytes = RECORD_BYTES,
): StretchLength {
  const least = shards.map(({ work, commitment }) =>
    commitment > 0 ? Math.ceil(commitment / (share * work) - ROUNDING) : 1,
  );
  const most = shards.map(({ state, frames }) =>
    frames > 0 ? Math.floor((bytes - state) / frames) : Number.POSITIVE_INFINITY,
  );
  const batches = Math.max(1, Math.min(Math.max(1, ...least), ...most, MAX_STRETCH));
  return {
    batches,
    share: Math.max(0, ...shards.map(({ work, commitment }) => (commitment > 0 ? commitment / (batches * work) : 0))),
    bytes: Math.max(0, ...shards.map(({ state, frames }) => state + batches * frames)),
  };
}

/** As the form of a deployment has it. */
const MAX_STRETCH = 1_000_000;

/**
 * Of a deployment, wherever its shards may come to lie.
 * @param machines that may train it: the one counts on which a commitment weighs most
 */
export function stretchesOf(
  needs: readonly Required<Pick<ShardNeeds, 'work' | 'sends'>>[],
  machines: readonly Pick<Capability, 'rate' | 'cores' | 'costs'>[],
): NonNullable<Deployment['stretches']> {
  const measured = machines.filter(({ costs }) => costs !== undefined);
  const known = measured.length > 0 ? measured : [DEFAULT_MACHINE];
  const costs = needs.flatMap(({ work }, shard) => {
    const frames = recordedBytes(needs, shard) ?? 0;
    return known.map((machine) => ({ ...stretchCostsOn(work, machine, needs.length === 1), frames }));
  });
  return { batches: stretchLength(costs).batches, bytes: RECORD_BYTES, keep: KEPT_BYTES };
}

/**
 * Bytes that a training batch adds to the record of a shard.
 * @returns nothing where the deployment, of an older version, does not say what is sent
 */
export function recordedBytes(needs: readonly Pick<ShardNeeds, 'sends'>[], shard: number): number | undefined {
  if (needs.some(({ sends }) => !sends)) return undefined;
  const came = needs.flatMap(({ sends = [] }) => sends.filter(({ to }) => to === shard));
  const taken = came.reduce((sum, { bytes, frames }) => sum + bytes + frames * TAKEN_BYTES, 0);
  const sent = needs[shard]?.sends?.reduce((sum, { frames }) => sum + frames * SENT_BYTES, 0) ?? 0;
  return taken + sent;
}

/** Costs of one shard on a machine, but for what its frames leave in the record. */
export function stretchCostsOn(
  work: BatchWork,
  machine: Pick<Capability, 'rate' | 'cores' | 'costs'>,
  alone: boolean,
): Omit<StretchCosts, 'frames'> {
  const commitment = machine.costs ? secondsOfCommitment(work.state, machine.costs) : 0;
  return { work: secondsOfWork({ ...work, state: 0 }, machine, alone), commitment, state: work.state };
}
