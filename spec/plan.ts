/** The plan: what the compiler hands to the runtime. `plan.schema.json` is the same as a schema. */
import type { Costs, CountedWork } from './costs.ts';
import type { FieldType, Initializer, Shape } from './program.ts';

/** A major version that differs is refused; unknown fields of a newer minor one are ignored. */
export const PLAN_FORMAT = '2.0';
/** Older major versions that are still read: plans of one shard, whose functions run as a whole. */
export const PLAN_FORMATS_READ: readonly string[] = ['1', '2'];

/** All files of one plan together; graphs and texts, not weights. */
export const MAX_PLAN_BYTES = 2 * 1024 ** 3;

export interface PlanField {
  readonly name: string;
  readonly type: FieldType;
  /** Per sample; of one element, where samples are sequences. */
  readonly shape: Shape;
  /** Elements over the whole sequence: step `s` of `S` reads element `floor(s · steps / S)`. */
  readonly steps?: number;
  /** First and last number that it may hold: what `one_hot` has places for. Absent: any. */
  readonly labels?: readonly [number, number];
}

/** Of data that are divided: `.split(0.8, seed = 1).train`. */
export interface DataPart {
  /** Of the samples, that are `train`. */
  readonly share: number;
  readonly seed: number;
  readonly name: 'train' | 'test';
}

/** Of pictures that are learnt from: `.moved(4, flip = true)`. */
export interface PictureMoves {
  /** Places by which a picture is moved at most, along its height and its width. */
  readonly by: number;
  /** Half of them are mirrored, left to right. */
  readonly flip: boolean;
}

/** `data.mnist.train[0..54999]` */
export interface PlanData {
  readonly source: string;
  readonly split: string;
  readonly range?: readonly [number, number];
  readonly path?: string;
  /** So many samples in a row are one sequence; the fields' shapes begin with this number then. */
  readonly steps?: number;
  /** The data above are divided, and this is the part that is meant. */
  readonly part?: DataPart;
  readonly moved?: PictureMoves;
  readonly fields: readonly PlanField[];
  readonly options: Readonly<Record<string, number | string | boolean>>;
}

/** Of a method with `rate = auto`. */
export interface FoundRate {
  readonly rate: number;
  /** Largest eigenvalue of the energy's Hessian in the values, over the samples of the first batch. */
  readonly curvature: number;
}

export interface PlanTraining {
  readonly task: string;
  /** For people: `IL, 8 ticks`. */
  readonly rule: string;
  /** Absent: the model names the rate. */
  readonly found?: FoundRate;
  /** Which nodes keep values that settle, and their names; absent: all that are not exact as the model has them. */
  readonly values?: { readonly at: 'clusters' | 'borders'; readonly nodes: readonly string[] };
  /** Ticks of inference in a batch, for rules that settle. */
  readonly ticks?: number;
  /** Number that the optimiser adds to the size of a gradient: an error below it moves no weight. */
  readonly epsilon?: number;
  readonly data: PlanData;
  readonly validation?: PlanData;
  readonly batch: number;
  /** Equal parts of a batch that shards have in flight side by side (schedule `pipelined`); absent: one. */
  readonly microbatches?: number;
  /** Batches that begin on predicted weights, before the weight step of the one before them: 1; absent: none. */
  readonly ahead?: number;
  /** Ticks read the newest values of other shards, at most so many ticks old (schedule `async`); absent: those of the same tick. */
  readonly async?: {
    readonly staleness: number;
    /** Neighbours that do not answer are not waited for; absent: they are. */
    readonly late?: 'absent';
  };
  readonly epochs: number;
  /** Steps of a sequence, where samples are sequences: the function runs once for each. */
  readonly sequence?: number;
  /** The last part of an epoch is trained though it does not fill a batch; absent: it is left out. */
  readonly last?: 'keep';
  /** Fields that a batch feeds. */
  readonly inputs: readonly PlanField[];
}

export interface PlanPrediction {
  readonly task: string;
  /** Of the program: `predict.classify`. */
  readonly function: string;
  readonly batch: number;
  readonly sequence?: number;
  readonly inputs: readonly PlanField[];
  /** Names of the reads; the result `NAME.scores` exists where the read is an argmax. */
  readonly reads: readonly { readonly name: string; readonly shape: Shape; readonly scores: boolean }[];
}

export interface PlanCheck {
  /** As written. */
  readonly text: string;
  /** A name of `metrics.ts`. */
  readonly metric: string;
  /** Of scores: their number for each element of the field. */
  readonly classes?: number;
  /** Of `top`: how many of the best classes count. */
  readonly best?: number;
  /** Of `precision`, `recall` and `auc`: the class that they are of. */
  readonly class?: number;
  readonly task: string;
  readonly read: string;
  readonly data: PlanData;
  readonly field: string;
  readonly comparison: '>=' | '>' | '<=' | '<' | '==';
  readonly bound: number;
}

/** Takes a file's bytes, a piece at a time. */
export type Sink = (bytes: Uint8Array) => void;

/** A file of a plan that is made when it is written, and then forgotten. */
export interface PlanPart {
  /** Within the plan, with `/`. */
  readonly path: string;
  write(sink: Sink): void;
}

export interface PlanParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
}

export interface PlanShard {
  readonly id: number;
  /** Names of its nodes, or of its tiles of them: `h1/2` is the third. */
  readonly nodes: readonly string[];
  /** The tiles among them: units from … to - 1 of the node, which for a picture are channels. */
  readonly tiles?: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  readonly parameters: readonly PlanParameter[];
  readonly parameterCount: number;
  /** Bytes of parameters, optimiser state and values of one batch, in f32. */
  readonly memory: number;
  /** Of one training batch; 0 where nothing is trained. */
  readonly flopsPerBatch: number;
  /** Path of the program's text within the plan. */
  readonly program: string;
  /**
   * Paths of what the program is lowered to for the CPU, within the plan. A machine that gets a plan from others runs
   * none of these: it lowers the program itself, and refuses the plan where its own compiler would have made others.
   */
  readonly cpu: readonly string[];
  /** Names by which the device knows them (`cpu/train.tick.0.onnx`), in the same order; absent: their paths. */
  readonly cpuNames?: readonly string[];
  /**
   * Paths of kernels for WebGPU: the list of dispatches, then its modules, for a page that trains; made anew elsewhere.
   */
  readonly kernels?: readonly string[];
  /** Path of its `ShardSchedule`; absent where there is one shard, whose functions run as a whole. */
  readonly schedule?: string;
  /** FLOP of a batch of training (or of the first prediction) over its ticks. */
  readonly flopsPerTick?: number;
}

/** Messages of one shard to another. */
export interface PlanFlow {
  readonly from: number;
  readonly to: number;
  /** In each tick: frames, and numbers in them. */
  readonly messagesPerTick: number;
  readonly valuesPerTick: number;
  /** By codec of the frames; f64 is what reference devices exchange. */
  readonly bytesPerTick: { readonly f32: number; readonly f16: number; readonly f64?: number };
  /** In a whole training batch, ticks included. */
  readonly messagesPerBatch: number;
  readonly valuesPerBatch: number;
}

/** Two shards that exchange anything, with both directions (one may be missing). */
export interface PlanBorder {
  readonly shards: readonly [number, number];
  readonly flows: readonly PlanFlow[];
}

/** Expectations of a plan about the machines that it was made for. */
export interface PlanPredicted {
  /** Ticks of one batch. */
  readonly ticks: number;
  readonly machines: readonly {
    readonly name: string;
    /** FLOP per second; bytes per second. */
    readonly rate: number;
    readonly upload: number | null;
    readonly download: number | null;
    /** Bytes that a shard may have there; absent: no bound. */
    readonly memory?: number;
    /** Of the mesh file, where it has them. */
    readonly cores?: number;
    readonly costs?: Costs;
  }[];
  readonly shards: readonly {
    /** Seconds of a tick on its machine, of what goes out and of what comes in: those of a batch over its ticks. */
    readonly compute: number;
    /** Of `compute`, what frames take: to seal, send, receive and open. */
    readonly frames?: number;
    readonly upload: number;
    readonly download: number;
  }[];
  /** Seconds of a tick: the largest of the above, and of what a slow link between two machines takes. */
  readonly tick: number;
  /** The machine that all of this is of, where no mesh file names any. */
  readonly assumed?: string;
  /** Work of one shard in a batch of training: calls, what they work out and are handed, and bytes of the state. */
  readonly whole?: CountedWork & { readonly state: number };
  /** `to`: where the link leads that limits. */
  readonly limit: {
    readonly shard: number;
    readonly by: 'compute' | 'upload' | 'download' | 'link';
    readonly to?: number;
  };
}

export interface Plan {
  readonly format: string;
  readonly compiler: string;
  readonly model: string;
  /** Source modules and their SHA-256, the model's own first. */
  readonly source: readonly { readonly path: string; readonly sha256: string }[];
  readonly training?: PlanTraining;
  readonly predictions: readonly PlanPrediction[];
  readonly checks: readonly PlanCheck[];
  readonly shards: readonly PlanShard[];
  readonly borders: readonly PlanBorder[];
  /** Absent where there is one shard. */
  readonly predicted?: PlanPredicted;
  /** Every other file of the plan. */
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
}
