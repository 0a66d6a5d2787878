/**
 * The result of checking: every cluster expanded, every parameter fixed, every expression typed. Names are identities
 * (`cortex.column[3].high`), never positions.
 */
import type { DataPart, FoundRate, PictureMoves } from '../../spec/plan.ts';
import type { Sparsity } from '../../spec/topologies.ts';
import type { Definition } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Expr, Shape } from '../operators/expr.ts';

/** A value known when compiling. */
export type Value = number | string | boolean | ListValue | SymbolValue | FunctionValue | InitializerValue | CallValue;
export interface ListValue {
  readonly kind: 'list';
  readonly items: readonly Value[];
}
/** `learned`, `none`, `clusters`: a word with a meaning of its own. */
export interface SymbolValue {
  readonly kind: 'symbol';
  readonly name: string;
}
/** A function of one tensor: `tanh`, `identity`, or a user's `function`. */
export interface FunctionValue {
  readonly kind: 'function';
  readonly name: string;
  /** The function applied to a leaf of some shape: how activations enter the graph. */
  readonly apply: (argument: Expr) => Expr;
}
/** `zeros`, `normal(0.1)`, `uniform_fan_in`: how weights begin, before the fans are known. */
export interface InitializerValue {
  readonly kind: 'initializer';
  readonly name: string;
  readonly arguments: Readonly<Record<string, number>>;
}
/** `learn.adamw(rate = …)`, `links.dense()`: a definition with its arguments, defaults filled in. */
export interface CallValue {
  readonly kind: 'call';
  readonly definition: Definition;
  /** Module-qualified name: `learn.adamw`. */
  readonly name: string;
  readonly arguments: Readonly<Record<string, Value>>;
  readonly span: Span;
}

/** How a weight begins, with its numbers already worked out from the fans; drawn from the stream (seed, name). */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  /** Ones on the diagonal of the last two axes. */
  | { readonly kind: 'identity'; readonly scale: number };

export interface WeightInstance {
  /** As used in the expression: `w`. */
  readonly name: string;
  readonly shape: Shape;
  readonly init: Initializer;
  /** Of a weight that several links share: its name in the program, that of the first of them. */
  readonly shared?: string;
}

/** A mean over the batch that an exact node's value reads: in predictions its running mean, which is kept as a weight. */
export interface BatchMean {
  /** Under which its running mean is kept, and read in `value`. */
  readonly weight: string;
  /** What the mean is of, for one sample: of leaf `mu` and of the means before. */
  readonly of: Expr;
  /** How much of the batch's own mean its running mean takes on with every weight step. */
  readonly share: number;
}

/** A node's definition for one shape: shared by all nodes that are alike. */
export interface NodePart {
  /** Activation of the values before they enter a link (convention A): an expression of leaf `z`. */
  readonly activation: Expr;
  /**
   * Of leaves `z`, `mu` and the node's weights, per sample; its sum over the elements is the node's energy (equation
   * 2).
   */
  readonly energy: Expr;
  readonly energyKind: string;
  /**
   * Of leaf `mu` and the node's weights: the node is exact, its values are this function of its prediction, and its
   * energy is 0 (equation 2a).
   */
  readonly value?: Expr;
  /** Means over the batch, each of which may read those before it. */
  readonly overBatch?: readonly BatchMean[];
  /** Half the squared error (standard `gaussian`) at a precision that is learned, or not 1. */
  readonly weighted?: true;
  /** Linear in z (cross-entropy, Bernoulli): only sound while clamped. */
  readonly clampedOnly: boolean;
  readonly weights: readonly WeightInstance[];
  readonly start: Initializer;
  /** `none`: no energy of its own when nothing predicts it. */
  readonly prior: 'zero' | 'none';
}

/** How weights of a node or a link learn beside those of others. */
export interface Learning {
  /** What the optimizer's rate is multiplied by: at 0 they stay as they begin. Absent: 1. */
  readonly learn?: number;
  /** What the optimizer's `decay` is multiplied by. Absent: 1. */
  readonly decay?: number;
}

export interface NodeInstance extends NodePart, Learning {
  readonly name: string;
  readonly role: 'node' | 'sense';
  /** Per sample. */
  readonly shape: Shape;
  /** Samples per second of a sense. */
  readonly rate?: number;
  /** In a cluster that does not expose it. */
  readonly internal?: true;
  readonly span: Span;
}

export interface LinkInstance extends Learning {
  /** `h1->h2`, with `#2` … behind it when the same two nodes are joined again. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** In steps of a sequence; 0: the same step. */
  readonly delay: number;
  /** The prediction, of the target’s shape: leaf `source`, which is f(z) of the source, and the link’s weights. */
  readonly body: Expr;
  readonly weights: readonly WeightInstance[];
  /** Only some units are joined: `density`, or `along` between single nodes. */
  readonly sparsity?: Sparsity;
  /** Its prediction adds to no other link's: the target has an error, and an energy, from it alone. */
  readonly apart?: true;
  /** Links with the same one share the weights whose names are equal. */
  readonly tie?: string;
  readonly span: Span;
}

export interface ModelInstance {
  readonly name: string;
  readonly parameters: Readonly<Record<string, Value>>;
  readonly nodes: readonly NodeInstance[];
  readonly links: readonly LinkInstance[];
  /** Steps per second when senses have rates: the least common multiple of them. */
  readonly baseRate?: number;
  readonly span: Span;
}

/** `data.mnist.train[0..54999]`; `data.file("x.npz", image = f32[28, 28])` has source `file`. */
export interface DataReference {
  readonly source: string;
  readonly split: string;
  /** Both ends included. */
  readonly range?: readonly [number, number];
  readonly path?: string;
  /** So many samples in a row are one sequence; the fields' shapes begin with this number then. */
  readonly steps?: number;
  /** The data above are divided, and this is the part that is meant. */
  readonly part?: DataPart;
  /** Pictures are moved by chance, other ways in every epoch. */
  readonly moved?: PictureMoves;
  readonly fields: readonly DataField[];
  readonly options: Readonly<Record<string, number | string | boolean>>;
  readonly span: Span;
}
export interface DataField {
  readonly name: string;
  readonly type: 'u8' | 'i32' | 'f32';
  readonly shape: Shape;
  /** As a task on sequences reads it: elements over the whole sequence; `shape` is of one of them. */
  readonly steps?: number;
}

export interface ClampInstance {
  readonly node: string;
  /**
   * Of leaves `sample.FIELD` (`sample[i].FIELD` for the i-th replica of `clamp eye[*] = …`), and
   * `standardize.FIELD.mean`, `standardize.FIELD.scale` (unbatched).
   */
  readonly value: Expr;
  /** Non-zero: clamped. One value per sample (shape []), or one per element in the node's shape. */
  readonly when?: Expr;
  readonly span: Span;
}

/** What clusters expose; or where shards meet. */
export type ValuesAt = 'clusters' | 'borders';

export interface TrainTask {
  readonly kind: 'train';
  readonly name: string;
  readonly model: ModelInstance;
  readonly data: DataReference;
  readonly validation?: DataReference;
  /** Steps of a sequence, where samples are sequences. */
  readonly sequence?: number;
  /** The fields of the data as clamps read them; those of `data` where samples are not sequences. */
  readonly inputs?: readonly DataField[];
  readonly clamps: readonly ClampInstance[];
  /** Where free nodes begin, instead of at their predictions. */
  readonly starts?: readonly ClampInstance[];
  readonly method: CallValue;
  /** Rate of the optimiser is a number or a call of a `rate` definition. */
  readonly optimizer: OptimizerInstance;
  /** Samples that one row of the network takes: more than 1 with `clamp eye[*] = …`. */
  readonly replicas: number;
  /** Samples per weight step, counted over the replicas. */
  readonly batch: number;
  readonly epochs: number;
  readonly seed?: number;
  /** The rate of its method, where that was `auto` and has been found, and the curvature that it is from. */
  readonly found?: FoundRate;
  /** Which nodes keep values that settle, the others being exact; absent: all. */
  readonly values?: ValuesAt;
  /** Nodes whose own weights, and those of the links into them, stay as they begin. */
  readonly frozen?: readonly string[];
  /** The last part of an epoch is trained though it does not fill a batch; absent: it is left out. */
  readonly last?: 'keep';
  readonly span: Span;
}

/**
 * One weight's update. Leaves are tensors of the weight's shape (`weight`, `gradient`, the states; of a thinned link
 * also `connection`) and numbers (`rate`, `step` = 1, 2, …, `share:decay`). The next states read the old states; the next weight reads
 * the new ones.
 */
export interface WeightStep {
  readonly nextStates: readonly { readonly name: string; readonly value: Expr }[];
  readonly nextWeight: Expr;
  /**
   * The terms of this weight in the sums over all weights: leaves `total:0`, `total:1`, … of the others; of `weight`
   * and `gradient`.
   */
  readonly totals?: readonly Expr[];
}

/** An optimiser as expressions. Element by element, one `WeightStep` is for all weights: its leaves have shape []. */
export interface OptimizerInstance extends WeightStep {
  readonly name: string;
  /** Of leaves `update` (updates before this one: 0, 1, …) and `updates` (of the whole training). */
  readonly rate: Expr;
  readonly states: readonly { readonly name: string; readonly init: number }[];
  /** By the weight's name, where an update depends on the weight's shape. */
  readonly ofWeights?: ReadonlyMap<string, WeightStep>;
}

export interface PredictTask {
  readonly kind: 'predict';
  readonly name: string;
  readonly model: ModelInstance;
  readonly clamps: readonly ClampInstance[];
  /** As in `TrainTask`. */
  readonly starts?: readonly ClampInstance[];
  /**
   * Of leaves `node:NAME` (the settled values), `prediction:NAME` and `energy:NAME` there, `sample.FIELD`, and
   * statistics as in clamps.
   */
  readonly reads: readonly { readonly name: string; readonly value: Expr; readonly span: Span }[];
  readonly settle?: CallValue;
  /** Steps of a sequence, where samples are sequences: each read is then one value a step. */
  readonly sequence?: number;
  readonly inputs: readonly DataField[];
  /** As in `TrainTask`: with more than 1, each read has one entry per replica along its first axis. */
  readonly replicas: number;
  readonly span: Span;
}

/** `check accuracy(classify.digit, data.mnist.test.digit) >= 0.98` */
export interface CheckInstance {
  /** As written, in canonical form. */
  readonly text: string;
  readonly metric: string;
  /** Of scores: their number for each element of the field. */
  readonly classes?: number;
  /** Of `top`: how many of the best classes count. */
  readonly best?: number;
  /** Of `precision`, `recall` and `auc`: the class that they are of. */
  readonly class?: number;
  readonly task: string;
  readonly read: string;
  readonly data: DataReference;
  readonly field: string;
  readonly comparison: '>=' | '>' | '<=' | '<' | '==';
  readonly bound: number;
  readonly span: Span;
}

export interface ScheduleInstance {
  readonly name: string;
  readonly model: string;
  readonly settings: Readonly<Record<string, Value>>;
  /** Groups of names as written in `keep_together`, arrays expanded to node names. */
  readonly keepTogether: readonly (readonly string[])[];
  readonly span: Span;
}

export interface Checked {
  readonly models: readonly ModelInstance[];
  readonly trains: readonly TrainTask[];
  readonly predicts: readonly PredictTask[];
  readonly checks: readonly CheckInstance[];
  readonly schedules: readonly ScheduleInstance[];
}

export type { Sparsity } from '../../spec/topologies.ts';
