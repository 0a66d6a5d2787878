/** A function as straight code that kernels are made from: what every operation reads, and where each value is used. */
import type { OpOrigin } from '../../../spec/names.ts';
import type { Attributes, FieldType, ScalarExpr, Shape } from '../../../spec/program.ts';

/** How elements lie in memory; `f16`: two in a word, and only products read them. */
export type StoredType = FieldType | 'f16';

/** How an operation reads a value: as a tensor of this shape, whose elements lie in order. */
export interface Use {
  readonly base: string;
  readonly shape: Shape;
}

/** The origin of an operation: as the program has it, or the result of a run that it makes. */
export type Origin = OpOrigin | `result ${string}`;

export interface FlatOp {
  readonly id: string;
  /**
   * Of the operator table, or `copy`: each element as it is, repeated where its shape says so; or `pack`: pairs of
   * elements in half precision.
   */
  readonly op: string;
  readonly uses: readonly Use[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly origin: Origin | undefined;
}

export interface Flat {
  readonly ops: readonly FlatOp[];
  readonly constants: ReadonlyMap<string, number>;
  readonly scalars: ReadonlyMap<string, ScalarExpr>;
  /** Of inputs that are not f32, and of copies in half precision. */
  readonly types: ReadonlyMap<string, StoredType>;
  /** Elements of states and inputs. */
  readonly outside: ReadonlyMap<string, number>;
  /** State by state, the operation that makes its new value. */
  readonly updates: readonly { readonly state: string; readonly value: string }[];
  readonly results: readonly { readonly name: string; readonly value: string }[];
}

/** Whether a value lies in memory: constants and scalars do not. */
export function inMemory(flat: Flat, base: string): boolean {
  return !flat.constants.has(base) && !flat.scalars.has(base);
}
