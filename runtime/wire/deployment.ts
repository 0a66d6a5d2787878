/**
 * A run: a long-lived record, idempotent by its id. Everything that a shard needs to compute is in it or is a
 * blob that it names by hash; it contains no path of any machine.
 */
import type { CountedWork } from '../../spec/costs.ts';
import type { PictureMoves } from '../../spec/plan.ts';
import type { DataRecord } from '../training/data-record.ts';
import type * as training from '../training/evaluations.ts';
import type { BorderCodec } from './codec.ts';

/** A content-addressed blob: SHA-256 in hexadecimal, and its size. */
export interface BlobRef {
  readonly blob: string;
  readonly bytes: number;
}

export interface PlanFileRef extends BlobRef {
  /** Within the plan. */
  readonly path: string;
}

/** All rows of one field, as blobs one after the other. */
export interface ColumnRef {
  readonly name: string;
  readonly type: 'u8' | 'i32' | 'f32';
  readonly shape: readonly number[];
  /** The first axis has so many elements of a sequence: a step reads one of them. */
  readonly steps?: number;
  readonly blobs: readonly BlobRef[];
}

/** Of one element of a column. */
export const ELEMENT_BYTES: Readonly<Record<ColumnRef['type'], number>> = { u8: 1, i32: 4, f32: 4 };

export interface DataRef {
  readonly name: string;
  readonly length: number;
  readonly columns: readonly ColumnRef[];
  /** How a training moves their pictures. */
  readonly moved?: PictureMoves;
}

/** Absent fields are those of deployments of older versions. */
export interface Evaluation extends training.Evaluation {
  /** Its calls change what the model remembers from step to step. */
  readonly remembers?: boolean;
}

/** Work of a shard in one training batch: pieces that cost time, counted. */
export interface BatchWork extends CountedWork {
  /** Bytes of the state, read and hashed behind it. */
  readonly state: number;
}

/** Bytes that a shard sends another in one training batch. */
export interface Sends {
  readonly to: number;
  readonly bytes: number;
  readonly frames: number;
  /** Moments at which it sends them, one after the other. */
  readonly hops: number;
}

/** Needs of a shard, for placement, and what it may know and say. */
export interface ShardNeeds {
  /** Bytes, in f32. */
  readonly memory: number;
  /** FLOP of a batch. */
  readonly flops: number;
  /** Out of it, for a batch. */
  readonly bytes: number;
  /** Of a training batch; absent in deployments of older versions, as `sends` is. */
  readonly work?: BatchWork;
  readonly sends?: readonly Sends[];
  /** Values that messages for it can have, by the plan: those that may have any are left out. */
  readonly ranges?: readonly { readonly message: number; readonly low?: number; readonly high?: number }[];
  /** Of schedule `async`: shards whose values its own begin with, in the sweep before the ticks of a batch. */
  readonly feeds?: readonly number[];
  /** Columns of the data that it reads, for each check those that it feeds or compares. */
  readonly reads?: { readonly train: readonly string[]; readonly checks: readonly (readonly string[])[] };
  /** Names of the sums that it may report. */
  readonly totals?: readonly string[];
}

export interface Deployment {
  readonly run: string;
  readonly model: string;
  readonly task: string;
  /** `plan.json` first. */
  readonly plan: readonly PlanFileRef[];
  readonly shards: number;
  /** Of each shard, in order. */
  readonly needs: readonly ShardNeeds[];
  readonly train: DataRef;
  /** Of each evaluation. */
  readonly checks: readonly DataRef[];
  /** Statistics for `standardize`: mean by element as a blob of f32, and the scale. */
  readonly statistics: readonly { readonly field: string; readonly mean: BlobRef; readonly scale: number }[];
  /**
   * Of a training batch whose borders all lie between trainers: one-way delays, one after the other, and which share of
   * the work of all shards is done one after the other.
   */
  readonly pace?: { readonly hops: number; readonly serial: number };
  /** Keys of trainers by shard, which get it wherever they can; empty: any. */
  readonly on?: readonly string[];
  /** Samples of a training batch. */
  readonly batch: number;
  /** Steps of a sequence, each a call of its own; absent: samples are not sequences. */
  readonly sequence?: number;
  /** Number that the optimiser adds to the size of a gradient: an error below it moves no weight. */
  readonly epsilon?: number;
  /** Record of its data, as a run's folder keeps it: every later reading is held to it. */
  readonly trainedOn?: DataRecord;
  /** The file of tokens of its texts, for who fetches the run. */
  readonly vocabulary?: BlobRef;
  /** Evaluations after each epoch: one for each check of the plan, in its order, then the validation. */
  readonly evaluations: readonly Evaluation[];
  readonly epochs: number;
  readonly seed: number;
  /** Training batches between two snapshots. */
  readonly snapshotEvery: number;
  /**
   * Shards sign their states every so many training batches and at each snapshot, and keep a record of each stretch in
   * between, of so many bytes at most, and of so many in all. Absent in deployments of older versions: a state is signed
   * behind each weight step, and no record is kept.
   */
  readonly stretches?: { readonly batches: number; readonly bytes: number; readonly keep: number };
  /** Shards hold the frames of neighbours to bounds that earlier stretches give; absent: to the ranges of the plan alone. */
  readonly bounds?: 'learnt';
  readonly schedule: 'lockstep' | 'pipelined' | 'async';
  /** Of `async`: so many ticks old may be what a tick reads; past that it waits. */
  readonly staleness?: number;
  /** Of `async`: seconds of a tick of the slowest shard, as the deployer has counted them; absent: nothing was measured. */
  readonly tick?: number;
  /** Of `async`: a neighbour that does not answer is absent, and is not waited for; absent: it is. */
  readonly late?: 'absent';
  /** Microbatches of one batch in flight; 1 in lockstep. */
  readonly microbatches: number;
  /** Batches that begin on predicted weights before the weight step of the one before them: 1; absent: none. */
  readonly ahead?: number;
  /** Border values on the wire. */
  readonly codec: BorderCodec;
  /**
   * For the run folder that `nmc fetch` makes: path and text of the model, the compiler's version, the parameters that were
   * set, and how many samples of each set were taken at most.
   */
  readonly source: {
    readonly path: string;
    readonly text: string;
    readonly compiler: string;
    readonly set?: Readonly<Record<string, string>>;
    readonly limit?: number;
  };
}
