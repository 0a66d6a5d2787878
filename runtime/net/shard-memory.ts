/**
 * Memory that a deployment takes of a trainer, counted from the record, the plan and the schedule alone: before a column, a
 * snapshot or a batch is there.
 */
import { isRanked } from '../../spec/metrics.ts';
import { type State, sizeOf } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { UserError } from '../support/errors.ts';
import { formatBytes } from '../support/format-numbers.ts';
import type { ColumnRef, DataRef, Deployment, ShardNeeds } from '../wire/deployment.ts';
import { MAX_MESSAGE_BYTES } from '../wire/envelope.ts';
import { bytesOf, isHeld } from './disk-columns.ts';
import { maxPendingBytes } from './records/pending.ts';
import { readsOf } from './shard-data.ts';
import { isStreamed } from './streamed-state.ts';

export interface Need {
  readonly what: string;
  readonly bytes: number;
}

/** A record came in one message, so it is no longer than one, whatever its letters. */
export const MAX_RECORD_BYTES = 3 * MAX_MESSAGE_BYTES;
/** Of a shard's state: two that are kept for snapshots, one that is hashed, one on its way into the mesh. */
const STATES_HELD = 4;
/** Of one that is read part by part, by way of the disk: parts in the device's thread and in this one, and those just left. */
const STREAMED_BYTES = 32e6;
const MAX_ELEMENT_BYTES = Float64Array.BYTES_PER_ELEMENT;
const ROW_NUMBER_BYTES = 8;
/** A tensor's line in the head of a part, without its name. */
const HEAD_LINE_BYTES = 512;

/** What is counted of a deployment: how large its parts are, not what is in them. */
export interface Counted extends Pick<Deployment, 'train' | 'checks' | 'batch' | 'evaluations' | 'stretches'> {
  readonly plan: readonly { readonly bytes: number }[];
  readonly needs: readonly Pick<ShardNeeds, 'sends'>[];
  readonly statistics: readonly { readonly field: string; readonly mean: { readonly bytes: number } }[];
}

export interface CountedShard {
  readonly schedule: ShardSchedule;
  readonly states: readonly State[];
  /** Bytes that the plan says of it: its states and the values of one batch. */
  readonly memory: number;
}

/** Memory that all shards of one run share: the record, and the plan's files, as they come and as they are loaded. */
export function planNeeds({ plan }: Pick<Counted, 'plan'>): Need[] {
  const files = plan.reduce((sum, f) => sum + f.bytes, 0);
  return [
    { what: 'the record of the deployment', bytes: 2 * MAX_RECORD_BYTES },
    { what: 'the files of the plan', bytes: 2 * files },
  ];
}

/** Memory of one shard. @param shard its number */
export function shardNeeds(
  deployment: Counted,
  shard: number,
  { schedule, states, memory }: CountedShard,
  elementBytes = Float32Array.BYTES_PER_ELEMENT,
): Need[] {
  const { train, checks, batch, evaluations } = deployment;
  const wanted = readsOf(schedule, evaluations);
  const columns = (ref: DataRef, names: readonly string[]): number =>
    columnsOf(ref, names).reduce((sum, c) => sum + (isHeld(c) ? bytesOf(c) : 0), 0);
  const rowBytes = (ref: DataRef, names: readonly string[]): number =>
    columnsOf(ref, names).reduce((sum, c) => sum + bytesOf(c) / Math.max(1, ref.length), ROW_NUMBER_BYTES);
  const ofChecks = checks.reduce((sum, ref, i) => sum + columns(ref, wanted.checks[i] ?? []), 0);
  const batches = checks.map((ref, i) => (evaluations[i]?.batch ?? 0) * rowBytes(ref, wanted.checks[i] ?? []));
  const largest = columnsOf(train, wanted.train)
    .concat(checks.flatMap((ref, i) => columnsOf(ref, wanted.checks[i] ?? [])))
    .reduce((most, c) => c.blobs.reduce((m, b) => Math.max(m, b.bytes), most), 0);
  const fields = new Set(states.flatMap(({ init }) => (init.kind === 'statistic' ? [init.field] : [])));
  const means = deployment.statistics.filter((s) => fields.has(s.field)).reduce((sum, s) => sum + s.mean.bytes, 0);
  const ranked = evaluations.map((evaluation, i) => scoresOf(evaluation, checks[i], wanted.checks[i] ?? []));
  return [
    { what: 'states and values as the plan says', bytes: memory },
    { what: 'columns of the training data', bytes: columns(train, wanted.train) },
    { what: 'columns of the checks', bytes: ofChecks },
    { what: 'the order of the rows', bytes: train.length * Uint32Array.BYTES_PER_ELEMENT },
    { what: 'one batch', bytes: Math.max(batch * rowBytes(train, wanted.train), ...batches) },
    { what: 'a piece of a column on its way', bytes: 2 * largest },
    { what: 'statistics', bytes: 2 * means },
    ...(ranked.some((bytes) => bytes > 0) ? [{ what: 'scores of a ranking', bytes: Math.max(...ranked) }] : []),
    { what: 'snapshots', bytes: snapshotBytes(states, elementBytes) },
    { what: 'frames on their way into the record', bytes: maxPendingBytes(deployment, shard) },
  ];
}

/** Bytes of the scores of an evaluation that ranks, where the shard compares: they lie in memory that doubles. */
function scoresOf(
  { metric, field }: Counted['evaluations'][number],
  ref: DataRef | undefined,
  reads: readonly string[],
): number {
  const answers = ref?.columns.find((c) => c.name === field);
  if (!ref || !answers || !isRanked(metric) || !reads.includes(field)) return 0;
  return 3 * Float64Array.BYTES_PER_ELEMENT * answers.shape.reduce((product, n) => product * n, ref.length);
}

/** Bytes of states on their way into snapshots and out of them. */
export function snapshotBytes(states: readonly State[], elementBytes: number): number {
  const isWhole = elementBytes !== Float32Array.BYTES_PER_ELEMENT || !isStreamed(states);
  return isWhole ? STATES_HELD * elementBytes * elementsOf(states) : STREAMED_BYTES;
}

/** No part of a snapshot of these states is longer. */
export function mostPartBytes(states: readonly State[]): number {
  const tensors = states.flatMap((s) => s.members ?? [s]);
  const heads = tensors.reduce((sum, t) => sum + HEAD_LINE_BYTES + 6 * t.id.length, 1024);
  return heads + MAX_ELEMENT_BYTES * elementsOf(states);
}

export function sumOfNeeds(needs: readonly Need[]): number {
  return needs.reduce((sum, n) => sum + n.bytes, 0);
}

interface Place {
  readonly run: string;
  readonly shard: number;
}

/** Memory that the shards of one process hold, against the most that they may in all. */
export class MemoryLedger {
  readonly #most: number;
  /** By run: what its shards share, and what each of them has. */
  readonly #held = new Map<string, { plan: number; readonly shards: Map<number, number> }>();

  /** @param most bytes; nothing: as many as there are */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Before the plan is fetched for this shard. @throws UserError `plan/memory` */
  holdPlan(at: Place, deployment: Deployment): void {
    const run = this.#held.get(at.run) ?? { plan: 0, shards: new Map<number, number>() };
    const needs = planNeeds(deployment);
    this.#assertRoom(`run ${at.run}`, needs, run.plan);
    run.plan = sumOfNeeds(needs);
    run.shards.set(at.shard, run.shards.get(at.shard) ?? 0);
    this.#held.set(at.run, run);
  }

  /** Before the data of the shard are fetched. @throws UserError `plan/memory` */
  holdShard(at: Place, needs: readonly Need[]): void {
    const shards = this.#held.get(at.run)?.shards;
    this.#assertRoom(`shard ${at.shard} of ${at.run}`, needs, shards?.get(at.shard) ?? 0);
    shards?.set(at.shard, sumOfNeeds(needs));
  }

  free({ run, shard }: Place): void {
    const held = this.#held.get(run);
    held?.shards.delete(shard);
    if (held?.shards.size === 0) this.#held.delete(run);
  }

  get bytes(): number {
    return [...this.#held.values()].reduce(
      (sum, { plan, shards }) => sum + [...shards.values()].reduce((n, bytes) => n + bytes, plan),
      0,
    );
  }

  /** @param before bytes that these needs take the place of */
  #assertRoom(name: string, needs: readonly Need[], before: number): void {
    const others = this.bytes - before;
    const bytes = sumOfNeeds(needs);
    if (!(others + bytes <= this.#most)) throw this.#tooMuch(name, needs, bytes, others);
  }

  #tooMuch(name: string, needs: readonly Need[], bytes: number, others: number): UserError {
    const parts = [...needs]
      .filter((n) => n.bytes > 0)
      .sort((a, b) => b.bytes - a.bytes)
      .map((n) => `${n.what} ${formatBytes(n.bytes)}`);
    const taken = others > 0 ? `; other shards hold ${formatBytes(others)} of it` : '';
    return new UserError(
      'plan/memory',
      `${name} needs ${formatBytes(bytes)} (${parts.join(', ')}); --max-memory allows ${formatBytes(this.#most)}${taken}`,
      'cut the model into more shards, or join with more --max-memory',
    );
  }
}

function columnsOf(ref: DataRef, names: readonly string[]): ColumnRef[] {
  return ref.columns.filter((c) => names.includes(c.name));
}

function elementsOf(states: readonly State[]): number {
  return states.reduce((sum, s) => sum + sizeOf(s.shape), 0);
}
