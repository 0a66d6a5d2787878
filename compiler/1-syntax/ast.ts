/**
 * The abstract syntax tree: what was written, with spans and doc comments, and nothing inferred.
 * `spec/language.md` is the grammar in words.
 */
import type { Span } from '../diagnostics/diagnostic.ts';

export interface Name {
  readonly text: string;
  readonly span: Span;
}

// ---------------------------------------------------------------- expressions
export type Expression =
  | NumberLiteral
  | StringLiteral
  | NameReference
  | Member
  | Index
  | Call
  | Unary
  | Binary
  | ListLiteral;

/** `30Hz`, `5Mbit/s`, `3.0e-4`: the unit is glued to its number. */
export interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number;
  readonly unit?: string;
  readonly span: Span;
}
export interface StringLiteral {
  readonly kind: 'string';
  readonly value: string;
  readonly span: Span;
}
/** A bare word: a parameter, a node, a built-in (`tanh`, `zeros`, `true`), a module. */
export interface NameReference {
  readonly kind: 'name';
  readonly name: string;
  readonly span: Span;
}
/** `of.name`: any word may stand after a dot. */
export interface Member {
  readonly kind: 'member';
  readonly of: Expression;
  readonly name: Name;
  readonly span: Span;
}
/** `of[3]`, `of[*]`, `of[0..7]` (both ends included), `f32[28, 28]`. */
export interface Index {
  readonly kind: 'index';
  readonly of: Expression;
  readonly items: readonly IndexItem[];
  readonly span: Span;
}
export type IndexItem =
  | { readonly kind: 'at'; readonly value: Expression; readonly span: Span }
  | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression; readonly span: Span }
  | { readonly kind: 'all'; readonly span: Span };
export interface Argument {
  readonly name?: Name;
  readonly value: Expression;
  readonly span: Span;
}
export interface Call {
  readonly kind: 'call';
  readonly callee: Expression;
  readonly arguments: readonly Argument[];
  readonly span: Span;
}
export interface Unary {
  readonly kind: 'unary';
  readonly operator: '-' | 'not';
  readonly operand: Expression;
  readonly span: Span;
}
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '^' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'and' | 'or';
export interface Binary {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}
export interface ListLiteral {
  readonly kind: 'list';
  readonly items: readonly Expression[];
  readonly span: Span;
}

/** `f32[28, 28]`, `int`, `float`: an element type and, for tensors, sizes. */
export interface TypeExpression {
  readonly element: Name;
  readonly sizes: readonly Expression[];
  readonly span: Span;
}

// ---------------------------------------------------------------- declarations
export interface SourceFile {
  readonly file: string;
  /** From `pcn 1`; undefined when the header is missing or unreadable. */
  readonly version?: number;
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
  /** All comments in order, for the formatter. */
  readonly comments: readonly Comment[];
  readonly span: Span;
}
export interface Comment {
  /** With its slashes, without the line break. */
  readonly text: string;
  readonly doc: boolean;
  readonly span: Span;
}
/** `import std/nodes`, `import ./column`, `import ../lib/column`: the module's name is its last segment. */
export interface Import {
  readonly path: string;
  readonly name: Name;
  readonly span: Span;
}
export type Declaration = Model | Definition | Train | Predict | Schedule | Check;

interface Documented {
  /** Text of the `///` lines above, without slashes; empty when none. */
  readonly doc: string;
  readonly span: Span;
}

/** `param hidden: int = 128 where hidden >= 10`, and the parameters of definitions. */
export interface Parameter extends Documented {
  readonly name: Name;
  readonly type?: TypeExpression;
  readonly default?: Expression;
  readonly where?: Expression;
}

export interface Model extends Documented {
  readonly kind: 'model';
  readonly name: Name;
  readonly body: readonly ModelStatement[];
}
export type ModelStatement = ParamStatement | NodeStatement | LinkStatement | ClusterStatement | ExposeStatement;
export interface ParamStatement extends Parameter {
  readonly kind: 'param';
}
/** `sense retina: f32[64, 64, 3] at 30Hz`, `node h: f32[n] = nodes.gaussian()`, `sense eye[R]: f32[784]`. */
export interface NodeStatement extends Documented {
  readonly kind: 'node';
  readonly role: 'node' | 'sense';
  readonly name: Name;
  /** Size of an array of nodes. */
  readonly count?: Expression;
  readonly type: TypeExpression;
  /** Rate of a sense. */
  readonly rate?: Expression;
  readonly value?: Expression;
}
/** `link a -> b -> c = links.dense() along topology.ring()`: `path` has two or more ends. */
export interface LinkStatement extends Documented {
  readonly kind: 'link';
  /** Each end is a name, member, index or list of them. */
  readonly path: readonly Expression[];
  readonly value: Expression;
  readonly along?: Expression;
}
/** `cluster v1[16] = column.visual()` inside a model or a cluster. */
export interface ClusterStatement extends Documented {
  readonly kind: 'cluster';
  readonly name: Name;
  readonly count?: Expression;
  readonly value: Expression;
}
export interface ExposeStatement extends Documented {
  readonly kind: 'expose';
  readonly names: readonly Name[];
}

/**
 * A top-level definition: `cluster cortical(width: int) { … }` with a model's statements, or
 * `node|link|optimizer|rate|method|topology|settling|data|function name(…) { … }` with definition statements.
 * A definition of the standard library without a body is built into the compiler (`learn.il`, `topology.ring`).
 */
export interface Definition extends Documented {
  readonly kind: 'definition';
  readonly what: 'cluster' | 'node' | 'link' | 'optimizer' | 'rate' | 'method' | 'topology' | 'data' | 'function';
  readonly name: Name;
  readonly parameters: readonly Parameter[];
  /** Only for clusters. */
  readonly body: readonly ModelStatement[];
  /** For everything but clusters; undefined when there are no braces. */
  readonly rules?: readonly DefinitionStatement[];
}
export type DefinitionStatement =
  /** `weight w: f32[size(target), size(source)] = init when bias` */
  | {
      readonly kind: 'weight';
      readonly name: Name;
      readonly type: TypeExpression;
      readonly init: Expression;
      readonly when?: Expression;
      readonly span: Span;
    }
  /** `state m = 0` of an optimizer */
  | { readonly kind: 'state'; readonly name: Name; readonly init: Expression; readonly span: Span }
  /** `let t = exp(x)`: a name for a sub-expression */
  | { readonly kind: 'let'; readonly name: Name; readonly value: Expression; readonly span: Span }
  /** `next m = …`, `next weight = …` of an optimizer */
  | { readonly kind: 'next'; readonly name: Name; readonly value: Expression; readonly span: Span }
  /** `predict …` of a link; `energy …` of a node; `value …` of a rate or function; each may carry `when` */
  | {
      readonly kind: 'predict' | 'energy' | 'value';
      readonly value: Expression;
      readonly when?: Expression;
      readonly span: Span;
    }
  /** `field image: u8[28, 28]` of a data set; `split train, test` */
  | { readonly kind: 'field'; readonly name: Name; readonly type: TypeExpression; readonly span: Span }
  | { readonly kind: 'split'; readonly names: readonly Name[]; readonly span: Span };

/** `train il of mnist on data.mnist.train { … }` */
export interface Train extends Documented {
  readonly kind: 'train';
  readonly name: Name;
  readonly model: Name;
  readonly on?: Expression;
  readonly body: readonly TaskStatement[];
}
/** `predict classify of mnist { … }` */
export interface Predict extends Documented {
  readonly kind: 'predict';
  readonly name: Name;
  readonly model: Name;
  readonly on?: Expression;
  readonly body: readonly TaskStatement[];
}
/** `schedule home of small_brain { … }` */
export interface Schedule extends Documented {
  readonly kind: 'schedule';
  readonly name: Name;
  readonly model: Name;
  readonly body: readonly TaskStatement[];
}
interface ValueStatement extends Documented {
  readonly target: Expression;
  readonly value: Expression;
  readonly when?: Expression;
}
/** `clamp pixels = sample.image / 255` */
export interface ClampStatement extends ValueStatement {
  readonly kind: 'clamp';
}
/** `start h = sample.guess`: where the values of a free node begin. */
export interface StartStatement extends ValueStatement {
  readonly kind: 'start';
}
export type TaskStatement =
  | ClampStatement
  | StartStatement
  | {
      readonly kind: 'read';
      readonly name: Name;
      readonly value: Expression;
      readonly doc: string;
      readonly span: Span;
    }
  /** `validate on data.mnist.train[55000..59999]` */
  | { readonly kind: 'validate'; readonly on: Expression; readonly doc: string; readonly span: Span }
  /** `method = learn.il(…)`, `batch = 128` */
  | {
      readonly kind: 'setting';
      readonly name: Name;
      readonly value: Expression;
      readonly doc: string;
      readonly span: Span;
    };

/** `check accuracy(classify.digit, data.mnist.test.digit) >= 0.98` */
export interface Check extends Documented {
  readonly kind: 'check';
  readonly condition: Expression;
}
