/** The plan: what the compiler hands to the runtime. `plan.schema.json` is the same as a schema. */
import type { FieldType, Initializer, Shape } from './program.ts';

/** A major version that differs is refused; unknown fields of a newer minor one are ignored. */
export const PLAN_FORMAT = '1.0';

export interface PlanField {
  readonly name: string;
  readonly type: FieldType;
  /** Per sample. */
  readonly shape: Shape;
}

/** `data.mnist.train[0..54999]` */
export interface PlanData {
  readonly source: string;
  readonly split: string;
  readonly range?: readonly [number, number];
  readonly path?: string;
  readonly fields: readonly PlanField[];
  readonly options: Readonly<Record<string, number | string | boolean>>;
}

export interface PlanTraining {
  readonly task: string;
  /** For people: `IL, 8 ticks`. */
  readonly rule: string;
  readonly data: PlanData;
  readonly validation?: PlanData;
  readonly batch: number;
  readonly epochs: number;
  /** Fields that a batch feeds. */
  readonly inputs: readonly PlanField[];
}

export interface PlanPrediction {
  readonly task: string;
  /** Of the program: `predict.classify`. */
  readonly function: string;
  readonly batch: number;
  readonly inputs: readonly PlanField[];
  /** Names of the reads; the result `NAME.scores` exists where the read is an argmax. */
  readonly reads: readonly { readonly name: string; readonly shape: Shape; readonly scores: boolean }[];
}

export interface PlanCheck {
  /** As written. */
  readonly text: string;
  /** `accuracy`: share of equal; `error`: mean squared difference. */
  readonly metric: string;
  readonly task: string;
  readonly read: string;
  readonly data: PlanData;
  readonly field: string;
  readonly comparison: '>=' | '>' | '<=' | '<' | '==';
  readonly bound: number;
}

export interface PlanParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
}

export interface PlanShard {
  readonly id: number;
  readonly nodes: readonly string[];
  readonly parameters: readonly PlanParameter[];
  readonly parameterCount: number;
  /** Bytes of parameters, optimiser state and values of one batch, in f32. */
  readonly memory: number;
  /** Of one training batch; 0 where nothing is trained. */
  readonly flopsPerBatch: number;
  /** Path of the program's text within the plan. */
  readonly program: string;
  /** Paths of what the CPU device runs, within the plan. */
  readonly cpu: readonly string[];
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
  readonly borders: readonly never[];
  /** Every other file of the plan. */
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
}
