/** Meanings of an expression while checking: a value known now, a tensor known later, or a place in the model. */
import type { DataPart } from '../../spec/plan.ts';
import type { Definition } from '../1-syntax/ast.ts';
import type { Dimension } from '../1-syntax/units.ts';
import type { Module } from '../2-names/program.ts';
import type { Expr, Shape } from '../operators/expr.ts';
import { showShape } from '../operators/operator.ts';
import type {
  CallValue,
  DataField,
  DataReference,
  FunctionValue,
  InitializerValue,
  NodeInstance,
  SymbolValue,
  Value,
} from './checked.ts';

export type Term =
  | number
  | string
  | boolean
  | Quantity
  | ListTerm
  | SymbolValue
  | FunctionValue
  | InitializerValue
  | CallValue
  | TensorTerm
  | PlacesTerm
  | TypeTerm
  | DataTerm
  | { readonly kind: 'module'; readonly module: Module }
  | { readonly kind: 'definition'; readonly definition: Definition; readonly module: Module }
  | SampleTerm
  | Poison;

/** A number with a unit, in hertz, seconds, bytes or bytes per second. */
export interface Quantity {
  readonly kind: 'quantity';
  readonly value: number;
  readonly dimension: Dimension;
}
export interface ListTerm {
  readonly kind: 'list';
  readonly items: readonly Term[];
}
export interface TensorTerm {
  readonly kind: 'tensor';
  readonly expr: Expr;
}
/** Nodes or clusters. `plural`: written with `[*]`, a range or a list, so that the number of them is not the point. */
export interface PlacesTerm {
  readonly kind: 'places';
  readonly places: readonly Place[];
  readonly plural: boolean;
  /** Arrays that still lack their index: `v1` of `v1[16]`, and one for each outer place in `a[*].v1`. */
  readonly whole?: { readonly name: string; readonly arrays: readonly (readonly Place[])[] };
}
export type Place =
  | { readonly kind: 'node'; readonly node: NodeInstance }
  | { readonly kind: 'cluster'; readonly cluster: ClusterInstance };

export interface ClusterInstance {
  readonly name: string;
  readonly definition: Definition;
  readonly member: (name: string) => Term | undefined;
  readonly exposed: ReadonlySet<string>;
  /** Every node inside, at any depth. */
  readonly nodes: readonly NodeInstance[];
}
/** `f32[28, 28]` where a value is wanted: the fields of `data.file`. */
export interface TypeTerm {
  readonly kind: 'type';
  readonly element: string;
  readonly shape: Shape;
}
/** A data set, its split, or one of its fields. */
export interface DataTerm {
  readonly kind: 'data';
  readonly definition: Definition;
  readonly reference: DataReference;
  readonly splits: readonly string[];
  readonly splitChosen: boolean;
  /** Divided by `.split(…)`: the parts are `splits`, and none is chosen yet. */
  readonly dividing?: Omit<DataPart, 'name'>;
  readonly field?: string;
}
/** `sample` or `input`: one sample of the data. */
export interface SampleTerm {
  readonly kind: 'sample';
  readonly fields: readonly DataField[];
  /** How its leaves are called: `sample`, or `sample[3]` for a replica. */
  readonly leaf: string;
  /** Where the fields come from, for messages: `data.mnist`. */
  readonly source: string;
  /** A mistake elsewhere hides some of the fields: one that is not there is no mistake of its own. */
  readonly lost?: boolean;
}
/** The result of a reported mistake: nothing that is made of it is reported again. */
export interface Poison {
  readonly kind: 'poison';
}

export const POISON: Poison = { kind: 'poison' };

export function tensor(expr: Expr): TensorTerm {
  return { kind: 'tensor', expr };
}

export function isKind<K extends Exclude<Term, number | string | boolean>['kind']>(
  term: Term,
  kind: K,
): term is Extract<Exclude<Term, number | string | boolean>, { kind: K }> {
  return typeof term === 'object' && term.kind === kind;
}

export function isPoison(term: Term): term is Poison {
  return isKind(term, 'poison') || (isKind(term, 'list') && term.items.some(isPoison));
}

/** "a number", "a list": what a term is, for messages. */
export function describe(term: Term): string {
  if (typeof term === 'number') return `the number ${term}`;
  if (typeof term === 'string') return `the text "${term}"`;
  if (typeof term === 'boolean') return `\`${term}\``;
  switch (term.kind) {
    case 'quantity':
      return `a ${term.dimension === 'memory' ? 'size in bytes' : term.dimension}`;
    case 'list':
      return 'a list';
    case 'symbol':
      return `the word \`${term.name}\``;
    case 'function':
      return `the function \`${term.name}\``;
    case 'initializer':
      return `the initialiser \`${term.name}\``;
    case 'call':
      return `the ${term.definition.what} \`${term.name}\``;
    case 'tensor':
      return `a tensor of ${showShape(term.expr.shape)}`;
    case 'places':
      return term.whole === undefined ? 'a place in the model' : `the array \`${term.whole.name}\``;
    case 'type':
      return 'a type';
    case 'data':
      return term.field === undefined ? 'data' : 'a field of data';
    case 'module':
      return `the module \`${term.module.name}\``;
    case 'definition':
      return `the ${term.definition.what} \`${term.definition.name.text}\``;
    case 'sample':
      return 'a whole sample';
    case 'poison':
      return 'something unknown';
  }
}

/** The term as a value that later stages can keep; undefined for what only exists while checking. */
export function toValue(term: Term): Value | undefined {
  if (typeof term !== 'object') return term;
  switch (term.kind) {
    case 'quantity':
      return term.value;
    case 'list': {
      const items = term.items.map(toValue);
      return items.some((item) => item === undefined) ? undefined : { kind: 'list', items: items as Value[] };
    }
    case 'symbol':
    case 'function':
    case 'initializer':
    case 'call':
      return term;
    default:
      return undefined;
  }
}

/** A value as text, the same for equal values: keys of caches, canonical names. */
export function valueKey(value: Value | Term): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  switch (value.kind) {
    case 'list':
      return `[${value.items.map(valueKey).join(', ')}]`;
    case 'symbol':
    case 'function':
      return value.name;
    case 'initializer': {
      const inside = Object.entries(value.arguments).map(([name, v]) => `${name} = ${v}`);
      return inside.length === 0 ? value.name : `${value.name}(${inside.join(', ')})`;
    }
    case 'call':
      return callKey(value);
    default:
      return value.kind;
  }
}

const callKeys = new WeakMap<CallValue, string>();

function callKey(call: CallValue): string {
  const known = callKeys.get(call);
  if (known !== undefined) return known;
  const inside = Object.entries(call.arguments).map(([name, value]) => `${name} = ${valueKey(value)}`);
  const key = `${call.name}(${inside.join(', ')})`;
  callKeys.set(call, key);
  return key;
}
