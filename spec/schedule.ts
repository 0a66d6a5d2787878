/**
 * When a shard runs which function of its program, and what it exchanges with other shards in between.
 *
 * A function of the whole model (`train`, `predict.classify`) is cut into *segments*: functions of one shard's program
 * with nothing to wait for inside. A *stage* is a list of segments that repeats (the ticks of a batch). Values that
 * live from one segment to the next are *locals*, held by the session that runs the shard; weights and optimiser
 * states stay on the device. A *message* is all that one shard tells another at one point of a stage.
 *
 * Every shard goes through stages, ticks and segments in the same global order, and what a segment receives was sent
 * before it in that order: shards that only wait for what they need can never wait for each other in a circle.
 */
import type { FieldType, Shape } from './program.ts';

/** A value by the name it has in the program. `shape` includes the batch. */
export interface ScheduledValue {
  readonly name: string;
  readonly shape: Shape;
  /** Local of the receiver that stands in for it where its sender is absent (schedule `async`); absent: zeros do. */
  readonly standIn?: string;
}

/** A message of one shard to another at one point of a stage, once in every repetition of it. */
export interface Message {
  /** Unique within the plan. */
  readonly id: number;
  readonly from: number;
  readonly to: number;
  /** In the order in which a frame holds them. */
  readonly values: readonly ScheduledValue[];
}

/** One thing after the other: wait for messages, run, tell. */
export interface Segment {
  /** Messages that have to be there; their values become locals. */
  readonly receive: readonly number[];
  /** Function of the shard's program; absent where values are only passed on. */
  readonly run?: string;
  /** Messages whose values are now known. */
  readonly send: readonly number[];
}

/** The local `to` takes over the value of the local `from`. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

export interface Stage {
  /** `start`, `tick`, `learn`. */
  readonly name: string;
  /** How often its segments run. */
  readonly repeat: number;
  /** The variable `tick` in the first repetition. */
  readonly firstTick: number;
  /** Before the first repetition, all at once. */
  readonly begin: readonly Move[];
  readonly segments: readonly Segment[];
  /** After each repetition, all at once. */
  readonly next: readonly Move[];
  /** After the last repetition, all at once. */
  readonly end: readonly Move[];
}

/** Names of the functions that segments of these stages run, in order. */
export function runsIn(stages: readonly Stage[]): string[] {
  return stages.flatMap((s) => s.segments.flatMap(({ run }) => run ?? []));
}

/** A shard's part in one function of the whole model. */
export interface ShardFunction {
  /** `train`, `predict.classify`. */
  readonly name: string;
  /** Samples of one batch; of one microbatch, where a batch is divided. */
  readonly batch: number;
  /** So many parts of a batch are in flight side by side, each through all stages; absent: a batch is not divided. */
  readonly microbatches?: number;
  /** The function that takes the last microbatch, where it has fewer samples than the others. */
  readonly last?: string;
  /** Once when all microbatches have settled, without a word of others: the weight step. */
  readonly after?: readonly Stage[];
  /**
   * Where a batch may begin before the weight step of the one before it (`ahead = 1`): what odd batches run, by the
   * segment of even ones. Two batches are in flight, each in places of its own for weights and sums.
   */
  readonly odd?: Readonly<Record<string, string>>;
  /** Fields of the data that are fed to this shard; `shape` per sample. */
  readonly inputs: readonly { readonly name: string; readonly type: FieldType; readonly shape: Shape }[];
  readonly stages: readonly Stage[];
  /** Results that this shard gives, by the locals that hold them. */
  readonly results: readonly { readonly name: string; readonly value: string }[];
}

/** All that a shard does: `shards/I/schedule.json` of a plan. `schedule.schema.json` is the same as a schema. */
export interface ShardSchedule {
  readonly shard: number;
  readonly functions: readonly ShardFunction[];
  /** Messages that this shard sends or receives, by increasing id. */
  readonly messages: readonly Message[];
}
